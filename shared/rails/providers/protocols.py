"""Small protocols, one per capability: what the core asks of a provider, and the three ways an answer can fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, runtime_checkable
from uuid import UUID

from shared.rails.snapshot import Decline, EventRef, Instrument, Method, PayoutSeen, Snapshot


class Unclear(Exception):
    """No answer, or none that tells whether it was done. Asked again later with the same key, never with another."""


class Busy(Exception):
    """Certainly not done: the provider asks to come back later. `seconds`: not before."""

    def __init__(self, message: str, seconds: int = 5) -> None:
        super().__init__(message)
        self.seconds = seconds


class Rejected(Exception):
    """Certainly not done, and asking again would not help. `snapshot`: the payment as it stands, if there is one."""

    def __init__(self, message: str, decline: Decline, snapshot: Snapshot | None = None) -> None:
        super().__init__(message)
        self.decline = decline
        self.snapshot = snapshot


class BadSignature(Exception):
    """A webhook that is not the provider's, or too old, or from the future, or unreadable."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach an account. `api_url`: the sandbox's address, else None for the provider's own."""

    account_id: UUID
    provider: str
    mode: str
    secret_key: str
    api_url: str | None = None


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays, as the provider may know them. `ref`: the provider's customer, once there is one."""

    customer_id: UUID
    name: str
    email: str | None
    country: str
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Start collecting. `key` is the idempotency key: the same command, however often it is sent.

    `instrument_ref`: a saved card or a mandate to use without the payer (`off_session`); `collect_on`: the day a
    debit is wanted on; `save`: the payer agreed to keep the card; `expires_at`: when we give the attempt up.
    """

    key: str
    payment_id: UUID
    reference: str
    method: Method
    amount_minor: int
    currency: str
    description: str
    payer: Payer
    return_url: str
    language: str
    country: str
    instrument_ref: str | None = None
    off_session: bool = False
    save: bool = False
    collect_on: date | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """`refunded_before_minor`: what was refunded of the payment already; some providers compare the total."""

    key: str
    refund_id: UUID
    payment_id: UUID
    provider_ref: str
    amount_minor: int
    currency: str
    refunded_before_minor: int


@dataclass(frozen=True, slots=True)
class SetUp:
    """Have the payer keep a card or sign a mandate with the provider, without paying."""

    key: str
    set_up_id: UUID
    method: Method
    payer: Payer
    return_url: str
    exit_url: str
    language: str


@dataclass(frozen=True, slots=True)
class SetUpSeen:
    """`state`: awaiting_payer | done | failed | cancelled. `instrument` once done."""

    provider_ref: str
    state: str
    set_up_id: UUID | None = None
    refs: tuple[str, ...] = ()
    step_url: str | None = None
    client_secret: str | None = None
    instrument: Instrument | None = None
    provider_customer: str | None = None


@dataclass(frozen=True, slots=True)
class MandateSeen:
    """`state`: pending | active | suspended | cancelled | expired | failed."""

    ref: str
    state: str
    reference: str | None = None
    reason_code: str | None = None


@runtime_checkable
class TakesPayments(Protocol):
    def start(self, order: Start) -> Snapshot: ...
    def fetch(self, provider_ref: str) -> Snapshot: ...
    def find(self, payment_id: UUID, started_at: datetime) -> Snapshot | None:
        """Look a payment up by our id: after a key has expired, before anything is sent again."""

    def cancel(self, provider_ref: str, key: str) -> Snapshot:
        """Cancel if it still can be; gives what stands either way."""


@runtime_checkable
class Refunds(Protocol):
    def refund(self, order: RefundOrder) -> Snapshot: ...


@runtime_checkable
class SetsUp(Protocol):
    def set_up(self, order: SetUp) -> SetUpSeen: ...
    def fetch_set_up(self, provider_ref: str) -> SetUpSeen: ...
    def fetch_mandate(self, ref: str) -> MandateSeen: ...
    def forget(self, instrument_ref: str, kind: str, key: str) -> None:
        """Detach a saved card, or cancel a mandate; done already is done."""


@runtime_checkable
class TellsEvents(Protocol):
    def events_since(self, since: datetime) -> Iterator[EventRef]:
        """What was told since, oldest first, whether or not its webhook reached us."""


@runtime_checkable
class PaysOut(Protocol):
    def payouts_since(self, since: datetime) -> Iterator[PayoutSeen]: ...
    def payout(self, ref: str) -> PayoutSeen:
        """One payout with all its lines."""


class ReadsWebhooks(Protocol):
    """No network, no key of the API: what the portal's process needs."""

    def read(
        self, headers: Mapping[str, str], raw: bytes, secrets: Sequence[str], now: datetime
    ) -> list[tuple[EventRef, bytes]]:
        """The events of a webhook signed with one of the secrets (current, previous); else BadSignature."""

    def event(self, payload: bytes) -> EventRef:
        """A stored event again."""
