"""The file of a batch, written from what stands in the database: equal each time, proved by its hash."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import sealing
from shared.actor import Actor, Permission
from shared.audit.actions import record
from shared.errors import ConfigurationError, Conflict, DomainError, NotFound
from shared.mandates.pain008 import (
    Address,
    Amendment,
    Collection,
    CollectionFile,
    Collector,
    NoCollectionFile,
    write,
)
from shared.mandates.rules import Scheme, Sequence
from shared.mandates.signing import ACCOUNT
from shared.money import Money

_IN_MEMORY = 8 << 20
_BATCH = text("""
    SELECT id, message_id, scheme, sequence, collector, presented_on, made_at, state, file_sha256
    FROM collection_batch WHERE id = :id""")
_ENTRIES = text("""
    SELECT e.payment_id, e.mandate_id, e.amount_minor, e.due_on, e.mandate_reference, e.signed_on, e.debtor_name,
           e.address_lines, e.postcode, e.town, e.country, e.iban_sealed, e.bic, e.account_changed, e.label
    FROM collection_entry e WHERE e.batch_id = :id ORDER BY e.position""")
_REFERENCE = text("SELECT reference FROM payment WHERE id = :id")


def seal_file(session: Session, batch_id: UUID) -> None:
    """Write the file once: what a bank would refuse is refused now, naming the payment; its hash is kept."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as output:
        digest = _write(session, session.execute(_BATCH, {"id": batch_id}).one(), output)
    session.execute(
        text("UPDATE collection_batch SET file_sha256 = :hash WHERE id = :id"),
        {"id": batch_id, "hash": digest},
    )


@contextmanager
def file_of(session: Session, actor: Actor, batch_id: UUID) -> Iterator[tuple[str, BinaryIO]]:
    """The name and bytes of a batch's file, for who brings it to the bank. Opened for one who may collect."""
    actor.must(Permission.COLLECT)
    batch = session.execute(_BATCH, {"id": batch_id}).first()
    if batch is None:
        raise NotFound
    if batch.state == "withdrawn":
        raise Conflict("This file was withdrawn: give it to nobody.")
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as output:
        if _write(session, batch, output) != batch.file_sha256:
            raise ConfigurationError("The file cannot be written as it was made: do not send it.")
        output.seek(0)
        yield f"{batch.message_id}.xml", output  # type: ignore[misc]


def note_download(session: Session, actor: Actor, batch_id: UUID) -> None:
    """Who took the file, and when: it names the debtors' accounts."""
    actor.must(Permission.COLLECT)
    record(session, actor, "download_collections", "collection_batch", batch_id)


def _write(session: Session, batch: Any, output: Any) -> bytes:
    told = batch.collector
    collector = Collector(
        told["name"],
        told["ics"],
        told["iban"],
        Address(told["city"], told["country"], told["postcode"], tuple(filter(None, (told["address"],)))),
        told["bic"],
    )
    scheme, sequence = Scheme(batch.scheme), Sequence(batch.sequence)
    entries = session.execute(_ENTRIES, {"id": batch.id}).yield_per(5000)
    file = CollectionFile(
        batch.message_id,
        batch.made_at,
        batch.presented_on,
        told["initiating_party"],
        tuple(_collection(entry, collector, scheme, sequence) for entry in entries),
    )
    try:
        write(output, file)
    except NoCollectionFile as refused:
        raise _named(session, refused) from None
    output.seek(0)
    digest = hashlib.sha256()
    while chunk := output.read(1 << 20):
        digest.update(chunk)
    return digest.digest()


def _collection(entry: Any, collector: Collector, scheme: Scheme, sequence: Sequence) -> Collection:
    return Collection(
        end_to_end_id=entry.payment_id.hex,
        amount=Money(entry.amount_minor, "EUR"),
        due_on=entry.due_on,
        collector=collector,
        scheme=scheme,
        sequence=sequence,
        mandate_reference=entry.mandate_reference,
        signed_on=entry.signed_on,
        debtor_name=entry.debtor_name,
        debtor_iban=sealing.unseal(entry.iban_sealed, ACCOUNT, entry.mandate_id),
        debtor_address=Address(entry.town, entry.country, entry.postcode, tuple(entry.address_lines)),
        debtor_bic=entry.bic,
        text=entry.label,
        amendment=Amendment(account_changed=True) if entry.account_changed else None,
    )


def _named(session: Session, refused: NoCollectionFile) -> DomainError:
    """The refusal, told of the payment it is about."""
    try:
        reference = session.scalar(_REFERENCE, {"id": UUID(refused.field or "")})
    except ValueError:
        reference = None
    if reference is None:
        return refused
    return DomainError("%(reference)s cannot be collected: %(why)s", reference=reference, why=str(refused))
