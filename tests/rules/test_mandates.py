"""The rules of SEPA direct debit: business days, identifiers, delays, reasons."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.eu import at_02

from shared.errors import Conflict, DomainError
from shared.mandates import rules, target2
from shared.mandates.reason_codes import Action, reason_code, reason_codes
from shared.mandates.rules import Scheme, Sequence, State

DAYS = st.dates(date(2000, 1, 1), date(2090, 12, 31))
# European Central Bank, TARGET closing days outside of weekends.
CLOSED = [
    "2026-01-01", "2026-04-03", "2026-04-06", "2026-05-01", "2026-12-25",
    "2027-01-01", "2027-03-26", "2027-03-29", "2028-04-14", "2028-04-17", "2028-05-01", "2028-12-25", "2028-12-26",
]  # fmt: skip


def test_target_closes_on_the_days_the_central_bank_names():
    years = [date(2026, 1, 1) + timedelta(days=n) for n in range(365 + 365 + 366)]
    closed = [day.isoformat() for day in years if day.weekday() < 5 and not target2.is_open(day)]
    assert closed == CLOSED


@given(DAYS)
def test_easter_is_a_sunday_between_its_bounds(day):
    easter = target2._easter(day.year)
    assert easter.weekday() == 6 and date(day.year, 3, 22) <= easter <= date(day.year, 4, 25)


@given(DAYS, st.integers(-30, 30))
def test_business_days_count_like_a_calendar(day, days):
    reached = target2.add(day, days)
    assert target2.is_open(reached)
    first, last = sorted((day, reached))
    between = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    others = [each for each in between if each != day and target2.is_open(each)]
    if days:
        assert len(others) == abs(days)
    if target2.is_open(day):
        assert target2.add(reached, -days) == day


@given(DAYS)
def test_the_next_and_the_last_business_day(day):
    assert target2.preceding(day) < day < target2.following(day)
    assert target2.on_or_before(day) <= day <= target2.on_or_after(day)
    assert target2.is_open(day) == (target2.on_or_before(day) == day == target2.on_or_after(day))
    assert (target2.following(day) - day).days <= 5


@given(st.sampled_from(["FR", "DE", "BE", "ES"]), st.text("ABCXYZ019", min_size=3, max_size=3), st.text("0123456789ABZ", min_size=1, max_size=28))  # fmt: skip
def test_an_ics_is_one_when_its_check_digits_are_right(country, business, national):
    digits = at_02.calc_check_digits(f"{country}00{business}{national}")
    ics = f"{country}{digits}{business}{national}"
    assert rules.parse_ics(ics.lower()) == ics
    assert rules.parse_ics(f"{country}{digits}ZZZ{national}")  # the business code is not checked
    wrong = f"{country}{(int(digits) + 1) % 97 + 1:02d}{business}{national}"
    with pytest.raises(rules.InvalidIcs):
        rules.parse_ics(wrong)


@pytest.mark.parametrize("text", ["", "FR72ZZZ", "7200ZZZ123456", "FR72ZZZ12345é", "FR72ZZZ123457", "F" * 60])
def test_what_is_no_ics_is_refused(text):
    with pytest.raises(rules.InvalidIcs):
        rules.parse_ics(text)


@given(st.text(max_size=45))
def test_a_mandate_reference_comes_back_as_it_was_sent_or_is_refused(text):
    try:
        reference = rules.parse_reference(text)
    except rules.InvalidReference:
        return
    assert 1 <= len(reference) <= 35 and reference.isascii() and " " not in reference
    assert rules.parse_reference(reference) == reference


@given(st.integers(1, 10**8 - 1), st.integers(1, 10**8 - 1))
def test_references_made_here_are_proper_and_differ(one, other):
    first, second = rules.make_reference(one), rules.make_reference(other)
    assert rules.parse_reference(first) == first
    assert (first == second) == (one == other)


def test_a_collection_is_called_by_its_place_in_the_mandate():
    assert rules.sequence(False) == Sequence.ONE_OFF == rules.sequence(False, last=True)
    assert (rules.sequence(True), rules.sequence(True, last=True)) == (Sequence.RECURRENT, Sequence.FINAL)


@given(DAYS, st.one_of(st.none(), DAYS))
def test_a_mandate_lapses_36_months_after_its_last_collection(signed, collected):
    since, lapse = collected or signed, rules.lapses_on(signed, collected)
    assert (lapse.year - since.year) * 12 + lapse.month - since.month in (36, 37)
    assert lapse.day == since.day or (lapse.month, lapse.day) == (3, 1)


@given(DAYS, st.integers(1, 60))
def test_money_is_never_taken_before_its_notice_is_over(noticed, days):
    due = rules.earliest_collection(noticed, days)
    assert target2.is_open(due) and due >= noticed + timedelta(days=days)
    assert noticed <= rules.present_by(due) < due
    # The day before would be too early: notice, settlement or presentation would not hold.
    before = target2.preceding(due)
    assert before < noticed + timedelta(days=days) or target2.preceding(before) < target2.on_or_after(noticed)


def test_how_long_a_collection_may_come_back():
    day = date(2026, 12, 23)
    assert rules.returns_until(Scheme.CORE, day) == date(2026, 12, 31)
    assert rules.returns_until(Scheme.B2B, day) == date(2026, 12, 29)
    assert rules.refundable_until(Scheme.B2B, day) is None
    assert rules.refundable_until(Scheme.CORE, day) == day + timedelta(days=56)


def test_consumers_sign_core_only():
    rules.check_scheme(Scheme.B2B, "business")
    rules.check_scheme(Scheme.CORE, "consumer")
    with pytest.raises(DomainError, match="consumer"):
        rules.check_scheme(Scheme.B2B, "consumer")


def test_what_has_ended_never_comes_back():
    for state in State:
        for after in State:
            if after in rules.TRANSITIONS.get(state, ()):
                rules.check_transition(state, after)
            else:
                with pytest.raises(Conflict):
                    rules.check_transition(state, after)
    ended = {State.CANCELLED, State.EXPIRED, State.REPLACED}
    assert not ended & set(rules.TRANSITIONS) and all(ended <= after for after in rules.TRANSITIONS.values())


def test_every_reason_has_an_action_and_a_sentence():
    table = reason_codes()
    assert len(table) == 29 and {each.action for each in table.values()} == set(Action) - {
        Action.ASK_A_PERSON
    }
    for each in table.values():
        assert each.sentence.endswith(".") and 0 <= each.retries <= 2
        assert not (each.retries and each.suspends_mandate)
        assert bool(each.retries) == (each.action in (Action.RE_PRESENT, Action.FIX_DATA))


@pytest.mark.parametrize("code", [None, "", "ZZ99", "x" * 100])
def test_a_reason_nobody_knows_is_for_a_person(code):
    unknown = reason_code(code)
    assert (unknown.action, unknown.retries, unknown.suspends_mandate) == (Action.ASK_A_PERSON, 0, True)


def test_reasons_that_stop_a_mandate():
    stopping = {code for code, each in reason_codes().items() if each.suspends_mandate}
    assert {"AC01", "AC04", "AC06", "AG01", "MD01", "MD06", "MD07", "SL01", "AC13"} <= stopping
    assert not {"AM04", "MS03", "ED05", "FF01"} & stopping
