"""One event, many readers: rendered once per language, queued set by set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.i18n import LANGUAGES, speaks
from shared.ids import new_ids
from shared.notifications.rendering import render
from shared.notifications.rules import UnusableAddress, mailbox

log = structlog.get_logger("mail")

_SET = 5000
_QUEUE = text("""
    INSERT INTO message (id, once, kind, customer_id, recipient, language, subject, body_text, body_html, created_at,
                         reply_to)
    SELECT t.id, :event || ':' || t.recipient, :kind, t.customer_id, t.recipient, :language, :subject, :text, :html,
           :now, :reply_to
    FROM unnest(CAST(:ids AS uuid[]), CAST(:customers AS uuid[]), CAST(:recipients AS text[]))
        AS t (id, customer_id, recipient)
    ON CONFLICT (once) DO NOTHING""")


@dataclass(frozen=True, slots=True)
class Reader:
    customer_id: UUID
    address: str
    language: str


def queue_for_all(
    session: Session,
    readers: Iterable[Reader],
    *,
    event: str,
    kind: str,
    template: str,
    context: dict[str, Any],
    reply_to: str | None = None,
) -> None:
    """Queue the same mail to each reader, once per event and address, in the caller's transaction.

    The mail says nothing of its reader, so it is rendered once per language: O(readers) rows, two renderings. An
    address that cannot be used is left out and logged: the others need their mail.
    """
    mails = {language: render(template, language, context) for language in LANGUAGES}
    for some in _sets(readers):
        for language, mail in mails.items():
            theirs = [each for each in some if speaks(each.language) == language]
            if theirs:
                session.execute(
                    _QUEUE,
                    {
                        "event": event, "kind": kind, "language": language, "subject": mail.subject,
                        "text": mail.text, "html": mail.html, "now": clock.now(), "reply_to": reply_to,
                        "ids": new_ids(len(theirs)), "customers": [each.customer_id for each in theirs],
                        "recipients": [each.address for each in theirs],
                    },
                )  # fmt: skip


def _sets(readers: Iterable[Reader]) -> Iterator[Sequence[Reader]]:
    usable = filter(_usable, readers)
    while some := list(islice(usable, _SET)):
        yield some


def _usable(reader: Reader) -> bool:
    try:
        mailbox(reader.address)
    except UnusableAddress as error:
        log.warning("address_unusable", customer=str(reader.customer_id), error=str(error))
        return False
    return True
