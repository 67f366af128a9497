"""Accounts money may go to: one per currency receives, and what only a file named is nobody's payee."""

from __future__ import annotations

import pytest

from shared import db
from shared.actor import SYSTEM, staff
from shared.creditors.actions import add_account, add_creditor, add_factor_account
from shared.creditors.models import Creditor
from shared.errors import Conflict, DomainError, NotAllowed
from shared.ids import new_id
from shared.payments.queries import payables
from tests.make.account_changes import approve_and_put_in_force, ask_change
from tests.make.books import FACTOR_IBAN, OWN_IBAN, PAYER_IBAN, SECOND_IBAN, Books

pytestmark = pytest.mark.usefixtures("database")


def test_the_first_account_of_a_currency_receives() -> None:
    with db.writing(SYSTEM) as session:
        creditor = add_creditor(session, SYSTEM, name="Ateliers Vernaison SAS")
        first = add_account(session, SYSTEM, creditor, OWN_IBAN)
        second = add_account(session, SYSTEM, creditor, PAYER_IBAN)
        dollars = add_account(session, SYSTEM, creditor, FACTOR_IBAN, currency="USD")
    assert [first.receives, second.receives, dollars.receives] == [True, False, True]


def test_a_known_account_is_not_added_twice() -> None:
    with db.writing(SYSTEM) as session:
        creditor = add_creditor(session, SYSTEM, name="Ateliers Vernaison SAS")
        add_account(session, SYSTEM, creditor, OWN_IBAN)
    with pytest.raises(Conflict), db.writing(SYSTEM) as session:
        add_account(session, SYSTEM, creditor, OWN_IBAN)


def test_an_account_only_a_file_named_is_no_payee_until_it_is_confirmed() -> None:
    books = Books()
    customer = books.customer("C1")
    with db.writing(SYSTEM) as session:
        creditor = session.get_one(Creditor, books.creditor_id)
        named = add_factor_account(session, SYSTEM, creditor, FACTOR_IBAN, holder_name="Factor SA")
    books.invoice(customer, "F-1", 10000, payee=named.id)
    debtor = books.debtor(customer)
    with db.reading(debtor) as session:
        assert [each.payee for each in payables(session, debtor)] == [None]
    approve_and_put_in_force(
        ask_change(creditor, kind="confirm", iban=FACTOR_IBAN, holder_name="Factor SA", holder_kind="factor")
    )
    with db.reading(debtor) as session:
        (payable,) = payables(session, debtor)
        assert payable.payee is not None and payable.payee.account_id == named.id
        assert (payable.payee.iban, payable.payee.is_own) == (FACTOR_IBAN, False)


def test_a_first_account_that_a_file_named_receives_at_once() -> None:
    with db.writing(SYSTEM) as session:
        creditor = add_creditor(session, SYSTEM, name="Ateliers Vernaison SAS")
        named = add_factor_account(session, SYSTEM, creditor, OWN_IBAN, holder_name="?")
        told = add_account(session, SYSTEM, creditor, OWN_IBAN, bic="AGRIFRPP")
    assert told.id == named.id
    assert (told.receives, told.holder_kind, told.holder_name) == (True, "creditor", "Ateliers Vernaison SAS")


def test_once_there_are_debtors_nobody_confirms_a_further_account_alone() -> None:
    books = Books()
    books.invoice(books.customer("C1"), "F-1", 10000)
    with db.writing(SYSTEM) as session:
        creditor = session.get_one(Creditor, books.creditor_id)
        second = add_account(session, SYSTEM, creditor, PAYER_IBAN)
        dollars = add_account(session, SYSTEM, creditor, SECOND_IBAN, currency="USD")
    assert (second.receives, second.confirmed_at) == (False, None), "for its statements alone"
    assert dollars.receives, "the first account of a currency"
    with pytest.raises(Conflict, match="two people"), db.writing(SYSTEM) as session:
        add_factor_account(session, SYSTEM, creditor, FACTOR_IBAN, holder_name="Factor SA", confirmed=True)


def test_finance_cannot_confirm_an_account() -> None:
    clerk = staff(new_id(), "Nadia", "finance")
    with db.writing(SYSTEM) as session:
        creditor = add_creditor(session, SYSTEM, name="Ateliers Vernaison SAS")
    with pytest.raises(NotAllowed), db.writing(clerk) as session:
        add_factor_account(session, clerk, creditor, FACTOR_IBAN, holder_name="Factor SA", confirmed=True)


@pytest.mark.parametrize("siren", ["12345678", "123456789", "abc"])
def test_a_wrong_siren_is_refused(siren: str) -> None:
    with pytest.raises(DomainError, match="SIREN"), db.writing(SYSTEM) as session:
        add_creditor(session, SYSTEM, name="X", siren=siren)
