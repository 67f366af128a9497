"""Plans on paper: parts to the cent on later and later days, limits by name, a miss by what is paid."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import DomainError
from shared.mandates import target2
from shared.money import Money
from shared.plans.rules import BeyondLimits, Limits, Part, check_limits, cut, missed, parse_limits

TODAY = date(2026, 11, 2)
LIMITS = Limits(6, 20, Money(100_000, "EUR"), 10, False, 5)


@given(
    st.integers(1_000, 10**12),
    st.integers(2, 25),
    st.dates(date(2026, 1, 1), date(2035, 1, 1)),
    st.integers(0, 90),
    st.sampled_from(["EUR", "JPY", "TND"]),
)
def test_parts_make_the_total_to_the_cent_on_ever_later_business_days(
    minor, count, first_on, percent, currency
):
    parts = cut(Money(minor, currency), count, first_on, percent)
    assert sum(p.amount_minor for p in parts) == minor and len(parts) == count
    assert all(p.amount_minor > 0 for p in parts)
    assert parts[0].amount_minor * 100 >= minor * percent
    assert len({p.amount_minor for p in parts[1:]}) == 1 and parts[0].amount_minor >= parts[-1].amount_minor
    days = [p.due_on for p in parts]
    assert days == sorted(set(days)) and all(target2.is_open(day) for day in days)
    assert days[0] >= first_on


@pytest.mark.parametrize(("count", "minor"), [(1, 1000), (26, 1000), (3, 2)])
def test_what_cannot_be_cut_is_refused(count, minor):
    with pytest.raises(DomainError) as refused:
        cut(Money(minor, "EUR"), count, TODAY, 0)
    assert refused.value.field == "parts"


@pytest.mark.parametrize(
    ("minor", "count", "late", "told"),
    [
        (100_001, 2, 10, "At most"),
        (50_000, 2, 9, "at least 10 days past"),
        (50_000, 8, 10, "6 months at most"),
        (100_000, 7, 10, None),
    ],
)
def test_each_limit_is_named(minor, count, late, told):
    parts = cut(Money(minor, "EUR"), count, TODAY, LIMITS.first_part_percent)
    latest_due = TODAY - timedelta(days=late)
    if told is None:
        check_limits(LIMITS, Money(minor, "EUR"), parts, latest_due, TODAY)
        return
    with pytest.raises(BeyondLimits) as refused:
        check_limits(LIMITS, Money(minor, "EUR"), parts, latest_due, TODAY)
    assert told in str(refused.value)


def test_a_part_is_missed_after_its_grace_and_counted_from_the_day_it_came_back():
    parts = [(Part(1, TODAY, 100), None), (Part(2, TODAY + timedelta(days=30), 50), None)]
    last = TODAY + timedelta(days=5)
    assert missed(parts, 99, 5, last) is None
    assert missed(parts, 99, 5, last + timedelta(days=1)).number == 1
    assert missed(parts, 100, 5, last + timedelta(days=1)) is None
    came_back = [(parts[0][0], TODAY + timedelta(days=20)), parts[1]]
    assert missed(came_back, 0, 5, TODAY + timedelta(days=25)) is None
    assert missed(came_back, 0, 5, TODAY + timedelta(days=26)).number == 1


@pytest.mark.parametrize(
    "field", ["max_months", "first_part_percent", "min_days_late", "grace_days", "max_total"]
)
def test_limits_nobody_can_mean_are_refused(field):
    given = {name: getattr(LIMITS, name) for name in Limits.__slots__}
    given[field] = Money(0, "EUR") if field == "max_total" else -1
    with pytest.raises(DomainError) as refused:
        parse_limits(Limits(**given))
    assert refused.value.field == field
