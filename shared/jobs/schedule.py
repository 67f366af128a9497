"""What runs when. One table; times are UTC, `minute hour day month weekday`.

Facts and messages are not here: they go out at once, and a worker looks for what was missed every second. Finished
jobs need no clearing: they leave the queue as they succeed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.autopay.executing import collect_due
from shared.autopay.noticing import notice_due
from shared.creditors.changes import put_due_in_force
from shared.jobs.checks import nightly
from shared.jobs.clearing import clear_expired
from shared.mandates.actions import expire_lapsed
from shared.plans.collecting import collect_parts
from shared.plans.judging import judge_plans
from shared.rails.inbox import fill_gaps
from shared.rails.payouts import ask_providers
from shared.rails.syncing import give_up_waiting


@dataclass(frozen=True, slots=True)
class Scheduled:
    """`run` opens its own transactions; several workers run it once."""

    name: str
    cron: str
    run: Callable[[], None]


SCHEDULE: tuple[Scheduled, ...] = (
    Scheduled("account_changes", "*/10 * * * *", put_due_in_force),
    Scheduled("checks", "30 1 * * *", nightly),
    Scheduled("expire_mandates", "10 1 * * *", expire_lapsed),
    Scheduled("provider_events", "*/5 * * * *", fill_gaps),
    Scheduled("payouts", "7 * * * *", ask_providers),
    Scheduled("give_up_waiting", "*/5 * * * *", give_up_waiting),
    # The notices reach debtors in the morning; what is ordered in the first hour of a day is on time for the banks.
    Scheduled("autopay_notices", "0 5 * * *", notice_due),
    Scheduled("autopay_debits", "5 * * * *", collect_due),
    Scheduled("plan_parts", "10 * * * *", collect_parts),
    Scheduled("judge_plans", "30 5 * * *", judge_plans),
    Scheduled("clear_expired", "15 * * * *", clear_expired),
)
