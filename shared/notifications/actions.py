"""Queue a message, and send one again that failed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor, Permission
from shared.audit import actions as audit
from shared.errors import Conflict
from shared.i18n import speaks
from shared.ids import new_id
from shared.notifications.models import Message
from shared.notifications.rendering import render
from shared.notifications.rules import UnusableAddress, mailbox

log = structlog.get_logger("mail")


def queue_message(
    session: Session,
    *,
    once: str,
    kind: str,
    recipient: str,
    language: str,
    template: str,
    context: dict[str, Any],
    customer_id: UUID | None = None,
    reply_to: str | None = None,
) -> UUID | None:
    """Render and queue a mail in the caller's transaction; a worker sends it after the commit.

    `once` names the event and the addressee (`receipt:<id>:<address>`): a second call queues nothing and answers
    None. `language` is whatever is known of the reader; the message is in the nearest language we speak.
    `reply_to` is the creditor's address; one that cannot be used is left out, for the debtor needs the mail.
    """
    spoken = speaks(language)
    mail = render(template, spoken, context)
    queued = insert(Message).values(
        id=new_id(),
        once=once,
        kind=kind,
        customer_id=customer_id,
        recipient=mailbox(recipient),
        language=spoken,
        subject=mail.subject,
        body_text=mail.text,
        body_html=mail.html,
        created_at=clock.now(),
        reply_to=usable_reply_to(reply_to),
    )
    return session.scalar(queued.on_conflict_do_nothing(index_elements=["once"]).returning(Message.id))


def usable_reply_to(address: str | None) -> str | None:
    """The creditor's address, or None when no mail program could answer to it."""
    try:
        return mailbox(address) if address else None
    except UnusableAddress as error:
        log.warning("reply_to_unusable", error=str(error))
        return None


def send_again(session: Session, actor: Actor, message_id: UUID) -> None:
    """Put a failed message back into the queue, after its cause was dealt with."""
    actor.must(Permission.REPLAY_JOBS)
    put_back = (
        update(Message)
        .where(Message.id == message_id, Message.failed_at.is_not(None))
        .values(failed_at=None, error=None, attempts=0, due_at=text("now()"))
        .returning(Message.recipient)
    )
    recipient = session.scalar(put_back)
    if recipient is None:
        raise Conflict("This message is not waiting for you any more: it was sent, or put back already.")
    audit.record(session, actor, "message_sent_again", "message", message_id, recipient=recipient)
