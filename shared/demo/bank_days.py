"""The last three weeks on the bank: what customers paid, how they wrote it, and what else came and went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby
from random import Random

from shared.demo.company import ENTITIES, SEED, Company, Entity, french_iban
from shared.demo.history import STATEMENT_DAYS, Paper, euros
from shared.sandbox.camt_files import Line, Statement

_OPENING = {"VERNAISON": 18_412_055, "MAINTENANCE": 6_120_410}


def statements(papers: Sequence[Paper], today: date) -> list[Statement]:
    """A statement per entity and day with movements, balances chained; the awkward lines stand on yesterday's."""
    random = Random(SEED + 2)  # noqa: S311 - believable, not secret
    found = []
    for entity in ENTITIES:
        balance, number = _OPENING[entity.code], 200
        moved = _movements(random, entity, papers, today)
        for day, group in groupby(sorted(moved, key=lambda pair: pair[0]), key=lambda pair: pair[0]):
            number += 1
            lines = [line for _, line in group]
            name = f"{entity.iban[-8:]}-{day:%Y%m%d}"
            found.append(Statement(lines, name, entity.iban, "EUR", entity.name, balance, number, day))
            balance = found[-1].closing_minor
    return found


def _movements(
    random: Random, entity: Entity, papers: Iterable[Paper], today: date
) -> list[tuple[date, Line]]:
    first = today - timedelta(days=STATEMENT_DAYS)
    paid = [p for p in papers if p.entity == entity and p.paid_on and first <= p.paid_on < today]
    moved = []
    for (day, ref), group in groupby(
        sorted(paid, key=lambda p: (p.paid_on, p.customer.ref)), key=lambda p: (p.paid_on, p.customer.ref)
    ):
        assert day is not None
        moved.append((day, _transfer(random, list(group), day, f"{entity.prefix}{day:%m%d}{ref}")))
    yesterday = _working_day_before(today)
    moved += [(yesterday, line) for line in _awkward(entity, papers, yesterday)]
    for week in range(1, 4):
        day = _working_day_before(today - timedelta(days=7 * week - 1))
        fee = Line(-1_450, day, day, f"FEE{entity.prefix}{day:%m%d}", info="FRAIS DE TENUE DE COMPTE")
        moved.append((day, fee))
    return moved


def _transfer(random: Random, group: list[Paper], day: date, bank_ref: str) -> Line:
    """A customer's transfer for one or several invoices, in one of the ways customers write."""
    customer, minor = group[0].customer, sum(p.total_minor for p in group)
    numbers = [p.number for p in group]
    text = random.choice(
        (
            f"FACTURE {' '.join(numbers)}",
            f"VIR {customer.name.upper()[:20]} FACT {', '.join(numbers)}",
            f"REGLT {' / '.join(n.replace('-', ' ') for n in numbers)}",
            " ".join(numbers),
        )
    )
    if random.random() < 0.12:  # some write nothing useful
        text = random.choice(("VIREMENT", "REGLEMENT FACTURES", customer.name.upper()))
    return _received(day, minor, customer.name, customer.iban, text, bank_ref)


def _awkward(entity: Entity, papers: Iterable[Paper], day: date) -> list[Line]:
    """What makes reconciliation hard, once each."""
    unpaid = [p for p in papers if p.entity == entity and p.paid_on is None and p.kind == "invoice"]
    if entity is not ENTITIES[0]:
        return []
    parent = next(p.customer for p in unpaid if p.customer.group_code)
    children = _one_of_each(
        [p for p in unpaid if p.customer.group_code and not p.factored and not p.part_minor]
    )
    stranger = french_iban(16958, 77788899900)
    twin = next(p.customer for p in unpaid if p.customer.pace is not None and not p.customer.group_code)
    short = next(p for p in reversed(unpaid) if p.customer.pace is None)
    told = " ".join(p.number for p in children)
    together = sum(p.total_minor for p in children)
    less_fees = f"{short.number} MOINS FRAIS {euros(1_500)}"
    return [
        _received(day, together, parent.name, parent.iban, f"POUR FILIALES {told}", "PARENT"),
        _received(day, 150_000, twin.name, twin.iban, "ACOMPTE", "TWIN1"),
        _received(day, 150_000, twin.name, twin.iban, "ACOMPTE", "TWIN2"),
        _received(day, 84_217, "M PAUL INCONNU", stranger, "POUR VOTRE AIDE", "STRANGER"),
        _received(
            day, short.total_minor - 1_500, short.customer.name, short.customer.iban, less_fees, "SHORT"
        ),
    ]


def _received(day: date, minor: int, name: str, iban: str, text: str, bank_ref: str) -> Line:
    return Line(minor, day, day, f"{bank_ref}{day:%m%d}", name=name, iban=iban, texts=(text,))


def _one_of_each(papers: list[Paper]) -> list[Paper]:
    """The oldest open invoice of each customer."""
    oldest: dict[Company, Paper] = {}
    for paper in papers:
        oldest.setdefault(paper.customer, paper)
    return list(oldest.values())


def _working_day_before(day: date) -> date:
    earlier = day - timedelta(days=1)
    return earlier - timedelta(days=max(0, earlier.weekday() - 4))
