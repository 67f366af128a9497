"""What will happen by itself: a payment goes to the bank, is confirmed, is paid out; and what happens as time moves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta

from shared.clock import BUSINESS_ZONE
from shared.sandbox.gocardless.refusals import Refusal
from shared.sandbox.gocardless.store import Store, Thing, stamp

Act = Callable[[Store, Thing, str, str | None], object]


def after_business_days(day: date, count: int) -> date:
    """Weekends do not count; bank holidays do: this is a sandbox.

    >>> str(after_business_days(date(2026, 11, 20), 1)), str(after_business_days(date(2026, 11, 21), 0))
    ('2026-11-23', '2026-11-23')
    """
    while day.weekday() > 4:
        day += timedelta(days=1)
    for _ in range(count):
        day += timedelta(days=3 if day.weekday() == 4 else 1)
    return day


def today(store: Store) -> date:
    return store.now().astimezone(BUSINESS_ZONE).date()


def at_start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=BUSINESS_ZONE)


def plan(
    store: Store, kind: str, resource: str, action: str, due: datetime, reason: str | None = None
) -> None:
    store.add(
        "agenda",
        {"kind": kind, "resource": resource, "action": action, "reason": reason, "_due_at": stamp(due)},
    )


def run_due(store: Store, act: Act, until: datetime | None = None) -> bool:
    """Let the next thing happen, when one is due. What no longer applies is forgotten."""
    with store.alone():
        found = store.due("agenda", 1, until)
        if not found:
            return False
        (item,) = found
        if until is not None:
            _move_clock(store, datetime.fromisoformat(item["_due_at"]))
        store.remove(item)
        thing = store.find(item["kind"], item["resource"])
        if thing:
            # Cancelled, failed or forced on meanwhile: that was later news than this plan.
            with suppress(Refusal), store.transaction():
                act(store, thing, item["action"], item["reason"])
        return True


def advance(store: Store, act: Act, by: timedelta) -> None:
    """Move the simulator's clock on; everything planned in between happens in its order and at its time."""
    until = store.now() + by
    while run_due(store, act, until):
        pass
    _move_clock(store, until)


def _move_clock(store: Store, to: datetime) -> None:
    """Time only goes on: an instant that has passed leaves the clock alone."""
    with store.transaction():
        ahead = (to - store.now()).total_seconds()
        if ahead > 0:
            store.change(clock_shift_seconds=store.settings().clock_shift_seconds + ahead)
