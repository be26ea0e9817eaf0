"""Shares of a bill: they are the bill."""

from hypothesis import given
from hypothesis import strategies as st

from app.payments import split
from law.money import KZT, Money


@given(st.integers(1, 10**12), st.integers(0, 10**6), st.lists(st.integers(1, 10**6), min_size=1, max_size=50))
def test_shares_are_the_bill(total: int, own_weight: int, weights: list[int]) -> None:
    bill = Money(total, KZT)
    try:
        own, others = split.shares(bill, own_weight, weights)
    except split.BadShares:
        assert total < sum([own_weight, *weights])  # somebody would have paid nothing
        return

    assert own.minor + sum(each.minor for each in others) == total
    whole = own_weight + sum(weights)
    for share, weight in zip([own, *others], [own_weight, *weights], strict=True):
        assert abs(share.minor * whole - total * weight) < whole
