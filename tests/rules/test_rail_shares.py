"""Cutting received money: every unit is somebody's, nothing is settled beyond what is open."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import DomainError
from shared.rails.rules import Part, shares, take_from

MONEY = UUID(int=999)
CUSTOMERS = [UUID(int=n) for n in (1, 2, 3)]


@st.composite
def parts(draw):
    """A basket as the wizard makes it: no customer below zero; what is open may have changed since."""
    found = []
    for number in range(draw(st.integers(1, 8))):
        wanted = draw(st.integers(1, 1000))
        found.append(
            Part(UUID(int=100 + number), draw(st.sampled_from(CUSTOMERS)), wanted, draw(st.integers(0, 1200)))
        )
    for customer in {part.customer_id for part in found}:
        owed = sum(part.wanted_minor for part in found if part.customer_id == customer)
        credit = draw(st.integers(0, owed))
        if credit:
            found.append(Part(UUID(int=200 + customer.int), customer, -credit, -draw(st.integers(0, 1200))))
    return found


@given(parts(), st.integers(1, 10_000))
def test_every_cent_is_given_to_somebody_and_no_item_is_overpaid(basket, received):
    cut = shares(basket, received, MONEY, CUSTOMERS[0])
    assert sum(share.amount_minor for share in cut) == received
    by_id = {part.item_id: part for part in basket}
    for share in cut:
        assert share.amount_minor > 0
        assert sum(minor for _, minor in share.pays) <= share.amount_minor
        for item_id in {i for i, _ in share.pays} | {d for _, d, _ in share.uses}:
            settled = sum(m for i, m in share.pays if i == item_id) + sum(
                m for _, d, m in share.uses if d == item_id
            )
            assert 0 < settled <= min(by_id[item_id].wanted_minor, by_id[item_id].open_minor)
            assert by_id[item_id].customer_id == share.customer_id
        for credit_id in {c for c, _, _ in share.uses}:
            used = sum(m for c, _, m in share.uses if c == credit_id)
            assert used <= min(-by_id[credit_id].wanted_minor, -by_id[credit_id].open_minor)


@given(parts())
def test_money_for_an_unchanged_basket_settles_it_to_the_cent(basket):
    whole = [Part(p.item_id, p.customer_id, p.wanted_minor, p.wanted_minor) for p in basket]
    total = sum(p.wanted_minor for p in whole)
    if total == 0:
        return
    cut = shares(whole, total, MONEY, CUSTOMERS[0])
    paid = dict.fromkeys(CUSTOMERS, 0)
    for share in cut:
        paid[share.customer_id] += sum(m for _, m in share.pays) + sum(m for _, _, m in share.uses)
    for customer in CUSTOMERS:
        net = sum(p.wanted_minor for p in whole if p.customer_id == customer)
        if net:
            assert paid[customer] == sum(
                p.wanted_minor for p in whole if p.customer_id == customer and p.wanted_minor > 0
            )


@given(st.lists(st.integers(0, 100), max_size=6), st.integers(1, 700))
def test_what_goes_back_is_taken_to_the_cent_or_refused(kept, minor):
    receipts = [(UUID(int=n), left) for n, left in enumerate(kept)]
    if minor > sum(kept):
        with pytest.raises(DomainError):
            take_from(receipts, minor)
    else:
        taken = take_from(receipts, minor)
        assert sum(part for _, part in taken) == minor
        assert all(0 < part <= dict(receipts)[receipt] for receipt, part in taken)
