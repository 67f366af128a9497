"""All promises of all slices, asked of the live data: every night, and by `quittance check`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.audit import checks as audit
from shared.bank_statements import checks as bank
from shared.db import reading
from shared.errors import DomainError
from shared.ledger import checks as ledger
from shared.matching import checks as matching
from shared.rails import checks as rails

# A check answers None when its promise holds, else what breaks it.
Check = Callable[[Session], str | None]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("items_equal_their_allocations", ledger.items_equal_their_allocations),
    ("entries_balance", ledger.entries_balance),
    ("items_equal_the_ledger", ledger.items_equal_the_ledger),
    ("statements_equal_their_lines", bank.statements_equal_their_lines),
    ("bank_lines_are_kept_once", bank.lines_are_kept_once),
    ("lines_equal_their_receipts", matching.lines_equal_their_receipts),
    ("unassigned_money_equals_the_ledger", matching.unassigned_money_equals_the_ledger),
    ("facts_equal_the_books", rails.facts_equal_the_books),
    ("payments_start_once", rails.payments_start_once),
    ("parts_follow_their_payment", rails.parts_follow_their_payment),
    ("clearing_accounts_equal_what_moved", rails.clearing_accounts_equal_what_moved),
    ("audit_chain", audit.chain),
)


class Outcome(TypedDict):
    name: str
    ok: bool
    detail: str


class PromiseBroken(DomainError):
    code = "promise_broken"
    sentence = "The books break a promise: %(details)s"


def run_checks(checks: tuple[tuple[str, Check], ...] = CHECKS) -> list[Outcome]:
    """Every check in its own read-only transaction: one that cannot be run fails, and the others still run."""
    return [_run(name, check) for name, check in checks]


def nightly() -> None:
    """The night's run: a broken promise fails the job, which then waits in Operations for a person."""
    broken = [each for each in run_checks() if not each["ok"]]
    if broken:
        raise PromiseBroken(details="; ".join(f"{each['name']}: {each['detail']}" for each in broken))


def _run(name: str, check: Check) -> Outcome:
    try:
        with reading(SYSTEM) as session:
            found = check(session)
    except (SQLAlchemyError, DomainError) as error:
        found = f"it could not be run: {error}"
    return {"name": name, "ok": found is None, "detail": found or ""}
