"""The wire: one SMTP connection as `SMTP_URL` describes it, and what its answers mean.

`smtp://user:password@host:587` uses TLS when the server offers it, `?starttls=required` insists on it,
`?starttls=never` is for a relay on the same machine whose certificate nobody signed; `smtps://` is TLS from the start.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

from shared.errors import ConfigurationError

# Per answer of the server. RFC 5321 4.5.3.2 allows minutes; a claim on a message outlives several of these.
_TIMEOUT_SECONDS = 30
_PORTS = {"smtp": 587, "smtps": 465}
_STARTTLS = ("offered", "required", "never")


class Unreachable(Exception):
    """The server cannot be talked to at all: no message is to blame for it."""


class Refused(Exception):
    """The server refused this one message: for good (5xx), or for now."""

    def __init__(self, told: str, *, for_good: bool) -> None:
        super().__init__(told)
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail leaves. The password never shows in a log or a traceback."""

    host: str
    port: int
    implicit_tls: bool
    starttls: str
    user: str = ""
    password: str = field(default="", repr=False)


def server_of(url: str) -> Server:
    """The server an `SMTP_URL` names; what we do not understand is refused rather than guessed."""
    parts = urlsplit(url)
    starttls = parse_qs(parts.query).get("starttls", ["offered"])[-1]
    try:
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        port = 0
    if parts.scheme not in _PORTS or not parts.hostname or not port or starttls not in _STARTTLS:
        raise ConfigurationError(
            "SMTP_URL was expected to look like smtp://user:password@host:587?starttls=required"
            " or smtps://user:password@host:465."
        )
    return Server(
        host=parts.hostname,
        port=port,
        implicit_tls=parts.scheme == "smtps",
        starttls=starttls,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


class Connection:
    """Opened at the first message, kept for the next ones, opened anew after trouble. A context manager."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except (OSError, smtplib.SMTPException):
                self._smtp.close()
            self._smtp = None

    def send(self, mail: EmailMessage, sender: str, recipient: str) -> None:
        """Hand one mail over. Raises `Unreachable` or `Refused`; silence means that the server has taken it."""
        smtp = self._opened()
        try:
            smtp.send_message(mail, sender, [recipient])
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(*error.recipients[recipient]) from error
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Refused(str(error), for_good=True) from error
        except (OSError, smtplib.SMTPException) as error:
            smtp.close()
            self._smtp = None
            raise Refused(f"The connection broke: {_told(error)}", for_good=False) from error

    def _opened(self) -> smtplib.SMTP:
        # A server closes what idles; smtplib then forgets its socket.
        if self._smtp is None or self._smtp.sock is None:
            try:
                self._smtp = _open(self._server)
            except (OSError, smtplib.SMTPException) as error:
                place = f"{self._server.host}:{self._server.port}"
                raise Unreachable(f"The mail server {place} cannot be used: {_told(error)}") from error
        return self._smtp


def _open(server: Server) -> smtplib.SMTP:
    name = socket.gethostname()
    if server.implicit_tls:
        context = ssl.create_default_context()
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, local_hostname=name, timeout=_TIMEOUT_SECONDS, context=context
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=_TIMEOUT_SECONDS)
    try:
        smtp.ehlo_or_helo_if_needed()
        encrypted = server.implicit_tls or _upgraded(smtp, server.starttls)
        if server.user:
            if not encrypted and server.host not in ("127.0.0.1", "::1", "localhost"):
                raise smtplib.SMTPException("it offers no TLS, and a password is not sent in the open")
            smtp.login(server.user, server.password)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _upgraded(smtp: smtplib.SMTP, starttls: str) -> bool:
    if starttls == "never" or not (smtp.has_extn("starttls") or starttls == "required"):
        return False
    smtp.starttls(context=ssl.create_default_context())  # raises when the server does not know it
    smtp.ehlo()
    return True


def _refused(code: int, answer: bytes | str) -> Refused:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return Refused(f"{code} {' '.join(text.split())}"[:500], for_good=500 <= code < 600)


def _told(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return str(_refused(error.smtp_code, error.smtp_error))
    return f"{error or type(error).__name__}"[:500]
