"""Find what a batch of bank lines could be about: a handful of statements for any number of lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.orm import Session

from shared.matching.payout_rules import Awaited
from shared.matching.rules import Announced, BankLine, Candidates, Item, number_keys
from shared.payments import reference

# Only lines that still hold money, or payments out: these are recorded once as no receipt.
_LINES = text("""
    SELECT l.id, l.creditor_id, l.amount_minor, l.open_minor, l.currency, l.booked_on, l.creditor_ref,
           l.end_to_end_id, l.remittance, l.party_name, l.party_iban, l.is_reversal
    FROM bank_line l WHERE l.id = ANY (:ids) ORDER BY l.booked_on, l.id""")

_BY_NUMBER = text("""
    SELECT i.id, i.creditor_id, i.currency, i.customer_id, c.ref, i.number, i.number_key, i.open_minor,
           coalesce(b.holder_kind = 'factor', false) AS payee_is_other
    FROM open_item i JOIN customer c ON c.id = i.customer_id LEFT JOIN bank_account b ON b.id = i.payee_account_id
    WHERE i.number_key = ANY (:keys) AND i.kind IN ('invoice', 'credit_note')
    ORDER BY i.number_key, i.id""")

_ANNOUNCED = """
    SELECT e.id AS payment_id, e.reference, e.creditor_id, e.currency, e.amount_minor, e.customer_id AS payer_id,
           e.received_at IS NOT NULL AS arrived, e.cancelled_at IS NOT NULL AS cancelled,
           b.holder_kind = 'factor' AS payee_is_other, p.amount_minor AS part_minor,
           i.id, i.customer_id, c.ref, i.number, i.number_key, i.open_minor
    FROM expected_payment e JOIN expected_payment_item p ON p.expected_payment_id = e.id
    JOIN open_item i ON i.id = p.item_id JOIN customer c ON c.id = i.customer_id
    JOIN bank_account b ON b.id = e.bank_account_id"""
_BY_REFERENCE = text(f"{_ANNOUNCED} WHERE e.reference = ANY (:references) ORDER BY e.id, i.due_on, i.id")
_BY_PAYER = text(f"""{_ANNOUNCED}
    WHERE e.customer_id = ANY (:payers) AND e.cancelled_at IS NULL AND e.received_at IS NULL
    ORDER BY e.id, i.due_on, i.id""")

# The customers of an account, and everybody of their groups: parents pay for subsidiaries.
_PAYERS = text("""
    SELECT k.iban, m.id FROM customer_iban k JOIN customer c ON c.id = k.customer_id
    JOIN customer m ON m.id = c.id OR m.group_code = c.group_code
    WHERE k.iban = ANY (:ibans) ORDER BY k.iban, m.id""")

_AWAITED = text("""
    SELECT p.id, a.provider, p.provider_ref AS ref, p.statement_text, p.outstanding_minor, p.arrives_on,
           p.bank_line_id, a.creditor_id, p.currency
    FROM payout p JOIN provider_account a ON a.id = p.account_id
    WHERE p.outstanding_minor <> 0 AND a.creditor_id = ANY (:creditors)
    ORDER BY p.arrives_on, p.id""")
_PROVIDERS = text("""
    SELECT DISTINCT creditor_id, provider FROM provider_account
    WHERE provider <> 'own_bank' AND creditor_id = ANY (:creditors)""")


def lines(session: Session, ids: Sequence[UUID]) -> list[BankLine]:
    """Bank lines as the rules see them; the amount of a receipt is what is still to be assigned of it."""
    return [
        BankLine(
            id=r.id,
            creditor_id=r.creditor_id,
            amount_minor=r.open_minor if r.amount_minor > 0 else r.amount_minor,
            currency=r.currency,
            booked_on=r.booked_on,
            references=_as_printed(r.creditor_ref, r.end_to_end_id),
            texts=tuple(filter(None, (r.remittance,))),
            party_name=r.party_name,
            party_iban=r.party_iban,
            is_reversal=r.is_reversal,
        )
        for r in session.execute(_LINES, {"ids": list(ids)})
    ]


def _as_printed(*references: str | None) -> tuple[str, ...]:
    """The structured references, and the number inside of those that are a number with RF check digits."""
    given = [each for each in references if each]
    inside = [each[4:] for each in map(reference.normalise, given) if reference.is_valid(each)]
    return (*given, *inside)


def find(session: Session, found: Sequence[BankLine]) -> dict[UUID, Candidates]:
    """The candidates of each line, of its own creditor and currency. Six statements, whatever the number of lines."""
    numbers = _items_by_number(session, found)
    references = _announced(
        session, _BY_REFERENCE, {"references": sorted(set().union(*map(_references, found)))}
    )
    payers: dict[str, set[UUID]] = {}
    ibans = sorted({line.party_iban for line in found if line.party_iban})
    for row in session.execute(_PAYERS, {"ibans": ibans}) if ibans else ():
        payers.setdefault(row.iban, set()).add(row.id)
    everybody = sorted(set().union(*payers.values())) if payers else []
    waiting = _announced(session, _BY_PAYER, {"payers": everybody}) if everybody else []
    payouts, providers = awaited(session, found), _providers(session, found)
    result = {}
    for line in found:
        own = (line.creditor_id, line.currency)
        mine = payers.get(line.party_iban or "", set())
        asked = _references(line)
        result[line.id] = Candidates(
            by_reference=[each for key, _, each in references if key == own and each.reference in asked],
            by_account=[each for key, payer, each in waiting if key == own and payer in mine],
            by_number=[item for key in sorted(number_keys(line)) for item in numbers.get((*own, key), ())],
            payers=frozenset(mine),
            references=frozenset(asked),
            payouts=payouts.get(own, ()),
            providers=frozenset(providers.get(line.creditor_id, ())),
        )
    return result


def awaited(session: Session, found: Iterable[BankLine]) -> dict[tuple[UUID, str], list[Awaited]]:
    """What the bank has still to show of the providers' payouts, by creditor and currency."""
    result: dict[tuple[UUID, str], list[Awaited]] = {}
    for r in session.execute(_AWAITED, {"creditors": list({line.creditor_id for line in found})}):
        payout = Awaited(
            r.id, r.provider, r.ref, r.statement_text, r.outstanding_minor, r.arrives_on, r.bank_line_id
        )
        result.setdefault((r.creditor_id, r.currency), []).append(payout)
    return result


def _providers(session: Session, found: Iterable[BankLine]) -> dict[UUID, set[str]]:
    result: dict[UUID, set[str]] = {}
    for r in session.execute(_PROVIDERS, {"creditors": list({line.creditor_id for line in found})}):
        result.setdefault(r.creditor_id, set()).add(r.provider)
    return result


def _items_by_number(session: Session, found: Iterable[BankLine]) -> dict[tuple[UUID, str, str], list[Item]]:
    keys = sorted(set().union(*map(number_keys, found)))
    items: dict[tuple[UUID, str, str], list[Item]] = {}
    for r in session.execute(_BY_NUMBER, {"keys": keys}) if keys else ():
        item = Item(r.id, r.customer_id, r.ref, r.number, r.number_key, r.open_minor, r.payee_is_other)
        items.setdefault((r.creditor_id, r.currency, r.number_key), []).append(item)
    return items


def _references(line: BankLine) -> set[str]:
    """Valid RF references on the line: structured, as end-to-end id, or written into the text."""
    found = {reference.normalise(each) for each in line.references}
    found |= {key for key in number_keys(line) if key.startswith("RF")}
    return {each for each in found if reference.is_valid(each)}


def _announced(
    session: Session, statement: TextClause, params: dict[str, object]
) -> list[tuple[tuple[UUID, str], UUID, Announced]]:
    """((creditor, currency), paying customer, announcement) for each expected payment the statement finds."""
    grouped: dict[UUID, list[Row[Any]]] = {}
    for row in session.execute(statement, params):
        grouped.setdefault(row.payment_id, []).append(row)
    found = []
    for rows in grouped.values():
        first = rows[0]
        parts = tuple(
            (Item(r.id, r.customer_id, r.ref, r.number, r.number_key, r.open_minor), r.part_minor)
            for r in rows
        )
        announced = Announced(
            first.payment_id, first.reference, first.amount_minor, first.arrived, parts,
            cancelled=first.cancelled, payee_is_other=first.payee_is_other,
        )  # fmt: skip
        found.append(((first.creditor_id, first.currency), first.payer_id, announced))
    return found
