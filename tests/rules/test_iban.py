"""IBANs: checked as the registry says, by our fast check and by python-stdnum alike."""

import pytest
import stdnum.iban
from hypothesis import given
from hypothesis import strategies as st

from shared import iban

GOOD = [
    "FR7630006000011234567890189",
    "DE89370400440532013000",
    "MT84MALT011000012345MTLCAST001S",
    "NO9386011117947",
]


@pytest.mark.parametrize("number", GOOD)
def test_good_numbers_pass_in_every_notation(number):
    assert iban.is_valid(number)
    assert iban.parse(iban.grouped(number).lower().replace(" ", "\u202f")) == number


@pytest.mark.parametrize(
    "number",
    ["", "FR76", "FR763000600001123456789018", "ZZ7630006000011234567890189", "FR76-", "١" * 20, "F" * 4000],
)
def test_what_is_not_one_is_refused(number):
    with pytest.raises(iban.InvalidIban):
        iban.parse(number)


@given(st.sampled_from(GOOD), st.data())
def test_one_wrong_digit_is_always_found(number, data):
    place = data.draw(st.sampled_from([n for n, c in enumerate(number) if c.isdigit()]))
    digit = data.draw(st.sampled_from("0123456789").filter(lambda d: d != number[place]))
    assert not iban.is_valid(number[:place] + digit + number[place + 1 :])


@given(
    st.sampled_from(["FR", "DE", "BE", "ES", "IT", "NL", "GB", "CH", "MC", "XX"]),
    st.text("0123456789ABCZ", max_size=30),
)
def test_our_check_agrees_with_stdnum(country, rest):
    wanted = stdnum.iban.calc_check_digits(f"{country}00{rest}") if rest else "00"
    for number in (f"{country}{wanted}{rest}", f"{country}{rest}"):
        assert iban.is_valid(number) == stdnum.iban.is_valid(number, check_country=False)
