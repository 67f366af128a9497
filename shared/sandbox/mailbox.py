"""The demo's mailbox: a real SMTP server that delivers to nobody, and keeps what it is given for all to read.

It listens on the loopback address only. Mails are files in `mailbox/` of the data folder, so that they outlive the
process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from werkzeug.serving import make_server

from shared.config import settings
from shared.sandbox.mailbox_pages import make_mailbox_app
from shared.sandbox.mailbox_store import Mailbox

_HOST = "127.0.0.1"
_LARGEST = 32 * 1024 * 1024


def serve_mailbox(smtp_port: int, http_port: int, stop: threading.Event) -> None:
    """Receive mail on one port and show it on the other, until `stop` is set."""
    mailbox = Mailbox(settings().data / "mailbox")
    server = make_server(_HOST, http_port, make_mailbox_app(mailbox), threaded=True)
    pages = threading.Thread(target=server.serve_forever, args=(0.2,), name="mailbox")
    with receiving(mailbox, smtp_port):
        pages.start()
        stop.wait()
        server.shutdown()
        pages.join()
    server.server_close()


@contextmanager
def receiving(mailbox: Mailbox, smtp_port: int) -> Iterator[None]:
    """Receive mail for everybody while the block runs."""
    controller = _Quiet(_Keeping(mailbox), hostname=_HOST, port=smtp_port)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


class _Quiet(Controller):
    """Greets without the machine's name and versions."""

    def factory(self) -> SMTP:
        return SMTP(
            self.handler, hostname="mailbox.localhost", enable_SMTPUTF8=True, data_size_limit=_LARGEST
        )


class _Keeping:
    """aiosmtpd calls this by name."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self._mailbox.keep(envelope.content)
        return "250 Kept, and delivered to nobody"
