"""One invoice or credit note with everything: VAT, payee, document, and what settled it when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.creditors.queries import PAYEE
from shared.errors import NotFound
from shared.reporting.items import ONE_ITEM, Item, item_of
from shared.reporting.scope import scope


@dataclass(frozen=True, slots=True)
class Vat:
    rate: Decimal | None
    base_minor: int
    vat_minor: int


@dataclass(frozen=True, slots=True)
class Payee:
    """Where the money goes; only an account that somebody confirmed is ever one."""

    name: str
    iban: str
    bic: str | None
    is_factor: bool


@dataclass(frozen=True, slots=True)
class Settlement:
    """A credit used on a debit, seen from one side. Negative: taken back. `kind` is the other side's; `paid_by`: the
    payment over a rail whose money it is."""

    on: date
    other_id: UUID
    kind: str
    number: str
    amount_minor: int
    paid_by: UUID | None


@dataclass(frozen=True, slots=True)
class WaitingPart:
    """What an announced payment holds of the item."""

    payment_id: UUID
    reference: str
    expected_on: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class OneItem:
    item: Item
    total_excl_minor: int | None
    vat: tuple[Vat, ...]
    payment_reference: str | None
    preceding_number: str | None
    document_name: str | None
    payee: Payee | None
    settlements: tuple[Settlement, ...]
    waiting: tuple[WaitingPart, ...]

    @property
    def vat_minor(self) -> int:
        return sum(line.vat_minor for line in self.vat)


# Instalments by the dozen happen; beyond this the statement of account tells the rest.
_SETTLEMENTS_SHOWN = 200

_PAPER = text(f"""
    SELECT v.total_excl_minor, v.vat, v.payment_reference, v.preceding_number, d.name AS document_name,
           b.holder_name, b.iban, b.bic, b.holder_kind
    FROM open_item i
    LEFT JOIN invoice v ON v.id = i.id LEFT JOIN document d ON d.id = v.document_id
    {PAYEE}
    WHERE i.id = :item AND i.customer_id = ANY (:customers)""")

_SETTLED = text("""
    SELECT a.allocated_on AS on, o.id AS other_id, o.kind, o.number, a.amount_minor,
           r.payment_id AS paid_by
    FROM allocation a
    JOIN open_item o ON o.id = CASE WHEN a.debit_item_id = :item THEN a.credit_item_id ELSE a.debit_item_id END
    LEFT JOIN receipt r ON r.id = o.id
    WHERE (a.debit_item_id = :item OR a.credit_item_id = :item) AND a.customer_id = ANY (:customers)
    ORDER BY a.allocated_on DESC, a.id DESC LIMIT :shown""")

_WAITING = text("""
    SELECT e.id AS payment_id, e.reference, e.expected_on, p.amount_minor
    FROM expected_payment_item p JOIN expected_payment e ON e.id = p.expected_payment_id
    WHERE p.item_id = :item AND p.customer_id = ANY (:customers)
      AND e.cancelled_at IS NULL AND e.received_at IS NULL
    ORDER BY e.announced_at, e.id""")


def one_item(
    session: Session, actor: Actor, item_id: UUID, *, customers: Iterable[UUID] | None = None
) -> OneItem:
    """The item; not found when it is somebody else's. Four statements."""
    given: dict[str, Any] = {"item": item_id, "customers": scope(actor, customers)}
    found = session.execute(text(ONE_ITEM), given).one_or_none()
    if found is None:
        raise NotFound
    paper = session.execute(_PAPER, given).one()
    return OneItem(
        item=item_of(found._mapping),
        total_excl_minor=paper.total_excl_minor,
        vat=tuple(_vat(line) for line in paper.vat or ()),
        payment_reference=paper.payment_reference,
        preceding_number=paper.preceding_number,
        document_name=paper.document_name,
        payee=_payee(paper),
        settlements=tuple(
            Settlement(**row._mapping)
            for row in session.execute(_SETTLED, {**given, "shown": _SETTLEMENTS_SHOWN})
        ),
        waiting=tuple(WaitingPart(**row._mapping) for row in session.execute(_WAITING, given)),
    )


def _vat(line: dict[str, Any]) -> Vat:
    rate = line.get("rate")
    return Vat(None if rate is None else Decimal(str(rate)), int(line["base_minor"]), int(line["vat_minor"]))


def _payee(paper: Any) -> Payee | None:
    if paper.iban is None:
        return None
    return Payee(paper.holder_name, paper.iban, paper.bic, paper.holder_kind == "factor")
