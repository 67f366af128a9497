"""The mailbox's two pages: all mails, and one of them.

A mail's HTML is a stranger's: it is shown in a frame without scripts, forms, storage or network, whose links open
in a window of their own.
"""

from __future__ import annotations

import re

from flask import Blueprint, Flask, Response, make_response
from flask.typing import ResponseReturnValue

from shared.errors import NotFound
from shared.i18n import N_
from shared.ids import parse_id
from shared.sandbox import bank_pages
from shared.sandbox.mailbox_store import Mail, Mailbox
from shared.web.access import public
from shared.web.app import make_app
from shared.web.headers import CONTENT_SECURITY_POLICY
from shared.web.render import render
from shared.web.shell import NavItem

_FRAME_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",  # mail programs know no other styles
        "img-src data:",
        "frame-ancestors 'self'",
        "sandbox allow-popups allow-popups-to-escape-sandbox",
    )
)
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)


def make_mailbox_app(mailbox: Mailbox) -> Flask:
    """The app over one mailbox; open to whoever reaches the loopback address, as a demo's mailbox must be."""
    return make_app(
        "mailbox",
        title="Quittance",
        blueprints=[_pages(mailbox), bank_pages.blueprint],
        nav=[
            NavItem(N_("Mailbox"), "mailbox.index", "mail"),
            NavItem(N_("Bank"), "bank.index", "bank"),
        ],
        load_actor=lambda: None,
        ready=lambda: True,
        login="mailbox.index",
        logout="mailbox.index",
        home="mailbox.index",
    )


def _pages(mailbox: Mailbox) -> Blueprint:
    pages = Blueprint("mailbox", __name__, template_folder="templates")

    @pages.get("/")
    @public
    def index() -> ResponseReturnValue:
        return render("mailbox/index.html", mails=mailbox.newest())

    @pages.get("/mails/<mail_id>")
    @public
    def mail(mail_id: str) -> ResponseReturnValue:
        answer = render("mailbox/mail.html", mail=_find(mailbox, mail_id))
        answer.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY + "; frame-src 'self'"
        return answer

    @pages.get("/mails/<mail_id>/html")
    @public
    def html(mail_id: str) -> ResponseReturnValue:
        return _framed(_find(mailbox, mail_id).html)

    return pages


def _find(mailbox: Mailbox, mail_id: str) -> Mail:
    wanted = parse_id(mail_id)
    found = mailbox.find(wanted) if wanted else None
    if found is None:
        raise NotFound
    return found


def _framed(html: str) -> Response:
    base = '<base target="_blank">'
    content, placed = _HEAD.subn(lambda head: head[0] + base, html, count=1)
    answer = make_response(content if placed else base + html)
    answer.headers["Content-Type"] = "text/html; charset=utf-8"
    answer.headers["Content-Security-Policy"] = _FRAME_POLICY
    return answer
