"""The gallery: a small app on `make_app`. `python -m tests.browser.gallery.app PORT` shows it to a person."""

import sys
from datetime import UTC, date, datetime
from uuid import UUID
from wsgiref.simple_server import make_server

from flask import Blueprint, Flask, request
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, DateField, FileField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Email, InputRequired

from shared.actor import Actor, staff
from shared.errors import Conflict
from shared.i18n import N_
from shared.money import Money
from shared.web.access import public, staff_only
from shared.web.app import make_app
from shared.web.forms import AmountField, Form, Positive
from shared.web.paging import page_links, page_number
from shared.web.render import notice, render, see_other
from shared.web.shell import NavItem

pages = Blueprint("pages", __name__)
elsewhere = Blueprint("elsewhere", __name__)

ROWS = [
    ("F2026-000812", "Ateliers Lefèvre & Fils", date(2026, 3, 2), date(2026, 4, 1), 1248000, "overdue"),
    ("F2026-000840", "Boulangerie Saint-Étienne", date(2026, 3, 18), date(2026, 4, 17), 38650, "due_soon"),
    (
        "F2026-000851",
        "Compagnie Normande d’Emballage",
        date(2026, 3, 21),
        date(2026, 5, 5),
        960420,
        "announced",
    ),
    ("A2026-000031", "Ateliers Lefèvre & Fils", date(2026, 3, 22), date(2026, 3, 22), -42000, "credit"),
    ("F2026-000866", "Hôtel du Vieux Port", date(2026, 3, 30), date(2026, 4, 29), 215900, "partly_paid"),
    ("F2026-000871", "Imprimerie Jouve-Delattre", date(2026, 3, 31), date(2026, 4, 30), 74815, "disputed"),
    ("F2026-000872", "Métallerie Grandclément", date(2026, 4, 2), date(2026, 5, 2), 1530000, "factored"),
    ("F2026-000874", "Vergers de la Sarthe", date(2026, 4, 3), date(2026, 5, 3), 12300, "paid"),
]
STATUSES = (
    "open due_soon overdue partly_paid paid announced in_progress received returned disputed factored credit "
    "available used written_off cancelled expired new changed unchanged duplicate refused applied suggested "
    "unmatched not_receivable waiting sent done failed invited active suspended"
).split()


class GalleryForm(Form):
    name = StringField(N_("Name"), [InputRequired()], description=N_("As on the invoice"))
    mail = StringField(N_("Mail address"), [InputRequired(), Email()])
    amount = AmountField(N_("Amount"), [InputRequired(), Positive()])
    due = DateField(N_("Due date"), [InputRequired()])
    creditor = SelectField(
        N_("Creditor"), choices=[SelectChoice("a", "Lumen SAS"), SelectChoice("b", "Lumen Services SARL")]
    )
    method = RadioField(
        N_("How do you pay?"),
        choices=[SelectChoice("transfer", "Transfer"), SelectChoice("file", "File for the bank")],
        default="file",
    )
    note = TextAreaField(N_("Note"))
    copy_me = BooleanField(N_("Send me a copy"))
    file = FileField(N_("Bank statement"))
    code = StringField(N_("Code"), [InputRequired()])


def sample() -> dict[str, object]:
    parts = [("Not due", 4182000, "not_due"), ("1–30", 1286650, "d1"), ("31–60", 640000, "d31")]
    parts += [("61–90", 118000, "d61"), ("90+", 74815, "d90")]
    return {
        "rows": ROWS,
        "total": Money(4071185, "EUR"),
        "aged": [(name, Money(minor, "EUR"), tone) for name, minor, tone in parts],
        "statuses": STATUSES,
        "links": page_links(page_number(), 5000),
        "at": datetime(2026, 4, 3, 7, 42, tzinfo=UTC),
        "money": Money,
        "query": request.args.get("q", ""),
    }


@pages.get("/")
@staff_only
def index() -> ResponseReturnValue:
    return render("gallery/index.html", **sample())


@pages.get("/list")
@staff_only
def rows() -> ResponseReturnValue:
    found = [row for row in ROWS if request.args.get("q", "").lower() in row[1].lower()]
    return render("gallery/list.html", **{**sample(), "rows": found})


@pages.route("/form", methods=["GET", "POST"])
@staff_only
def form() -> ResponseReturnValue:
    shown = GalleryForm()
    if shown.validate_on_submit():
        notice(N_("Saved."))
        return see_other("/form")
    return render("gallery/form.html", form=shown, status=422 if shown.is_submitted() else 200)


@pages.post("/conflict")
@staff_only
def conflict() -> ResponseReturnValue:
    raise Conflict


@pages.get("/login")
@public
def login() -> ResponseReturnValue:
    return render("gallery/login.html", form=GalleryForm())


@pages.post("/logout")
@public
def logout() -> ResponseReturnValue:
    return see_other("/login")


@elsewhere.get("/empty")
@staff_only
def nothing() -> ResponseReturnValue:
    notice(N_("Saved."))
    return render("gallery/empty.html")


def somebody() -> Actor:
    return staff(UUID(int=7), "Camille Rousseau", "administrator")


def gallery() -> Flask:
    nav = [
        NavItem(N_("Overview"), "pages.index", "home"),
        NavItem(N_("Invoices"), "elsewhere.nothing", "invoice"),
        NavItem(N_("Customers"), "elsewhere.nothing", "customers"),
        NavItem(N_("Bank"), "elsewhere.nothing", "bank"),
        NavItem(N_("Reports"), "elsewhere.nothing", "chart"),
        NavItem(N_("Settings"), "elsewhere.nothing", "settings"),
    ]
    return make_app(
        "tests.browser.gallery",
        title="Quittance",
        blueprints=[pages, elsewhere],
        nav=nav,
        load_actor=somebody,
        ready=lambda: True,
        login="pages.login",
        logout="pages.logout",
    )


if __name__ == "__main__":
    with make_server("127.0.0.1", int(sys.argv[1]), gallery()) as server:
        server.serve_forever()
