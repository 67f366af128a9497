"""What a plan writes to its debtor: what was agreed, a part that is due or came back, the end."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.config import settings
from shared.i18n import N_, day, gettext, money
from shared.money import Money
from shared.notifications.actions import queue_message
from shared.plans.models import Plan, PlanPart

_READER = text("""
    SELECT coalesce(c.email, u.email) AS email, c.language, k.name AS creditor, k.email AS creditor_email
    FROM customer c CROSS JOIN creditor k LEFT JOIN debtor_user u ON u.id = :user AND u.active
    WHERE c.id = :customer AND k.id = :creditor""")
_SEE, _PAY = N_("See the plan"), N_("Pay now")


def tell_accepted(session: Session, plan: Plan, parts: list[PlanPart]) -> None:
    """The agreement, word by word, and its days."""

    def lines(language: str) -> list[dict[str, Any]]:
        return [
            {"label": day(language, p.due_on), "note": "", "amount": Money(p.amount_minor, plan.currency)}
            for p in parts
        ]

    _send(
        session,
        plan,
        "accepted",
        N_("Your plan %(reference)s is agreed"),
        plan.agreement.split("\n"),
        lines=lines,
    )


def tell_refused(session: Session, plan: Plan) -> None:
    told = N_("%(creditor)s could not agree to this plan: %(reason)s You can propose another one, or call.")
    _send(session, plan, "refused", N_("Your proposal %(reference)s"), [told], reason=_sentence(plan.reason))


def tell_cancelled(session: Session, plan: Plan) -> None:
    told = N_("%(creditor)s has ended this plan: %(reason)s What is left is due now.")
    _send(
        session, plan, "cancelled", N_("Your plan %(reference)s has ended"), [told], reason=_sentence(plan.reason), pay=True
    )  # fmt: skip


def tell_broken(session: Session, plan: Plan) -> None:
    """No blame: what happened, what follows, and two ways on."""
    told = N_(
        "A part of this plan is still open, so the plan has ended and what is left is due. Things happen: if you need "
        "another arrangement, propose a new plan or call %(creditor)s."
    )
    _send(session, plan, "broken", N_("Your plan %(reference)s has ended"), [told], pay=True)


def ask_for_part(session: Session, plan: Plan, part: PlanPart, minor: int) -> None:
    """A part that nothing on file collects."""
    told = N_(
        "Part %(number)s of your plan is due on %(day)s: %(amount)s. Please pay it by %(until)s at the latest."
    )
    _send(
        session, plan, f"ask:{part.number}", N_("Part %(number)s of your plan %(reference)s"), [told], pay=True,
        number=part.number, day=part.due_on, amount=Money(minor, plan.currency), until=grace_ends(plan, part),
    )  # fmt: skip


def tell_failed(session: Session, plan: Plan, part: PlanPart, minor: int) -> None:
    """A part that was collected and did not go through."""
    told = N_(
        "This happens: your bank could not make the debit of part %(number)s, %(amount)s. Your plan goes on if it is paid "
        "by %(until)s; you can pay it another way in a minute."
    )
    _send(
        session, plan, f"failed:{part.payment_id}", N_("Part %(number)s of your plan %(reference)s"), [told], pay=True,
        number=part.number, amount=Money(minor, plan.currency), until=grace_ends(plan, part),
    )  # fmt: skip


def grace_ends(plan: Plan, part: PlanPart) -> date:
    """The last day on which this part still keeps the plan."""
    return max(part.due_on, part.failed_on or part.due_on, clock.today()) + timedelta(days=plan.grace_days)


def _sentence(reason: str | None) -> str:
    text = (reason or "").strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _send(
    session: Session, plan: Plan, what: str, title: str, paragraphs: list[str], *, pay: bool = False,
    lines: Any = None, **params: Any,
) -> None:  # fmt: skip
    given = {"user": plan.user_id, "customer": plan.customer_id, "creditor": plan.creditor_id}
    to = session.execute(_READER, given).one()
    if not to.email:
        return  # the portal shows it
    language = to.language
    shown = {"reference": plan.reference, "creditor": to.creditor} | {
        name: _written(language, value) for name, value in params.items()
    }
    queue_message(
        session,
        once=f"plan_{what}:{plan.id}:{to.email}",
        kind=f"plan_{what.split(':')[0]}",
        recipient=to.email,
        language=language,
        template="letter",
        customer_id=plan.customer_id,
        reply_to=to.creditor_email,
        context={
            "creditor": to.creditor,
            "title": gettext(language, title, **shown),
            "paragraphs": [gettext(language, p, **shown) if "%(" in p else p for p in paragraphs],
            "lines": lines(language) if lines else [],
            "after": [],
            "action_url": f"{settings().portal_url}{'/pay' if pay else f'/plans/{plan.id}'}",
            "action_label": gettext(language, _PAY if pay else _SEE),
        },
    )


def _written(language: str, value: Any) -> Any:
    if isinstance(value, Money):
        return money(language, value.minor, value.currency)
    return day(language, value, "long") if isinstance(value, date) else value
