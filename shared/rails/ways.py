"""The ways a basket can be paid, as a payer chooses among them: by transfer, with what is on file, or anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from shared import clock
from shared.actor import Actor
from shared.mandates.queries import Row as Mandate
from shared.mandates.queries import usable
from shared.payments.rules import Basket
from shared.rails.on_file import Card, cards
from shared.rails.queries import Attempt, Offer, live_attempts, offers_of
from shared.rails.rules import NotOffered
from shared.rails.snapshot import Method
from shared.rails.starting import Terms

TRANSFER = "transfer"
SAVED_CARD = "saved_card"
MANDATE = "mandate"


@dataclass(frozen=True, slots=True)
class Way:
    """One choice. `kind`: transfer, saved_card, mandate, or the method's own name."""

    kind: str
    offer: Offer | None = None
    card: Card | None = None
    mandate: Mandate | None = None

    @property
    def key(self) -> str:
        """What a form sends for it."""
        if self.offer is None:
            return self.kind
        kept = self.card or self.mandate
        return f"{self.offer.account_id}:{self.offer.method}" + (f":{kept.id}" if kept else "")

    def terms(self, language: str, description: str, *, save: bool) -> Terms:
        """What to start a payment with."""
        if self.offer is None:
            raise NotOffered  # a transfer is announced, not started
        return Terms(
            account_id=self.offer.account_id,
            method=self.offer.method,
            language=language,
            saved_card_id=self.card.id if self.card else None,
            mandate_id=self.mandate.id if self.mandate else None,
            save=save and self.kind == Method.CARD,  # only a card that is entered can be kept
            description=description,
        )


@dataclass(frozen=True, slots=True)
class Ways:
    """A basket and how it can be paid. `under_way`: attempts over some of its invoices; they come first. `may_sign`: a
    mandate for the creditor's own bank could be signed."""

    basket: Basket
    ways: tuple[Way, ...]
    under_way: tuple[Attempt, ...]
    may_sign: bool = False

    @property
    def sandbox(self) -> bool:
        return any(way.offer is not None and way.offer.mode != "live" for way in self.ways)

    @property
    def numbers(self) -> str:
        """The documents it pays, as far as a bank's or a provider's line has room."""
        return ", ".join(part.number for part, _ in self.basket.parts)[:120]

    def way(self, key: str) -> Way:
        """The choice a form sent. Only what was worked out anew here is accepted, never an id as it came."""
        for way in self.ways:
            if way.key == key:
                return way
        raise NotOffered


def ways_of(session: Session, actor: Actor, made: Sequence[Basket]) -> list[Ways]:
    """How each basket can be paid: a transfer first, it is everywhere and free. Three statements for all of them, and
    one more for each creditor who debits."""
    offered = offers_of(session, made)
    saved = cards(session, actor, {basket.payer_id for basket in made}) if any(offered) else []
    live = live_attempts(session, actor.customers)
    signed = _mandates(session, actor, made, offered)
    found = []
    for basket, offers in zip(made, offered, strict=True):
        mandates = [m for m in signed.get(basket.creditor_id, []) if m.customer_id == basket.payer_id]
        kept = [*_saved(basket, offers, saved), *_signed(offers, mandates)]
        # The creditor's own bank debits on a mandate that was signed before; providers have it signed on the way.
        # Two providers may offer the same: which of them is nothing to ask a payer.
        anew = {
            offer.method: Way(offer.method, offer)
            for offer in reversed(offers)
            if offer.provider != "own_bank"
        }
        items = {part.item_id for part, _ in basket.parts}
        under_way = tuple(attempt for attempt in live if items.intersection(attempt.items))
        own = any(offer.provider == "own_bank" for offer in offers)
        may_sign = own and not any(m.provider == "own_bank" for m in mandates)
        found.append(Ways(basket, (Way(TRANSFER), *kept, *reversed(anew.values())), under_way, may_sign))
    return found


def only_by_transfer(session: Session, actor: Actor, made: Sequence[Basket]) -> bool:
    """Whether there is nothing to choose: no other way is offered for any basket, nor one of its invoices under way."""
    if any(offers_of(session, made)):
        return False
    items = {part.item_id for basket in made for part, _ in basket.parts}
    return not any(items.intersection(attempt.items) for attempt in live_attempts(session, actor.customers))


def _mandates(
    session: Session, actor: Actor, made: Sequence[Basket], offered: Sequence[Sequence[Offer]]
) -> dict[UUID, list[Mandate]]:
    """What the payers have signed, by creditor who may debit."""
    payers: dict[UUID, set[UUID]] = {}
    for basket, offers in zip(made, offered, strict=True):
        if any(offer.method.is_debit for offer in offers):
            payers.setdefault(basket.creditor_id, set()).add(basket.payer_id)
    today = clock.today()
    return {creditor: usable(session, actor, list(who), creditor, today) for creditor, who in payers.items()}


def _signed(offers: Iterable[Offer], mandates: Iterable[Mandate]) -> list[Way]:
    debits = {(offer.provider, offer.method): offer for offer in offers if offer.method.is_debit}
    return [
        Way(MANDATE, debits[key], mandate=mandate)
        for mandate in mandates
        if (key := (mandate.provider, Method(f"debit_{mandate.scheme}"))) in debits
    ]


def _saved(basket: Basket, offers: Iterable[Offer], saved: Iterable[Card]) -> list[Way]:
    today = clock.today()
    takes: dict[UUID, Offer] = {offer.account_id: offer for offer in offers if offer.method is Method.CARD}
    return [
        Way(SAVED_CARD, takes[card.account_id], card)
        for card in saved
        if card.account_id in takes and card.customer_id == basket.payer_id and card.usable_on(today)
    ]
