"""The back office: `create_app()` for the server, the demo and the tests."""

from __future__ import annotations

from flask import Flask

from backoffice import filters
from backoffice.accounts import routes as accounts
from backoffice.audit_trail import routes as audit_trail
from backoffice.bank import routes as bank
from backoffice.collections import routes as collections
from backoffice.customers import routes as customers
from backoffice.home import routes as home
from backoffice.imports import routes as imports
from backoffice.mandates import routes as mandates
from backoffice.matching import matches as _matches  # noqa: F401 - adds its pages
from backoffice.matching import routes as matching
from backoffice.operations import routes as operations
from backoffice.payments import accounts as _accounts  # noqa: F401 - adds its pages
from backoffice.payments import payouts as _payouts  # noqa: F401 - adds its pages
from backoffice.payments import routes as payments
from backoffice.payments import words
from backoffice.plans import routes as plans
from backoffice.receivables import routes as receivables
from backoffice.reports import receipts as _receipts  # noqa: F401 - adds its pages
from backoffice.reports import routes as reports
from backoffice.sign_in import routes as sign_in
from shared.actor import Permission
from shared.i18n import N_
from shared.identity import web
from shared.web.app import make_app
from shared.web.shell import NavItem

NAV = (
    NavItem(N_("Home"), "home.index", "home"),
    NavItem(N_("Reconcile"), "matching.index", "inbox", Permission.SEE_BANK),
    NavItem(N_("Payments"), "payments.index", "card", Permission.SEE_PAYMENTS),
    NavItem(N_("Collections"), "collections.index", "download", Permission.COLLECT),
    NavItem(N_("Customers"), "customers.index", "customers", Permission.SEE_CUSTOMERS),
    NavItem(N_("Invoices"), "receivables.index", "invoice", Permission.SEE_RECEIVABLES),
    NavItem(N_("Mandates"), "mandates.index", "refresh", Permission.SEE_MANDATES),
    NavItem(N_("Plans and autopay"), "plans.index", "calendar", Permission.SEE_PLANS),
    NavItem(N_("Aged balance"), "reports.aged", "chart", Permission.SEE_REPORTS),
    NavItem(N_("Import"), "imports.index", "upload", Permission.IMPORT_INVOICES),
    NavItem(N_("Bank"), "bank.index", "bank", Permission.SEE_BANK),
    NavItem(N_("Bank details"), "accounts.index", "lock", Permission.SEE_BANK),
    NavItem(N_("Audit trail"), "audit_trail.index", "shield", Permission.SEE_AUDIT),
    NavItem(N_("Operations"), "operations.index", "settings", Permission.SEE_OPERATIONS),
)


def create_app() -> Flask:
    app = make_app(
        "backoffice",
        title="Quittance",
        blueprints=[
            sign_in.blueprint,
            home.blueprint,
            matching.blueprint,
            payments.blueprint,
            collections.blueprint,
            customers.blueprint,
            receivables.blueprint,
            mandates.blueprint,
            plans.blueprint,
            reports.blueprint,
            bank.blueprint,
            accounts.blueprint,
            imports.blueprint,
            audit_trail.blueprint,
            operations.blueprint,
        ],
        nav=NAV,
        load_actor=web.load_actor,
        ready=web.ready("backoffice"),
        login="sign_in.password",
        logout="sign_in.leave",
        home="home.index",
        person_language=web.person_language,
    )
    web.install(app, "backoffice")
    filters.install(app)
    words.install(app)
    return app
