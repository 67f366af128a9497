"""The worker is killed at every single step of hearing of a payout: it is booked once, to the cent, or not yet."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from shared import clock, db
from shared.actor import SYSTEM
from shared.rails.payouts import ask_providers
from shared.rails.working import work_waiting
from tests.hammer import dying
from tests.hammer.test_stripe_deaths import World, dies, world  # noqa: F401 - fixtures

_RUN_OUT = text("UPDATE payout SET syncing_until = :now, sync_due_at = :now WHERE syncing_until IS NOT NULL")
_ENTRIES = text("""
    SELECT account, sum(amount_minor)::bigint FROM journal_line WHERE account IN ('51151', '627', '4718')
    GROUP BY account ORDER BY account""")


# The steps of one payout; at the last number nobody dies. Every third is walked in the normal run.
STEPS = range(1, 29)


@pytest.mark.parametrize(
    "dies_at", [n if n % 3 == 1 else pytest.param(n, marks=pytest.mark.deep) for n in STEPS]
)
def test_a_payout_is_booked_once(world: World, dies_at: int) -> None:  # noqa: F811 - the fixture
    payment = world.paid()
    payout = world.sim.control.payout()
    life = world.dies.lives(dies_at, dying.hear_of_payouts)
    assert life.killed or dies_at > 6, str(life)
    assert not life.killed or dies_at < STEPS[-1], str(life)
    with db.writing(SYSTEM) as session:
        session.execute(_RUN_OUT, {"now": clock.now()})
    ask_providers()
    work_waiting()
    assert world.books.payment(payment).status == "settled"
    assert booked() == expected(world), (str(life), payout)


def booked() -> dict[str, int]:
    with db.reading(SYSTEM) as session:
        return dict(tuple(row) for row in session.execute(_ENTRIES))


def expected(here: World) -> dict[str, int]:
    """What Stripe itself says: the fees of all payments, and what it has sent and the bank has not yet received."""
    fees = sent = 0
    for payout in here.sim.v1.payouts.list({"limit": 100}).auto_paging_iter():
        sent += payout.amount
        for line in here.sim.v1.balance_transactions.list(
            {"payout": payout.id, "limit": 100}
        ).auto_paging_iter():
            if line.type != "payout":
                fees += line.fee if line.type != "stripe_fee" else -line.net
    return {"51151": sent, "627": fees}
