"""Keys of a provider's account: sealed, replaced whole, never shown."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from shared import db
from shared.actor import SYSTEM
from shared.creditors.models import Creditor
from shared.errors import Conflict, NotFound
from shared.rails import accounts
from tests.make.books import Books
from tests.make.rails import KEYS, an_account

NEW = accounts.Keys("sk_test_new", "whsec_new", "pk_test_new")


def change(books, provider="stripe", mode="test"):
    with db.writing(SYSTEM) as session:
        creditor = session.get_one(Creditor, books.creditor_id)
        return accounts.change_keys(session, SYSTEM, provider, creditor, NEW, mode)


def test_new_keys_replace_the_old_ones_and_no_old_webhook_counts(database):
    books = Books()
    account = an_account(books)
    with db.writing(SYSTEM) as session:
        accounts.change_webhook_secret(session, SYSTEM, account, "whsec_second")
    assert change(books) == account
    with db.reading(SYSTEM) as session:
        assert accounts.access(session, account).secret_key == "sk_test_new"
        assert accounts.webhook_secrets(db.driver(session), "stripe", account) == ["whsec_new"]
        kept = session.execute(text("SELECT credentials, webhook_secret FROM provider_account")).one()
    assert KEYS.secret.encode() not in bytes(kept.credentials) and b"new" not in bytes(kept.webhook_secret)


def test_test_and_live_are_never_mixed_and_other_accounts_stay(database):
    books = Books()
    an_account(books)
    with pytest.raises(Conflict):
        change(books, mode="live")
    with pytest.raises(NotFound):
        change(books, "gocardless")
