"""The life of a payment: what the table says, and what the one status function does, are the same."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from shared.rails.snapshot import FactKind, Phase
from shared.rails.states import HOLDING, LIVE, TRANSITIONS, Status, Totals, may_become, status_of, totals

IN = {FactKind.RECEIVED, FactKind.REFUND_RETURNED, FactKind.CHARGEBACK_REVERSED}
FACTS = st.lists(st.tuples(st.sampled_from(list(FactKind)), st.integers(1, 5)), max_size=8)


def within(facts):
    """As the database holds it: at no time more went out than came in, and nothing comes back that never went."""
    sums = totals(facts)
    return sums.kept >= 0 and sums.refunded >= 0 and sums.charged_back >= 0


def reachable():
    """Every step there is between two states of a payment: another phase, or one more fact."""
    histories = [[]]
    for _ in range(5):
        histories += [
            [*facts, (kind, 2 if kind is FactKind.RECEIVED else minor)]
            for facts in histories
            for kind in FactKind
            for minor in (1, 2)
            if len(facts) < 4 and (facts or kind is FactKind.RECEIVED)
        ]
        histories = [list(h) for h in {tuple(h) for h in histories} if within(h)]
        if len(histories) > 3000:
            break
    return histories


def test_no_fact_can_lead_where_the_table_does_not():
    for facts in reachable():
        if len(facts) > 1:
            before, after = totals(facts[:-1]), totals(facts)
            if within(facts[:-1]):
                old, new = status_of(Phase.SUCCEEDED, before), status_of(Phase.SUCCEEDED, after)
                assert may_become(old, new), (facts, old, new)


def test_every_state_before_the_money_can_be_left_by_money():
    paid = status_of(Phase.SUCCEEDED, Totals(received=1))
    for phase, unclear in product(Phase, (True, False)):
        assert may_become(status_of(phase, Totals(), unclear=unclear), paid)


def test_what_ended_stays_ended_without_money():
    for end in (Status.FAILED, Status.CANCELLED, Status.EXPIRED):
        assert not any(may_become(end, other) for other in LIVE)
        assert not any(may_become(other, end) for other in Status if other not in LIVE and other is not end)


def test_every_state_is_reached_and_left_as_the_table_says():
    assert {new for _, new in TRANSITIONS} | {Status.CREATED} == set(Status)
    assert {old for old, _ in TRANSITIONS} == set(Status)
    assert HOLDING < LIVE


@given(FACTS, st.randoms())
def test_neither_order_nor_repetition_matters(facts, random):
    """A repeated message is the same row; shuffled rows add up to the same."""
    shuffled = list(facts)
    random.shuffle(shuffled)
    assert totals(shuffled) == totals(facts)
    assert status_of(Phase.SUCCEEDED, totals(shuffled)) is status_of(Phase.SUCCEEDED, totals(facts))


@given(FACTS)
def test_what_is_kept_is_what_came_less_what_went(facts):
    kept = sum(0 if kind is FactKind.PAID_OUT else minor if kind in IN else -minor for kind, minor in facts)
    assert totals(facts).kept == kept
