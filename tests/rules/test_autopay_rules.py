"""Autopay on paper: whole items up to the limit, credits only as far as is due, and what follows a failure."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.autopay.rules import Next, after_failure, choose
from shared.payments.rules import Payable

DAY = date(2026, 11, 2)


def payables(minors, start):
    return [
        Payable(UUID(int=start + n), UUID(int=1), UUID(int=2), f"{start + n}", "EUR", minor, DAY + timedelta(days=n), None)
        for n, minor in enumerate(minors)
    ]  # fmt: skip


@given(
    st.lists(st.integers(1, 10**6), max_size=8),
    st.lists(st.integers(-(10**6), -1), max_size=5),
    st.integers(0, 3 * 10**6),
)
def test_never_above_the_limit_never_a_part_never_more_credit_than_is_due(debts, owed_back, limit):
    debits, given_back = payables(debts, 100), payables(owed_back, 200)
    chosen = choose(debits, given_back, limit)
    assert 0 <= chosen.amount_minor <= limit or not chosen.items
    whole = {d.item_id: d.free_minor for d in debits}
    assert all(whole[item] == minor for item, minor in chosen.items)
    assert {i for i, _ in chosen.items} | {o.item_id for o in chosen.over} == set(whole)
    free = {c.item_id: c.free_minor for c in given_back}
    assert all(free[item] <= minor < 0 for item, minor in chosen.credits)
    total = sum(minor for _, minor in chosen.items)
    assert -sum(minor for _, minor in chosen.credits) == min(total, -sum(owed_back))
    # What was left out would not have fitted: each alone exceeds what the limit leaves beside the older ones taken.
    for left in chosen.over:
        older = sum(whole[i] for i, _ in chosen.items if i < left.item_id)
        assert older + left.free_minor + sum(owed_back) > limit


@pytest.mark.parametrize(
    ("code", "decline", "attempt", "expected"),
    [
        ("AM04", None, 1, Next.RETRY),
        ("MS03", None, 0, Next.RETRY),
        ("MS03", None, 1, Next.SUSPEND),
        ("AC04", "declined", 0, Next.SUSPEND),
        ("ZZ99", None, 0, Next.SUSPEND),
        (None, None, 0, Next.SUSPEND),
        ("card_declined", "insufficient_funds", 0, Next.RETRY),
        ("card_declined", "insufficient_funds", 2, Next.SUSPEND),
        (None, "expired_card", 0, Next.SUSPEND),
        (None, "authentication_required", 0, Next.LEAVE),
    ],
)
def test_the_reason_decides_what_follows(code, decline, attempt, expected):
    assert after_failure(code, decline, attempt) is expected
