"""The mails the demo received: files in one folder, whose names are ordered by time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

from shared import clock
from shared.ids import new_id

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Mail:
    id: UUID
    subject: str
    sender: str
    recipient: str
    sent_at: datetime
    text: str
    html: str


class Mailbox:
    """The folder of received mails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, content: bytes) -> UUID:
        """Store a mail; a reader never sees half of one."""
        mail_id = new_id()
        draft = self._folder / f".{mail_id}"
        draft.write_bytes(content)
        draft.rename(self._path(mail_id))
        return mail_id

    def newest(self) -> list[Mail]:
        """The newest 100, newest first."""
        paths = sorted(self._folder.glob("*.eml"), reverse=True)[:_SHOWN]
        return [_read(UUID(path.stem), path.read_bytes()) for path in paths]

    def find(self, mail_id: UUID) -> Mail | None:
        try:
            return _read(mail_id, self._path(mail_id).read_bytes())
        except FileNotFoundError:
            return None

    def _path(self, mail_id: UUID) -> Path:
        return self._folder / f"{mail_id}.eml"


def _read(mail_id: UUID, content: bytes) -> Mail:
    message = message_from_bytes(content, policy=policy.default)
    date = message["Date"]
    return Mail(
        id=mail_id,
        subject=str(message["Subject"] or ""),
        sender=str(message["From"] or ""),
        recipient=str(message["To"] or ""),
        sent_at=getattr(date, "datetime", None) or clock.now(),
        text=_body(message, "plain"),
        html=_body(message, "html"),
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # a charset nobody knows
        return (part.get_payload(decode=True) or b"").decode("utf-8", "replace")  # type: ignore[union-attr]
