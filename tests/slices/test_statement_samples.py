"""Real and generated statements, imported: each line once, whatever was delivered twice. Skipped where absent."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from shared import clock, db, iban
from shared.actor import SYSTEM
from shared.bank_statements import checks, queries
from shared.bank_statements.camt import read_camt
from shared.bank_statements.importing import import_statement
from shared.bank_statements.reading import StatementHead
from shared.creditors import actions as creditors
from shared.creditors.models import BankAccount
from shared.errors import RefusedFile
from shared.ids import new_id
from shared.matching import checks as matching_checks
from tests.conftest import SAMPLES

TRUTH = SAMPLES / "truth.json"


def take(path: Path, creditor=None):
    with db.writing(SYSTEM) as session, path.open("rb") as source:
        return import_statement(session, SYSTEM, source, path.name, create_account=creditor)


def new_creditor():
    with db.writing(SYSTEM) as session:
        return creditors.add_creditor(session, SYSTEM, name="Samples")


@pytest.mark.parametrize("company", ["recon", "recon-large"])
def test_a_company_s_statements_hold_every_line_once(database, company):
    folder = SAMPLES / company
    if not folder.exists():
        pytest.skip("samples are not here")
    truth = json.loads((folder / "truth.json").read_text())
    creditor = new_creditor()
    with db.writing(SYSTEM) as session:
        for account in truth["meta"]["accounts"]:
            creditors.add_account(session, SYSTEM, creditor, account["iban"], currency=account["currency"])
    duplicates = 0
    for path in sorted((folder / "statements").glob("camt_*.xml")):
        done = take(path)
        duplicates += done.duplicates
        assert all(each.end.balance_ok for each in done.statements), path.name
    repeated = [each for each in truth["repeated_files"] if "camt_" in each["file"]]
    assert bool(duplicates) == bool(repeated)
    told = [line for line in truth["lines"] if line["format"] == "camt"]
    with db.reading(SYSTEM) as session:
        kept = session.execute(
            text(
                "SELECT b.iban, l.entry_ref, l.amount_minor FROM bank_line l JOIN bank_account b ON b.id = l.bank_account_id"
            )
        ).all()
        assert Counter(map(tuple, kept)) == Counter(
            (t["account"], t["entry_ref"], t["amount_minor"]) for t in told
        )
        assert all(account.gaps == 0 for account in queries.accounts(session, SYSTEM))
        for check in (
            checks.statements_equal_their_lines,
            checks.lines_are_kept_once,
            checks.balances_add_up,
            matching_checks.unassigned_money_equals_the_ledger,
        ):
            assert check(session) is None


def real_statements() -> list[str]:
    files = json.loads(TRUTH.read_text())["files"] if TRUTH.exists() else {}
    return [name for name, told in files.items() if told.get("message") == "BkToCstmrStmt"]


@pytest.mark.parametrize("name", real_statements())
def test_a_real_statement_is_taken_whole_or_refused_whole(database, name):
    truth = json.loads(TRUTH.read_text())["files"][name]["statements"]
    creditor = new_creditor()
    with (SAMPLES / name).open("rb") as source:
        for head in read_camt(source, name):
            if isinstance(head, StatementHead):
                know(creditor, head.account, head.currency or "EUR")
    if not all(looks_like_an_iban(each["account"]) for each in truth):
        with pytest.raises(RefusedFile, match="is not known here"):  # nor can it be added
            take(SAMPLES / name)
        return
    done = take(SAMPLES / name)
    assert [(s.id, s.end.entries, s.end.balance_ok) for s in done.statements] == [
        (each["id"], each["entries"], each["balance_ok"]) for each in truth
    ]
    assert done.created + done.duplicates == sum(each["entries"] - each["not_booked"] for each in truth)
    assert take(SAMPLES / name).created == 0
    with db.reading(SYSTEM) as session:
        assert checks.statements_equal_their_lines(session) is None
        assert matching_checks.unassigned_money_equals_the_ledger(session) is None


def looks_like_an_iban(account: str) -> bool:
    return account[:2].isalpha() and account[2:4].isdigit() and len(account) >= 14


def know(creditor, account: str, currency: str) -> None:
    """Real samples hide their accounts behind wrong check digits, which only the database's own form lets through."""
    with db.writing(SYSTEM) as session:
        known = session.scalar(
            text("SELECT count(*) FROM bank_account WHERE iban = :iban"), {"iban": account}
        )
        if known or not looks_like_an_iban(account):
            return
        session.add(
            BankAccount(
                id=new_id(), creditor_id=creditor.id, holder_kind="creditor", holder_name="Samples",
                iban=iban.normalise(account), created_at=clock.now(), currency=currency,
            )
        )  # fmt: skip
