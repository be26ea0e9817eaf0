"""What stands against a purchase on the side of the card, as tables: every flag, every choice, every message."""

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.card import Card, Limits, Owner, State, Suspension
from cards.payments.message import Authorization, Channel, Operation
from cards.payments.reason import Reason
from cards.programme import control
from cards.programme.permission import Choice, Controls, Trip
from law.money import USD, Money
from tests.cards import made
from tests.wallet.ledgers import kzt

TODAY = made.AT.date()


def asked(**other: object) -> Authorization:
    return made.question(made.card(), 10, **other)  # type: ignore[arg-type]  # the fields of Authorization


def refused(
    card: Card, asked_: Authorization, *, today: date = TODAY, total: Money | None = None
) -> tuple[Reason, ...]:
    return control.refusals(card, asked_, total=total or asked_.amount, today=today)


def only(*values: str) -> Choice[str]:
    return Choice(only=frozenset(values))


def never(*values: str) -> Choice[str]:
    return Choice(never=frozenset(values))


def controlled(**fields: object) -> Card:
    return made.card(controls=Controls(**fields))  # type: ignore[arg-type]  # the fields of Controls


STANDS_AGAINST = [
    (Reason.WRONG_EXPIRY, made.card(expires_on=date(2027, 11, 30))),
    (Reason.CARD_CLOSED, made.card(state=State.CLOSED)),
    *[(Reason.CARD_NOT_ACTIVATED, made.card(state=state)) for state in State if state not in {"active", "closed"}],
    (Reason.CARD_FROZEN, made.card(frozen=True)),
    *[(Reason.CARD_SUSPENDED, made.card(suspended=(Suspension(owner, "x"),))) for owner in Owner],
    (Reason.VERIFICATION_LAPSED, made.card(verified_until=TODAY - timedelta(days=1))),
    (Reason.CHANNEL_BLOCKED, controlled(channels=Choice(never=frozenset({Channel.ECOMMERCE})))),
    (Reason.CHANNEL_BLOCKED, controlled(channels=Choice(only=frozenset({Channel.CHIP})))),
    (Reason.OPERATION_BLOCKED, controlled(operations=Choice(never=frozenset({Operation.PURCHASE})))),
    (Reason.CATEGORY_BLOCKED, controlled(categories=never("5942"))),
    (Reason.CATEGORY_BLOCKED, controlled(categories=only("5411"))),
    (Reason.COUNTRY_BLOCKED, controlled(countries=never("KZ"))),
    (Reason.COUNTRY_BLOCKED, controlled(countries=only("DE"))),
    (Reason.MERCHANT_BLOCKED, controlled(merchants=never("M-1001"))),
    (Reason.MERCHANT_BLOCKED, controlled(merchants=only("M-2"))),
    (Reason.CURRENCY_BLOCKED, controlled(currencies=never("KZT"))),
    (Reason.PER_PAYMENT_LIMIT, made.card(limits=Limits(per_payment=kzt(9)))),
]


@pytest.mark.parametrize(("reason", "card"), STANDS_AGAINST, ids=[str(number) for number in range(len(STANDS_AGAINST))])
def test_one_thing_that_stands_against_a_purchase_is_found_alone(reason: Reason, card: Card) -> None:
    assert refused(card, asked()) == (reason,)


def test_every_reason_of_the_card_is_in_the_table() -> None:
    known = {reason for reason, _ in control.STANDING + control.PERMITTED}

    assert known - {reason for reason, _ in STANDS_AGAINST} == {Reason.CARD_EXPIRED}  # the next test


@pytest.mark.parametrize(("days", "expired"), [(-1, False), (0, False), (1, True)])
def test_a_card_works_through_its_last_day(days: int, expired: bool) -> None:
    found = refused(made.card(), asked(), today=made.EXPIRY + timedelta(days=days))

    assert (found == (Reason.CARD_EXPIRED,)) is expired


def test_a_card_whose_holder_permits_everything_is_refused_nothing() -> None:
    assert refused(made.card(verified_until=TODAY), asked()) == ()


def test_all_reasons_are_found_at_once() -> None:
    card = made.card(
        state=State.CLOSED,
        frozen=True,
        suspended=(Suspension(Owner.RISK, "x"),),
        controls=Controls(countries=never("KZ"), categories=never("5942")),
        limits=Limits(per_payment=kzt(1)),
    )

    assert refused(card, asked()) == (
        Reason.CARD_CLOSED,
        Reason.CARD_FROZEN,
        Reason.CARD_SUSPENDED,
        Reason.CATEGORY_BLOCKED,
        Reason.COUNTRY_BLOCKED,
        Reason.PER_PAYMENT_LIMIT,
    )


def test_money_that_comes_back_is_refused_by_no_flag_and_no_choice() -> None:
    card = made.card(frozen=True, controls=Controls(countries=never("KZ")), limits=Limits(per_payment=kzt(1)))

    assert refused(card, asked(operation=Operation.REFUND)) == ()


def test_a_merchant_that_charges_in_its_own_currency_is_judged_by_that() -> None:
    foreign = asked(original=Money(1_00, USD))

    assert refused(controlled(currencies=only("KZT")), foreign) == (Reason.CURRENCY_BLOCKED,)
    assert refused(controlled(currencies=only("USD")), foreign) == ()


@pytest.mark.parametrize(("total", "over"), [(29, False), (30, False), (31, True)])
def test_the_limit_of_a_payment_is_for_all_of_it_however_often_more_is_asked(total: int, over: bool) -> None:
    card = made.card(limits=Limits(per_payment=kzt(30)))

    assert refused(card, asked(increment=True), total=kzt(total)) == ((Reason.PER_PAYMENT_LIMIT,) if over else ())


@pytest.mark.parametrize(("days", "abroad"), [(-1, True), (0, False), (3, False), (4, True)])
@pytest.mark.parametrize("choice", [only("DE"), never("KZ")])
def test_a_journey_opens_its_countries_on_its_days(choice: Choice[str], days: int, abroad: bool) -> None:
    trip = Trip(countries=frozenset({"KZ"}), begins=TODAY, ends=TODAY + timedelta(days=3))
    card = msgspec.structs.replace(controlled(countries=choice), trips=(trip,))

    found = refused(card, asked(), today=TODAY + timedelta(days=days))

    assert (found == (Reason.COUNTRY_BLOCKED,)) is abroad


_letters = st.sampled_from("ABCDE")
_choices = st.builds(Choice, only=st.none() | st.frozensets(_letters), never=st.frozensets(_letters))


@given(_choices, _choices)
def test_a_choice_within_another_lets_nothing_more_pass(narrow: Choice[str], wide: Choice[str]) -> None:
    # Of all values there are: the letters, and one that no choice names.
    passes = all(wide.lets(value) for value in "ABCDE?" if narrow.lets(value))

    assert narrow.within(wide) is passes
