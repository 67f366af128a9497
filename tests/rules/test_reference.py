"""Creditor references: made from a serial, checked, printed."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum.iso11649 import is_valid as stdnum_agrees

from shared.payments import reference

serials = st.integers(1, 10**15)


@given(serials)
def test_what_we_make_is_valid_and_short(serial):
    made = reference.make(serial)
    assert reference.is_valid(made) and stdnum_agrees(made) and len(made) <= 25
    assert reference.normalise(reference.grouped(made).lower()) == made
    assert int(made[4:]) == serial


@given(serials, st.data())
def test_every_single_changed_digit_is_found(serial, data):
    made = reference.make(serial)
    place = data.draw(st.integers(2, len(made) - 1))
    other = data.draw(st.sampled_from("0123456789"))
    assume(other != made[place])
    assert not reference.is_valid(made[:place] + other + made[place + 1 :])


@given(serials, st.data())
def test_a_letter_for_a_digit_is_never_one_of_ours(serial, data):
    made = reference.make(serial)
    place = data.draw(st.integers(2, len(made) - 1))
    letter = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    changed = made[:place] + letter + made[place + 1 :]
    assert not (reference.is_valid(changed) and changed[4:].isdigit())


@given(serials, st.data())
def test_two_neighbours_exchanged_are_found(serial, data):
    made = reference.make(serial)
    place = data.draw(st.integers(4, len(made) - 2))
    assume(made[place] != made[place + 1])
    assert not reference.is_valid(made[:place] + made[place + 1] + made[place] + made[place + 2 :])


@given(st.text("ABCXYZ0123456789", min_size=1, max_size=21))
def test_any_number_can_carry_check_digits(body):
    assert reference.is_valid(reference.with_check_digits(body))


@pytest.mark.parametrize(
    "text", ["", "RF", "RF18", "RF18 5390 0754 7034", "rf18539007547034", "RF18" + "1" * 22, "RF1٨539"]
)
def test_what_is_not_one_is_not_valid(text):
    assert not reference.is_valid(text)


def test_a_serial_counts_from_one():
    with pytest.raises(ValueError, match="from 1"):
        reference.make(0)
    with pytest.raises(ValueError, match="capital letters"):
        reference.with_check_digits("A-1")
