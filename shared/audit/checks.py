"""The audit trail must be whole: every entry sealed, every seal the hash of its entry and of the seal before."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_BROKEN = text("""
    SELECT s.position FROM (
        SELECT position, entry_id, seal,
               lag(seal, 1, ''::bytea) OVER (ORDER BY position) AS before,
               position - lag(position, 1, 0::bigint) OVER (ORDER BY position) AS step
        FROM audit_seal) s
    LEFT JOIN audit_entry e ON e.id = s.entry_id
    WHERE e.id IS NULL OR s.step <> 1
       OR s.seal <> sha256(s.before || convert_to(audit_text(e), 'UTF8'))
    ORDER BY s.position LIMIT 1""")
_UNSEALED = text(
    "SELECT count(*) FROM audit_entry e WHERE NOT EXISTS (SELECT FROM audit_seal WHERE entry_id = e.id)"
)


def chain(session: Session) -> str | None:
    """None when the chain is intact, else what is wrong with it. O(entries), one pass."""
    broken = session.scalar(_BROKEN)
    if broken is not None:
        return f"the audit chain is broken at position {broken}: an entry was changed, removed or inserted"
    unsealed = session.scalar(_UNSEALED)
    return f"{unsealed} audit entries carry no seal" if unsealed else None
