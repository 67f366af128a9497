"""What autopay writes to the debtor: before a debit, when it fails, when there is nothing to collect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.autopay.models import Autopay
from shared.config import settings
from shared.i18n import N_, day, gettext
from shared.i18n import money as written
from shared.money import Money
from shared.notifications.actions import queue_message
from shared.payments.rules import Payable

_READER = text("""
    SELECT coalesce(c.email, u.email) AS email, c.language, c.name AS customer, k.name AS creditor,
           k.email AS creditor_email
    FROM customer c CROSS JOIN creditor k LEFT JOIN debtor_user u ON u.id = :user AND u.active
    WHERE c.id = :customer AND k.id = :creditor""")
_SKIP = N_("See this debit, or skip it")
_PAY = N_("Pay now")
_SEE = N_("See autopay")


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom we write to, in whose name."""

    email: str
    language: str
    customer: str
    creditor: str
    creditor_email: str | None


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail. `once` names its occasion."""

    once: str
    kind: str
    title: str
    paragraphs: list[str]
    label: str
    path: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def reader(session: Session, autopay: Autopay) -> Reader | None:
    """The customer's address, else that of the person who switched autopay on; None: nobody can be told."""
    given = {"user": autopay.user_id, "customer": autopay.customer_id, "creditor": autopay.creditor_id}
    found = session.execute(_READER, given).one()
    return Reader(**found._mapping) if found.email else None


def send(session: Session, to: Reader, customer_id: UUID, letter: Letter) -> None:
    """Queue a letter in the caller's transaction; told once, however often it is called."""
    queue_message(
        session,
        once=f"{letter.once}:{to.email}",
        kind=letter.kind,
        recipient=to.email,
        language=to.language,
        template="letter",
        customer_id=customer_id,
        reply_to=to.creditor_email,
        context={
            "creditor": to.creditor,
            "title": letter.title,
            "paragraphs": letter.paragraphs,
            "lines": letter.lines,
            "after": letter.after,
            "action_url": settings().portal_url + letter.path,
            "action_label": gettext(to.language, letter.label),
        },
    )


def lines_of(language: str, items: Sequence[tuple[Payable, int]]) -> list[dict[str, Any]]:
    """Documents as a mail lists them."""
    return [
        {
            "label": item.number,
            "note": gettext(language, N_("due on %(day)s"), day=day(language, item.due_on))
            if minor > 0
            else "",
            "amount": Money(minor, item.currency),
        }
        for item, minor in items
    ]


def notice(
    to: Reader, debit_id: UUID, minor: int, currency: str, on: date, held: str, items: Sequence[tuple[Payable, int]],
    over: Sequence[Payable],
) -> Letter:  # fmt: skip
    """Before a debit: how much, when, from what, for which documents, and how to skip it."""
    language = to.language
    amount, when = written(language, minor, currency), day(language, on, "long")
    after = [
        gettext(
            language,
            N_("We never take more than this. If credits arrive or you pay in the meantime, we take less."),
        )
    ]
    if over:
        after.append(left_to_you(language, over))
    return Letter(
        once=f"autopay_notice:{debit_id}",
        kind="autopay_notice",
        title=gettext(language, N_("Debit of %(amount)s on %(day)s"), amount=amount, day=when),
        paragraphs=[
            gettext(
                language,
                N_(
                    "On %(day)s, %(creditor)s collects %(amount)s from %(instrument)s for %(customer)s, as agreed."
                ),
                day=when,
                creditor=to.creditor,
                amount=amount,
                instrument=held,
                customer=to.customer,
            )
        ],
        lines=lines_of(language, items),
        after=after,
        label=_SKIP,
        path=f"/autopay/debits/{debit_id}",
    )


def over_cap(to: Reader, debit_id: UUID, cap: Money, over: Sequence[Payable]) -> Letter:
    """Nothing fits under the cap: the debtor pays, or raises it."""
    language = to.language
    limit = written(language, cap.minor, cap.currency)
    return Letter(
        once=f"autopay_over_cap:{debit_id}",
        kind="autopay_over_cap",
        title=gettext(language, N_("More is due than your limit of %(cap)s"), cap=limit),
        paragraphs=[left_to_you(language, over)],
        lines=lines_of(language, [(each, each.free_minor) for each in over]),
        label=_PAY,
        path="/pay",
    )


def left_to_you(language: str, over: Sequence[Payable]) -> str:
    numbers = ", ".join(each.number for each in over[:10]) + ("…" if len(over) > 10 else "")
    told = N_(
        "Above your limit per debit, so not collected: %(numbers)s. You can pay them yourself, or raise the limit."
    )
    return gettext(language, told, numbers=numbers)


def nothing(to: Reader, debit_id: UUID, on: date) -> Letter:
    language = to.language
    return Letter(
        once=f"autopay_nothing:{debit_id}",
        kind="autopay_nothing",
        title=gettext(language, N_("Nothing to collect on %(day)s"), day=day(language, on, "long")),
        paragraphs=[
            gettext(
                language,
                N_(
                    "What we told you of was paid, is covered by your credits or is on hold: nothing is debited."
                ),
            )
        ],
        label=_SEE,
        path="/autopay",
    )


def failed(to: Reader, payment_id: UUID, minor: int, currency: str) -> Letter:
    """A debit came back: no blame, and a way to pay."""
    language = to.language
    return Letter(
        once=f"autopay_failed:{payment_id}",
        kind="autopay_failed",
        title=gettext(
            language, N_("Your debit of %(amount)s did not go through"), amount=written(language, minor, currency)
        ),
        paragraphs=[
            gettext(
                language,
                N_("This happens: your bank could not make the debit. You can pay in a minute, by another way if you like."),
            )
        ],
        label=_PAY,
        path="/pay",
    )  # fmt: skip


def tried_again(to: Reader, first: Letter, debit_id: UUID, minor: int, currency: str, on: date) -> Letter:
    """The same, with the notice of the next try."""
    language = to.language
    told = gettext(
        language,
        N_(
            "If you do nothing, we try once more on %(day)s, for %(amount)s at most. You can skip that debit."
        ),
        day=day(language, on, "long"),
        amount=written(language, minor, currency),
    )
    return Letter(
        once=first.once,
        kind=first.kind,
        title=first.title,
        paragraphs=[*first.paragraphs, told],
        label=_SKIP,
        path=f"/autopay/debits/{debit_id}",
    )


def suspended(to: Reader, autopay: Autopay, first: Letter | None = None) -> Letter:
    """Autopay rests: after a failure, or because its card or mandate can no longer be used."""
    language = to.language
    told = gettext(
        language,
        N_("Autopay for %(creditor)s rests until you choose it again with a card or mandate that works."),
        creditor=to.creditor,
    )
    return Letter(
        once=first.once if first else f"autopay_suspended:{autopay.id}:{autopay.changed_at.isoformat()}",
        kind="autopay_suspended",
        title=first.title if first else gettext(language, N_("Autopay rests")),
        paragraphs=[*(first.paragraphs if first else []), told],
        label=_PAY if first else _SEE,
        path="/pay" if first else "/autopay",
    )


def confirmed(to: Reader, autopay: Autopay) -> Letter:
    """What was agreed to, word by word."""
    return Letter(
        once=f"autopay_confirmed:{autopay.id}:{autopay.changed_at.isoformat()}",
        kind="autopay_confirmed",
        title=gettext(to.language, N_("Autopay is on for %(creditor)s"), creditor=to.creditor),
        paragraphs=[autopay.consent],
        label=_SEE,
        path="/autopay",
    )
