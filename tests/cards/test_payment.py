"""What a payment's elements add up to, and that their order does not matter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.payment import Element, Kind, Status, add_up
from law.money import KZT
from tests.cards import made
from tests.wallet.ledgers import kzt

ASKED, REFUSED, GIVEN_UP, TAKEN, LAPSED = Kind


@pytest.mark.parametrize(
    ("elements", "status", "promised"),
    [
        ([(ASKED, 100)], Status.PENDING, 100),
        ([(REFUSED, 100)], Status.DECLINED, 0),
        ([(ASKED, 100), (TAKEN, 100)], Status.CLEARED, 0),
        ([(ASKED, 100), (TAKEN, 40)], Status.PARTIALLY_CLEARED, 60),
        ([(ASKED, 100), (TAKEN, 40), (TAKEN, 60)], Status.CLEARED, 0),
        ([(ASKED, 100), (TAKEN, 120)], Status.CLEARED, 0),
        ([(ASKED, 100), (ASKED, 50)], Status.PENDING, 150),
        ([(ASKED, 100), (GIVEN_UP, 100)], Status.REVERSED, 0),
        ([(ASKED, 100), (GIVEN_UP, 30)], Status.PENDING, 70),
        ([(ASKED, 100), (LAPSED, 100)], Status.EXPIRED, 0),
        ([(ASKED, 100), (LAPSED, 100), (TAKEN, 100)], Status.CLEARED, 0),
        ([(TAKEN, 100)], Status.CLEARED, 0),
        ([(REFUSED, 100), (TAKEN, 100)], Status.CLEARED, 0),
        ([(REFUSED, 500), (ASKED, 100)], Status.PENDING, 100),
        ([(GIVEN_UP, 100)], Status.REVERSED, 0),
    ],
)
def test_status_and_promise_follow_from_the_sums(
    elements: list[tuple[Kind, int]], status: Status, promised: int
) -> None:
    sums = made.payment(*elements).sums()

    assert sums.status is status
    assert sums.promised == kzt(promised)


def test_after_the_last_clearing_nothing_is_promised() -> None:
    sums = made.payment((ASKED, 100), (TAKEN, 40), final=True).sums()

    assert sums.status is Status.CLEARED
    assert sums.promised == kzt(0)
    assert sums.spent == kzt(40)


elements = st.lists(st.tuples(st.sampled_from(Kind), st.integers(1, 10**6)), max_size=8)


@given(elements.flatmap(lambda told: st.tuples(st.just(told), st.permutations(told))), st.booleans())
def test_the_order_in_which_a_network_tells_things_changes_nothing(
    told: tuple[list[tuple[Kind, int]], list[tuple[Kind, int]]],
    final: bool,
) -> None:
    first, other = (made.payment(*order, final=final).sums() for order in told)

    assert first == other
    assert first.status is other.status


@given(elements)
def test_a_promise_is_never_negative_and_never_more_than_was_asked(told: list[tuple[Kind, int]]) -> None:
    sums = made.payment(*told).sums()

    assert kzt(0) <= sums.promised <= sums.authorized


def test_a_payment_knows_what_it_was_told() -> None:
    told = made.payment((ASKED, 100), (TAKEN, 100))

    found = told.told("E-1")

    assert isinstance(found, Element)
    assert found.kind is TAKEN
    assert told.told("E-2") is None


def test_nothing_adds_up_to_nothing() -> None:
    assert not add_up((), KZT).promised
