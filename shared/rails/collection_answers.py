"""The bank's answers to a file of collections: pain.002, and camt.054 with what came back. All of a file or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.db import driver, hold
from shared.errors import RefusedFile
from shared.i18n import N_
from shared.ids import new_id
from shared.mandates.pain002 import (
    BatchStatus,
    Reason,
    Report,
    TransactionStatus,
    Verdict,
    read_report,
    verdict,
)
from shared.mandates.pain008 import batch_id
from shared.mandates.returns import read_returns
from shared.mandates.rules import Scheme, Sequence
from shared.rails.collection_money import Told, hold_all, payment_of, refused, returned
from shared.rails.collections import mark_sent

_HEAD = 4096
_BATCH = text("""
    SELECT id, message_id, scheme, sequence, collector ->> 'iban' AS iban, state
    FROM collection_batch WHERE message_id = :message""")
_GROUPS = text("SELECT DISTINCT due_on FROM collection_entry WHERE batch_id = :id")
_OF_GROUP = text(
    "SELECT payment_id FROM collection_entry WHERE batch_id = :id AND due_on = ANY (:days) AND state = 'sent'"
)
_OURS = text(
    "SELECT payment_id FROM collection_entry WHERE payment_id = ANY (:ids) AND state <> 'withdrawn'"
    " AND (CAST(:batch AS uuid) IS NULL OR batch_id = :batch)"
)
_ANSWER = text("""
    INSERT INTO collection_answer (id, kind, file_name, file_sha256, batch_id, taken_at, taken_by, accepted)
    VALUES (:id, :kind, :file, :hash, :batch, :now, :name, :accepted)""")
_ANSWERED = text("""
    UPDATE collection_batch SET state = 'answered', answered_at = :now WHERE id = :id AND state IN ('sent', 'answered')""")


class NotOurFile(RefusedFile):
    code = "not_our_file"


@dataclass(frozen=True, slots=True)
class _Line:
    end_to_end_id: str
    status: str
    code: str | None
    info: str | None
    outcome: str


def kind_of(source: BinaryIO) -> str | None:
    """What a bank's file is, by its content: pain.002 | camt.054 | None for anything else. Read from its beginning."""
    head = source.read(_HEAD)
    source.seek(0)
    if b"pain.002" in head or b"CstmrPmtStsRpt" in head:
        return "pain.002"
    return "camt.054" if b"camt.054" in head or b"BkToCstmrDbtCdtNtfctn" in head else None


def take_answer(session: Session, actor: Actor, source: BinaryIO, file: str) -> UUID:
    """Read an answer and do what it says; gives the answer as it is kept. Read twice, it changes nothing twice."""
    actor.must(Permission.COLLECT)
    kind = kind_of(source)
    digest = hashlib.file_digest(source, "sha256").digest()  # type: ignore[arg-type]
    source.seek(0)
    if kind == "pain.002":
        return _report(session, actor, source, file, digest)
    if kind == "camt.054":
        return _notification(session, actor, source, file, digest)
    raise RefusedFile(
        N_("This is no answer of a bank: a pain.002 or camt.054 file was expected."), file=file, line=1
    )


# -- pain.002 ------------------------------------------------------------------------------------------------


def _report(session: Session, actor: Actor, source: BinaryIO, file: str, digest: bytes) -> UUID:
    parts = list(read_report(source, file))
    reports = [part for part in parts if isinstance(part, Report)]
    batch = session.execute(_BATCH, {"message": reports[0].original_message_id}).first()
    if batch is None or len({report.original_message_id for report in reports}) > 1:
        raise NotOurFile(
            N_("It answers the file %(message)s, which was not made here."),
            file=file,
            message=reports[0].original_message_id[:60],
        )
    if batch.state == "withdrawn":
        raise NotOurFile(
            N_("It answers the file %(message)s, which was withdrawn here: ask your bank not to collect it."),
            file=file,
            message=batch.message_id,
        )
    hold(session, "collection_batch", [batch.id])
    mark_sent(session, actor, batch.id)
    told, unclear, accepted = _told(session, batch, parts)
    lines = _refuse_all(session, actor, batch.id, told)
    session.execute(_ANSWERED, {"id": batch.id, "now": clock.now()})
    return _keep(session, actor, "pain.002", file, digest, [*lines, *unclear], batch.id, accepted)


def _told(
    session: Session, batch: object, parts: Iterable[Report | TransactionStatus | BatchStatus]
) -> tuple[dict[str, tuple[str, Reason | None]], list[_Line], int]:
    """What is refused, by end-to-end id: named itself, or with its group, or with the whole file; what nobody can place;
    and how many the bank says it has accepted."""
    days = {
        batch_id(batch.message_id, day, Scheme(batch.scheme), Sequence(batch.sequence), batch.iban): day  # type: ignore[attr-defined]
        for day in session.scalars(_GROUPS, {"id": batch.id})  # type: ignore[attr-defined]
    }
    refused_days: dict[object, tuple[str, Reason | None]] = {}
    named: dict[str, tuple[str, Reason | None]] = {}
    unclear: list[_Line] = []
    accepted = 0
    for part in parts:
        reason = part.reasons[0] if part.reasons else None
        status = part.status or ""
        if isinstance(part, Report):
            means = verdict(part.status)
            if means is Verdict.REJECTED:
                refused_days.update(dict.fromkeys(days.values(), (status, reason)))
            about = part.original_message_id
        elif isinstance(part, BatchStatus):
            means, about = verdict(part.status), part.batch_id
            if means is Verdict.REJECTED and part.batch_id in days:
                refused_days[days[part.batch_id]] = (status, reason)
        else:
            means, about = verdict(part.status), part.end_to_end_id or part.batch_id
            if means is Verdict.REJECTED:
                named[about] = (status, reason)
            accepted += means in (Verdict.ACCEPTED, Verdict.SETTLED)
        if means is Verdict.UNKNOWN and part.status:
            unclear.append(
                _Line(
                    about, status, reason.code if reason else None, reason.info if reason else None, "unclear"
                )
            )
    for day, why in refused_days.items():
        for payment_id in session.scalars(_OF_GROUP, {"id": batch.id, "days": [day]}):  # type: ignore[attr-defined]
            named.setdefault(payment_id.hex, why)
    return named, unclear, accepted


def _refuse_all(
    session: Session, actor: Actor, batch: UUID, told: dict[str, tuple[str, Reason | None]]
) -> list[_Line]:
    ours = _ours(session, told, batch)
    hold_all(session, sorted(ours))
    lines = []
    for end_to_end_id, (status, reason) in sorted(told.items()):
        payment_id, code = payment_of(end_to_end_id), reason.code if reason else None
        outcome = (
            refused(session, actor, Told(payment_id, code))
            if payment_id and payment_id in ours
            else "foreign"
        )
        lines.append(_Line(end_to_end_id, status, code, reason.info if reason else None, outcome))
    return lines


# -- camt.054 ------------------------------------------------------------------------------------------------


def _notification(session: Session, actor: Actor, source: BinaryIO, file: str, digest: bytes) -> UUID:
    """Only what came back: what was credited is booked by the statement."""
    found = [each for each in read_returns(source, file) if each.amount_minor < 0]
    ours = _ours(session, [each.end_to_end_id or "" for each in found], None)
    hold_all(session, sorted(ours))
    lines = []
    for each in found:
        payment_id, on = payment_of(each.end_to_end_id), each.booked_on or clock.today()
        known = payment_id is not None and payment_id in ours
        outcome = (
            returned(session, actor, Told(payment_id, each.reason, on)) if known and payment_id else "foreign"
        )
        told = each.end_to_end_id or each.bank_ref or ""
        lines.append(_Line(told, "RTRN", each.reason, each.info, outcome))
    return _keep(session, actor, "camt.054", file, digest, lines, None, 0)


def _ours(session: Session, end_to_end_ids: Iterable[str], batch: UUID | None) -> set[UUID]:
    ids = [found for each in end_to_end_ids if (found := payment_of(each))]
    return set(session.scalars(_OURS, {"ids": ids, "batch": batch}))


def _keep(
    session: Session,
    actor: Actor,
    kind: str,
    file: str,
    digest: bytes,
    lines: list[_Line],
    batch: UUID | None,
    accepted: int,
) -> UUID:
    answer_id = new_id()
    session.execute(
        _ANSWER,
        {
            "id": answer_id, "kind": kind, "file": file, "hash": digest, "batch": batch, "now": clock.now(),
            "name": actor.name, "accepted": accepted,
        },
    )  # fmt: skip
    with driver(session).cursor() as cursor:
        cursor.executemany(
            "INSERT INTO collection_answer_line (answer_id, payment_id, end_to_end_id, status, reason_code, info, outcome)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    answer_id,
                    None if each.outcome in ("foreign", "unclear") else payment_of(each.end_to_end_id),
                    each.end_to_end_id[:100],
                    each.status,
                    each.code,
                    each.info,
                    each.outcome,
                )
                for each in lines
            ],
        )
    record(session, actor, "take_bank_answer", "collection_answer", answer_id, kind=kind, file=file)
    return answer_id
