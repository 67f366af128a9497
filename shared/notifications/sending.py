"""From the queue to the mail server, without a transaction held across the network.

Claim a message and commit; send it; write the outcome. Two workers never hold the same message, because a claim
locks its row and postpones it. A worker that dies before sending loses nothing; one that dies between sending and
writing lets the message go out a second time with the same Message-ID, which mail clients show once.
"""

from __future__ import annotations

import threading
from datetime import timedelta
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

import structlog
from sqlalchemy import Row, text

from shared import clock
from shared.actor import SYSTEM
from shared.clock import BUSINESS_ZONE
from shared.config import settings
from shared.db import writing
from shared.errors import ConfigurationError
from shared.notifications.rules import mailbox, wait_after
from shared.notifications.smtp import Connection, Refused, Unreachable, server_of

log = structlog.get_logger("mail")

# Longer than the slowest conversation with a server that we do not give up on.
_CLAIM = timedelta(minutes=10)
# After the server as a whole was out of reach; the message's own tries are not used up by that.
_PAUSE = timedelta(minutes=1)

# Due times are the database's: they are about machines, and go on when the business clock is frozen or moved.
_TAKE = text("""
    UPDATE message SET attempts = attempts + 1, due_at = now() + :claim
    WHERE id = (SELECT id FROM message WHERE sent_at IS NULL AND failed_at IS NULL AND due_at <= now()
                ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, kind, recipient, language, subject, body_text, body_html, created_at, attempts, reply_to""")
# A worker that was slow may come late: what was sent stays sent.
_SENT = text(
    "UPDATE message SET sent_at = :at, failed_at = NULL, error = NULL WHERE id = :id AND sent_at IS NULL"
)
_FAILED = text("UPDATE message SET failed_at = :at, error = :error WHERE id = :id AND sent_at IS NULL")
_LATER = text(
    "UPDATE message SET due_at = now() + :wait, error = :error, attempts = attempts - :unused"
    " WHERE id = :id AND sent_at IS NULL AND failed_at IS NULL"
)


def send_waiting(stop: threading.Event | None = None) -> int:
    """Send every message that is due, one after the other on one connection; answers how many the server took."""
    taken = 0
    with Connection(server_of(settings().smtp_url)) as connection:
        while not (stop and stop.is_set()) and (message := _claim()):
            try:
                connection.send(compose(message), _sender().addr_spec, message.recipient)
            except Unreachable as error:
                _postpone(message, str(error), _PAUSE, unused=1)
                log.warning("mail_server_unreachable", error=str(error))
                break
            except Refused as error:
                _refused(message, error)
            else:
                _write(_SENT, id=message.id, at=clock.now())
                log.info("mail_sent", message=str(message.id), kind=message.kind)
                taken += 1
    return taken


def compose(message: Any) -> EmailMessage:
    """The mail as it goes over the wire: text and HTML; the same Message-ID each time it is sent."""
    sender = _sender()
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = sender
    mail["To"] = message.recipient
    if message.reply_to:
        mail["Reply-To"] = message.reply_to
    mail["Subject"] = message.subject
    mail["Date"] = message.created_at.astimezone(BUSINESS_ZONE)
    mail["Message-ID"] = f"<{message.id}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    mail.set_content(message.body_text, cte="quoted-printable")
    mail.add_alternative(message.body_html, subtype="html", cte="quoted-printable")
    mail["Content-Language"] = (
        message.language
    )  # last: content headers set before would move into the text part
    return mail


def _sender() -> Address:
    name, address = parseaddr(settings().mail_from)
    try:
        return Address(display_name=name, addr_spec=mailbox(address))
    except Exception as error:
        raise ConfigurationError(
            "QUITTANCE_MAIL_FROM was expected to look like “Name <address@example.com>”."
        ) from error


def _claim() -> Row[Any] | None:
    with writing(SYSTEM) as session:
        return session.execute(_TAKE, {"claim": _CLAIM}).first()


def _refused(message: Row[Any], refusal: Refused) -> None:
    wait = None if refusal.for_good else wait_after(message.attempts)
    if wait is None:
        _write(_FAILED, id=message.id, at=clock.now(), error=str(refusal))
        log.error("mail_failed", message=str(message.id), kind=message.kind, error=str(refusal))
    else:
        _postpone(message, str(refusal), wait, unused=0)
        log.warning(
            "mail_postponed", message=str(message.id), seconds=wait.total_seconds(), error=str(refusal)
        )


def _postpone(message: Row[Any], error: str, wait: timedelta, *, unused: int) -> None:
    _write(_LATER, id=message.id, wait=wait, error=error, unused=unused)


def _write(statement: Any, **values: Any) -> None:
    with writing(SYSTEM) as session:
        session.execute(statement, values)
