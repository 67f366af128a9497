"""The answer of `quittance match --json`, whose fields people script against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared.actor import SYSTEM
from shared.db import reading
from shared.matching.run import Result

_PLACES = text("""
    SELECT l.id, s.reference, l.entry_ref, l.end_to_end_id, l.position, l.amount_minor, l.currency
    FROM bank_line l JOIN bank_statement s ON s.id = l.statement_id WHERE l.id = ANY (:ids)""")


def as_json(results: Sequence[Result], seconds: float) -> dict[str, Any]:
    """One object per line, in the order they were decided; counts by outcome."""
    with reading(SYSTEM) as session:
        ids: list[UUID] = [result.line.id for result in results]
        places = {row.id: row for row in session.execute(_PLACES, {"ids": ids})}
    counts = dict.fromkeys(("applied", "suggested", "unmatched", "not_receivable"), 0)
    rows = []
    for result in results:
        decision, place = result.decision, places[result.line.id]
        counts[decision.outcome] += 1
        customers = {part.item.customer_ref for part in decision.allocations}
        rows.append(
            {
                "line_id": str(result.line.id),
                "statement": place.reference,
                "entry_ref": place.entry_ref,
                "end_to_end_id": place.end_to_end_id,
                "position": place.position,
                "amount_minor": place.amount_minor,
                "currency": place.currency,
                "outcome": decision.outcome,
                "confidence": decision.confidence,
                "rule": decision.rule,
                "why": decision.why % decision.params if decision.params else decision.why,
                "customer_ref": customers.pop() if len(customers) == 1 else None,
                "allocations": [
                    {"item": part.item.number, "amount_minor": part.amount_minor}
                    for part in decision.allocations
                ],
                "difference": {"kind": "none", "amount_minor": 0},
            }
        )
    return {"lines": len(rows), **counts, "seconds": round(seconds, 3), "results": rows}
