"""What a payment's elements add up to, and that their order does not matter."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.payments.payment import OF_THE_HOUSE, Element, Kind, Payment, Status, add_up
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
        ([(REFUSED, 0)], Status.DECLINED, 0),  # the balance, or a look at the card
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
        ([(GIVEN_UP, 100)], 0),
        ([(ASKED, 60), (GIVEN_UP, 100)], 0),
        ([(TAKEN, 100)], 100),
        ([(TAKEN, 60), (GIVEN_UP, 50)], 60),
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
    asked = charged(ASKED, 100, single=True)
    taken = asked.adding(TAKEN, kzt(100), made.AT, source="E-0 taken", subject="E-0", fee=kzt(10), single=True)
    assert taken.sums().fee == kzt(10)

    back = taken.adding(GIVEN_UP, kzt(60), made.AT, source="E-1").sums()
    assert (back.taken, back.fee, back.status) == (kzt(40), kzt(4), Status.CLEARED)


@pytest.mark.parametrize(("asked", "given_up", "excess"), [(0, 100, 100), (60, 40, 0), (60, 100, 40)])
def test_what_names_nothing_gives_up_no_more_than_was_promised(asked: int, given_up: int, excess: int) -> None:
    sums = made.payment((ASKED, asked), (GIVEN_UP, given_up)).sums()

    assert (sums.reversed, sums.excess) == (kzt(given_up - excess).minor, kzt(excess).minor)


@pytest.mark.parametrize(
    ("about", "promised", "taken", "refunded"),
    [
        ("ask", 50, 40, 30),
        ("clear", 70, 30, 30),
        ("refund", 60, 40, 20),
        ("nobody", 60, 40, 30),
        (None, 50, 40, 30),
    ],
)
def test_a_reversal_counts_against_what_it_names_and_nothing_else(
    about: str | None, promised: int, taken: int, refunded: int
) -> None:
    told = made.payment().adding(ASKED, kzt(100), made.AT, source="ask").adding(TAKEN, kzt(40), made.AT, source="clear")
    told = told.adding(BACK, kzt(30), made.AT, source="refund")

    sums = told.adding(GIVEN_UP, kzt(10), made.AT, source="back", subject=about).sums()

    assert (sums.promised, sums.taken, sums.refunded) == (kzt(promised), kzt(taken), kzt(refunded).minor)


def test_a_reversal_takes_back_no_more_than_there_was() -> None:
    told = made.payment((ASKED, 60), (ASKED, 30))

    sums = told.adding(GIVEN_UP, kzt(10_000), made.AT, source="b", subject="E-0").sums()

    assert (sums.promised, sums.excess) == (kzt(30), 0)


@pytest.mark.parametrize(("final", "promised"), [(False, 100), (True, 0)])
def test_what_a_clearing_took_is_promised_again_when_it_is_taken_back_unless_it_was_the_last(
    promised: int, *, final: bool
) -> None:
    taken = made.payment((ASKED, 100), (TAKEN, 40), final=final)

    sums = taken.adding(GIVEN_UP, kzt(40), made.AT, source="b", subject="E-1").sums()

    assert (sums.promised, sums.taken) == (kzt(promised), kzt(0))


def test_what_was_taken_at_once_is_no_part_of_a_promise_whoever_said_so_first() -> None:
    asked = charged(ASKED, 60, single=True).elements[0]
    told = made.payment((ASKED, 100)).adding(TAKEN, kzt(60), made.AT, source="advice", subject="E-1", final=True)
    assert told.sums().promised == kzt(0)

    late = told.adding(ASKED, asked.amount, made.AT, source="E-1", single=True).sums()
    assert (late.promised, late.taken) == (kzt(100), kzt(60))


def test_what_a_clearing_took_does_not_come_back_by_a_reversal_that_names_nothing() -> None:
    sums = made.payment((ASKED, 100), (TAKEN, 100), (GIVEN_UP, 100)).sums()

    assert (sums.taken, sums.status) == (kzt(100), Status.CLEARED)


def test_a_refund_is_never_capped_by_what_was_taken() -> None:
    assert made.payment((TAKEN, 10), (BACK, 100)).sums().refunded == kzt(100).minor


elements = st.lists(st.tuples(st.sampled_from(Kind), st.integers(1, 10**6)), max_size=8)
about = st.sampled_from([None, *(f"E-{number}" for number in range(8))])
facts = st.lists(st.tuples(st.sampled_from(Kind), st.integers(1, 10**6), about, st.booleans()), max_size=8)


@given(facts, st.randoms(use_true_random=False))
def test_the_order_in_which_a_network_tells_things_changes_nothing(
    told: list[tuple[Kind, int, str | None, bool]], random: Random
) -> None:
    payment = made.payment()
    for kind, minor, subject, flag in told:
        more = {"single": flag, "subject": subject} if kind not in OF_THE_HOUSE else {}
        payment = payment.adding(
            kind, Money(minor, KZT), made.AT, source=f"E-{len(payment.elements)}", final=flag and kind is TAKEN, **more
        )

    first, other = add_up(payment.elements, KZT), add_up(random.sample(payment.elements, len(told)), KZT)

    assert first == other
    assert first.status is other.status


@given(elements)
def test_a_promise_is_never_negative_and_never_more_than_was_asked(told: list[tuple[Kind, int]]) -> None:
    sums = made.payment(*told).sums()
    most = sums.confirmed if sums.confirmed is not None else sums.asked

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
