"""What adapters tell us, in our words: neutral, complete, and the same for every provider. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID


class Method(StrEnum):
    """How the money moves. Which provider account offers which one, and where, is data (`rail`)."""

    CARD = "card"
    CARD_PAGE = "card_page"  # the provider's own page: the card never comes near ours
    VIRTUAL_IBAN = "virtual_iban"
    PAY_BY_BANK = "pay_by_bank"
    DEBIT_CORE = "debit_core"
    DEBIT_B2B = "debit_b2b"

    @property
    def is_debit(self) -> bool:
        return self in (Method.DEBIT_CORE, Method.DEBIT_B2B)


class Phase(StrEnum):
    """How far the provider is with one attempt, before and until its money comes."""

    CREATED = "created"
    AWAITING_PAYER = "awaiting_payer"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class FactKind(StrEnum):
    """What can happen to money. Each fact is unique per provider account, kind and provider reference."""

    RECEIVED = "received"
    PAID_OUT = "paid_out"
    REFUNDED = "refunded"
    REFUND_RETURNED = "refund_returned"  # the refund did not reach the payer: we have it again
    RETURNED = "returned"  # a debit came back: late failure, R-transaction
    CHARGED_BACK = "charged_back"
    CHARGEBACK_REVERSED = "chargeback_reversed"  # dispute won, chargeback cancelled


@dataclass(frozen=True, slots=True)
class MoneyFact:
    """`ref`: the provider's own id of this very movement. `amount_minor` > 0; its direction is its kind's."""

    kind: FactKind
    ref: str
    amount_minor: int
    currency: str
    occurred_at: datetime
    reason_code: str | None = None  # ISO 20022 for debits (AM04), the network's for cards
    cause: str | None = None  # the provider's word for it


@dataclass(frozen=True, slots=True)
class Step:
    """What the payer does next. `kind`: client_secret | redirect | bank_details; `data` holds texts and minor units."""

    kind: str
    data: dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Decline:
    """Why an attempt failed: `code` ours (`rules.declined` says it to the payer), `provider_code` for support."""

    code: str
    provider_code: str = ""


@dataclass(frozen=True, slots=True)
class Instrument:
    """What was paid with, safe to show. `saved_ref`: usable again, if the payer agreed."""

    kind: str  # card | iban
    label: str  # visa, mastercard; the bank's name or country
    last4: str
    saved_ref: str | None = None
    expires_on: date | None = None
    mandate_ref: str | None = None


@dataclass(frozen=True, slots=True)
class DisputeSeen:
    """A chargeback as the provider has it. `state`: warning | to_answer | under_review | won | lost."""

    ref: str
    state: str
    reason: str
    amount_minor: int
    currency: str
    opened_at: datetime
    answer_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefundSeen:
    """`refund_id`: ours, from the metadata; None: made at the provider, by somebody without us. `state`: pending |
    paid | failed."""

    ref: str
    state: str
    amount_minor: int
    refund_id: UUID | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One payment as the provider has it now. `phase` None: its status is not one we know (`raw_status`).

    `refs`: every id of the provider's under which this payment may be spoken of.
    """

    provider_ref: str
    phase: Phase | None
    raw_status: str
    amount_minor: int
    currency: str
    payment_id: UUID | None = None
    refs: tuple[str, ...] = ()
    facts: tuple[MoneyFact, ...] = ()
    step: Step | None = None
    decline: Decline | None = None
    instrument: Instrument | None = None
    disputes: tuple[DisputeSeen, ...] = ()
    refunds: tuple[RefundSeen, ...] = ()
    provider_customer: str | None = None
    expected_on: date | None = None
    refundable_until: date | None = None


@dataclass(frozen=True, slots=True)
class EventRef:
    """What a webhook points at. Its content is never believed: the object is fetched anew.

    `about`: payment | set_up | mandate | payout | payer | other; `refs`: provider ids by which to find it, the best
    first. `payer`: something of the provider's customer, such as money on a virtual IBAN; his waiting payments are
    looked at. `payment_id`: our id of the payment or set-up.
    """

    event_id: str
    type: str
    about: str
    refs: tuple[str, ...]
    payment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class PayoutLine:
    """One line of a payout. `net` exact, as text of a decimal in minor units: providers bill fractions of a cent.

    `ref`: unique within its payout. `kind`: payment | refund | refund_returned | returned | charged_back |
    chargeback_reversed | fee | payout_returned (an earlier payout came back) | other. Gross and fee carry their signs:
    net = gross - fee.
    """

    ref: str
    kind: str
    provider_type: str
    gross_minor: str
    fee_minor: str
    payment_ref: str | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class PayoutSeen:
    """`state`: pending | paid | failed. `amount_minor` may be negative: the provider takes money back."""

    ref: str
    state: str
    amount_minor: int
    currency: str
    arrives_on: date | None
    statement_text: str = ""
    lines: tuple[PayoutLine, ...] = field(default=())
    complete: bool = False  # the provider says that no line will be added
