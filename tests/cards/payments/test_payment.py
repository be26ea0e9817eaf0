"""What a payment's elements add up to, and that their order does not matter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.payments.payment import Element, Kind, Payment, Status, add_up
from law.money import KZT, USD, Money
from tests.cards import made
from tests.wallet.ledgers import kzt

ASKED, MORE, CONFIRMED, REFUSED = Kind.AUTHORIZATION, Kind.INCREMENT, Kind.CONFIRMATION, Kind.DECLINE
GIVEN_UP, TAKEN, BACK, LAPSED, MATCHED = Kind.REVERSAL, Kind.CLEARING, Kind.REFUND, Kind.EXPIRY, Kind.MATCH


@pytest.mark.parametrize(
    ("elements", "status", "promised"),
    [
        ([(ASKED, 100)], Status.PENDING, 100),
        ([(REFUSED, 100)], Status.DECLINED, 0),
        ([(Kind.INQUIRY, 0)], Status.VERIFIED, 0),
        ([(Kind.REFUND_AUTHORIZATION, 100)], Status.PENDING, 0),
        ([(Kind.REFUND_AUTHORIZATION, 100), (BACK, 100)], Status.REFUNDED, 0),
        ([(Kind.FEE, 100)], Status.CLEARED, 0),
        ([(ASKED, 100), (TAKEN, 100)], Status.CLEARED, 0),
        ([(ASKED, 100), (TAKEN, 40)], Status.PARTIALLY_CLEARED, 60),
        ([(ASKED, 100), (TAKEN, 40), (TAKEN, 60)], Status.CLEARED, 0),
        ([(ASKED, 100), (TAKEN, 120)], Status.CLEARED, 0),
        ([(ASKED, 100), (MORE, 50)], Status.PENDING, 150),
        ([(ASKED, 1), (CONFIRMED, 70)], Status.PENDING, 70),
        ([(ASKED, 100), (CONFIRMED, 70), (CONFIRMED, 60)], Status.PENDING, 70),
        ([(ASKED, 1), (CONFIRMED, 70), (TAKEN, 70)], Status.CLEARED, 0),
        ([(ASKED, 100), (GIVEN_UP, 100)], Status.REVERSED, 0),
        ([(ASKED, 100), (GIVEN_UP, 30)], Status.PENDING, 70),
        ([(ASKED, 100), (LAPSED, 100)], Status.EXPIRED, 0),
        ([(ASKED, 100), (LAPSED, 100), (TAKEN, 100)], Status.CLEARED, 0),
        ([(ASKED, 100), (MATCHED, 100)], Status.CLEARED, 0),
        ([(ASKED, 100), (MATCHED, 40)], Status.PENDING, 60),
        ([(TAKEN, 100)], Status.CLEARED, 0),
        ([(TAKEN, 100), (BACK, 40)], Status.CLEARED, 0),
        ([(TAKEN, 100), (BACK, 130)], Status.REFUNDED, 0),
        ([(BACK, 100)], Status.REFUNDED, 0),
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


def test_a_payment_has_one_currency() -> None:
    with pytest.raises(AssertionError):
        made.payment().adding(TAKEN, Money(1, USD), made.AT, source="E")


@pytest.mark.parametrize(
    ("elements", "tenge"),
    [
        ([], 0),
        ([(GIVEN_UP, 100)], 100),
        ([(TAKEN, 100)], 100),
        ([(TAKEN, 60), (GIVEN_UP, 50)], 110),
        ([(REFUSED, 100), (TAKEN, 60)], 60),
        ([(ASKED, 100), (TAKEN, 100)], 0),
        ([(ASKED, 100), (LAPSED, 100), (TAKEN, 100)], 0),
        ([(ASKED, 100), (TAKEN, 130)], 30),
        ([(ASKED, 100), (MATCHED, 130)], 30),
        ([(CONFIRMED, 70)], 70),
        ([(ASKED, 100), (CONFIRMED, 70)], 0),
    ],
)
def test_what_came_before_its_question_overtook_it(elements: list[tuple[Kind, int]], tenge: int) -> None:
    assert made.payment(*elements).sums().overtook == kzt(tenge)


def test_after_the_last_clearing_nothing_is_promised() -> None:
    sums = made.payment((ASKED, 100), (TAKEN, 40), final=True).sums()

    assert sums.status is Status.CLEARED
    assert sums.promised == kzt(0)
    assert sums.spent == kzt(40)


def charged(kind: Kind, tenge: int, **beside: int | bool) -> Payment:
    """Make up a payment of one element with amounts of ours beside the network's."""
    more = {name: kzt(value) if not isinstance(value, bool) else value for name, value in beside.items()}
    return made.payment().adding(kind, kzt(tenge), made.AT, source="E-0", **more)


def test_charges_and_buffer_are_held_in_proportion_to_what_is_left() -> None:
    promised = charged(ASKED, 100, fee=4, markup=6, buffer=20)
    assert promised.sums().wanted == kzt(130)

    half = promised.adding(GIVEN_UP, kzt(50), made.AT, source="E-1")
    assert half.sums().wanted == kzt(65)

    taken = half.adding(TAKEN, kzt(50), made.AT, source="E-2", fee=kzt(2), markup=kzt(3))
    assert taken.sums().wanted == kzt(0)
    assert taken.sums().spent == kzt(55)


def test_what_was_taken_at_once_comes_back_by_a_reversal_with_its_charges() -> None:
    taken = charged(ASKED, 100).adding(TAKEN, kzt(100), made.AT, source="E-0/taken", fee=kzt(10), single=True)
    assert taken.sums().fee == kzt(10)

    back = taken.adding(GIVEN_UP, kzt(60), made.AT, source="E-1").sums()
    assert (back.taken, back.fee, back.status) == (kzt(40), kzt(4), Status.CLEARED)


def test_what_a_clearing_took_does_not_come_back_by_a_reversal() -> None:
    sums = made.payment((ASKED, 100), (TAKEN, 100), (GIVEN_UP, 100)).sums()

    assert (sums.taken, sums.status) == (kzt(100), Status.CLEARED)


def test_a_refund_is_never_capped_by_what_was_taken() -> None:
    assert made.payment((TAKEN, 10), (BACK, 100)).sums().refunded == kzt(100).minor


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
    most = sums.confirmed if sums.confirmed is not None else sums.authorized + sums.incremented

    assert 0 <= sums.promised.minor <= most
    assert kzt(0) <= sums.taken


def test_a_payment_knows_what_it_was_told() -> None:
    told = made.payment((ASKED, 100), (TAKEN, 100))

    found = told.told("E-1")

    assert isinstance(found, Element)
    assert found.kind is TAKEN
    assert told.told("E-2") is None


def test_nothing_adds_up_to_nothing() -> None:
    assert not add_up((), KZT).promised
