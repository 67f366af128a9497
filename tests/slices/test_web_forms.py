"""Forms speak the reader's language and show a refusal at its field."""

from decimal import Decimal

import pytest
from flask import render_template_string
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms import StringField
from wtforms.validators import InputRequired

from shared.errors import DomainError
from shared.money import Money
from shared.web.forms import AmountField, Form, Positive
from shared.web.paging import page_links
from tests.browser.gallery.app import gallery

APP = gallery()
FIELD = (
    '{% from "ui/forms.html" import error_summary, field %}{{ error_summary(form) }}{{ field(form.amount) }}'
)


class PayForm(Form):
    amount = AmountField("Amount", [InputRequired(), Positive()])
    note = StringField("Note")


def filled(**data: str) -> PayForm:
    return PayForm(MultiDict(data), meta={"csrf": False})


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "Ce champ est obligatoire."),
        ("abc", "« abc » n’est pas un montant"),
        ("0", "Saisissez un montant supérieur à zéro."),
        ("-5", "Saisissez un montant supérieur à zéro."),
        ("50% <b>", "« 50% <b> » n’est pas un montant"),
    ],
)
def test_a_refused_amount_is_explained_beside_its_field(typed, told):
    with APP.test_request_context("/?lang=fr"):
        form = filled(amount=typed)
        assert not form.validate()
        assert told in form.amount.errors[0].replace("\u00a0", " ")
        shown = render_template_string(FIELD, form=form)
    assert 'aria-describedby="amount-error"' in shown
    assert 'aria-invalid="true"' in shown
    assert 'id="amount-error"' in shown
    assert "<b>" not in shown


def test_an_amount_is_read_as_people_write_it():
    with APP.test_request_context("/"):
        form = filled(amount="1 234,56")
        assert form.validate()
        assert form.amount.data == Money(123456, "EUR")


@given(st.integers(1, 10**12))
def test_an_amount_survives_being_shown_and_sent_back(minor):
    for spoken in ("en", "fr"):
        with APP.test_request_context(f"/?lang={spoken}"):
            shown = PayForm(meta={"csrf": False}, data={"amount": Money(minor, "EUR")}).amount._value()
            assert filled(amount=shown).amount.data == Money(minor, "EUR")


def test_a_refusal_of_an_action_is_shown_at_its_field_or_above():
    with APP.test_request_context("/"):
        form = filled(amount="5")
        form.validate()
        form.refuse(DomainError("This is not possible.", field="amount"))
        form.refuse(DomainError("Your role does not allow this."))
        shown = render_template_string(FIELD, form=form)
    assert form.amount.errors == ["This is not possible."]
    assert "Your role does not allow this." in shown
    assert 'href="#amount"' in shown


@given(st.integers(1, 50), st.integers(0, 2000), st.integers(1, 100))
def test_pages_cover_the_list(page, total, size):
    with APP.test_request_context(f"/?page={page}"):
        links = page_links(page, total, size)
    assert 0 <= links.first <= links.last <= total
    assert (links.next is not None) == (page * size < total)
    assert (links.previous is not None) == (page > 1)


def test_an_amount_in_a_table_is_in_the_readers_notation():
    shown = '{% from "ui/money.html" import amount %}{{ amount(-123456, "EUR") }}'
    with APP.test_request_context("/?lang=fr"):
        assert "-1\u00a0234,56" in render_template_string(shown)
    assert Money(-123456, "EUR").decimal == Decimal("-1234.56")
