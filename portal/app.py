"""The portal: `create_app()` for the server, the demo and the tests."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from portal import account_changes
from portal.autopay import routes as autopay
from portal.documents import routes as documents
from portal.home import routes as home
from portal.invoices import routes as invoices
from portal.mandates import routes as mandates
from portal.pay import routes as pay
from portal.payments import routes as payments
from portal.plans import routes as plans
from portal.sign_in import routes as sign_in
from portal.statement import routes as statement
from portal.webhooks import app as webhooks
from shared import iban
from shared.actor import Permission
from shared.i18n import N_
from shared.identity import web
from shared.web.app import make_app
from shared.web.shell import NavItem


def create_app() -> Flask:
    see = Permission.SEE_OWN_ACCOUNT
    app = make_app(
        "portal",
        title="Quittance",
        blueprints=[
            b.blueprint
            for b in (sign_in, home, invoices, pay, payments, mandates, autopay, plans, statement, documents)
        ],
        nav=[
            NavItem(N_("Home"), "home.index", "home", see),
            NavItem(N_("Invoices"), "invoices.index", "invoice", see),
            NavItem(N_("Pay"), "pay.index", "transfer", Permission.ANNOUNCE_PAYMENT),
            NavItem(N_("Payments"), "payments.index", "bank", see),
            NavItem(N_("Direct debit"), "mandates.index", "refresh", Permission.SIGN_MANDATE),
            NavItem(N_("Autopay"), "autopay.index", "calendar", Permission.PAY),
            NavItem(N_("Plans"), "plans.index", "half", Permission.PAY),
            NavItem(N_("Statement"), "statement.index", "document", see),
        ],
        load_actor=web.load_actor,
        ready=web.ready("portal"),
        login="sign_in.ask",
        logout="sign_in.leave",
        home="home.index",
        person_language=web.person_language,
    )
    app.jinja_env.filters["iban"] = iban.grouped
    web.install(app, "portal")
    account_changes.install(app)
    app.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, {"/webhooks": webhooks.create_app().wsgi_app}
    )
    return app
