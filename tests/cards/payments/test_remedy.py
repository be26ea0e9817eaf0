"""What a holder is told to allow: exactly the controls that stood against a payment, and only where that would do."""

import itertools

import msgspec
import pytest

from cards.payments import history, remedy
from cards.payments.message import Channel, Operation
from cards.payments.payment import Element, Kind
from cards.payments.reason import Reason
from cards.programme import control
from cards.programme.permission import Controls
from law.money import EUR, Money
from tests.cards import made

CHARGED = Money(9_00, EUR)
PASSING = {
    Reason.CHANNEL_BLOCKED: {"channels": "ecommerce"},
    Reason.OPERATION_BLOCKED: {"operations": "cash"},
    Reason.CATEGORY_BLOCKED: {"categories": "5942"},
    Reason.COUNTRY_BLOCKED: {"countries": "TR"},
    Reason.MERCHANT_BLOCKED: {"merchants": "M-7"},
    Reason.CURRENCY_BLOCKED: {"currencies": "EUR"},
}


def allow(*reasons: Reason, original: Money | None = CHARGED) -> dict[str, str]:
    """Answer what the event of a decline at a Turkish bookshop tells."""
    declined = made.payment((Kind.DECLINE, 5_000))
    shop = msgspec.structs.replace(declined.merchant, category="5942", country="TR", id="M-7")
    element: Element = msgspec.structs.replace(
        declined.elements[0], reasons=reasons, channel=Channel.ECOMMERCE, operation=Operation.CASH, original=original
    )
    [fact] = history.facts(msgspec.structs.replace(declined, merchant=shop, elements=(element,)), since=0)
    told: dict[str, str] = msgspec.to_builtins(fact.event)["allow"]
    return told


@pytest.mark.parametrize("reasons", [*itertools.combinations(PASSING, 1), *itertools.combinations(PASSING, 2)])
def test_the_controls_that_stood_against_it_are_named(reasons: tuple[Reason, ...]) -> None:
    assert allow(*reasons) == {name: value for reason in reasons for name, value in PASSING[reason].items()}


def test_without_a_currency_of_its_own_the_shop_charged_in_the_cards() -> None:
    assert allow(Reason.CURRENCY_BLOCKED, original=None) == {"currencies": "KZT"}


@pytest.mark.parametrize("other", [reason for reason in Reason if reason not in PASSING])
def test_what_allowing_would_not_help_with_is_not_offered(other: Reason) -> None:
    assert allow(other) == {}
    assert allow(Reason.COUNTRY_BLOCKED, other) == {}


@pytest.mark.parametrize(
    ("tenge", "operation"),
    [(0, Operation.PURCHASE), (0, Operation.VERIFICATION), (300, Operation.BALANCE), (300, Operation.REFUND)],
)
def test_where_no_purchase_was_asked_for_there_is_none_to_allow(tenge: int, operation: Operation) -> None:
    declined = made.payment((Kind.DECLINE, tenge))
    asked = msgspec.structs.replace(declined.elements[0], reasons=(Reason.COUNTRY_BLOCKED,), operation=operation)

    assert remedy.allowing(declined, asked) == {}


@pytest.mark.parametrize(
    ("before", "offered"),
    [((), True), ((Kind.DECLINE,), True), ((Kind.INQUIRY,), True), ((Kind.AUTHORIZATION,), False)],
)
def test_more_of_what_was_promised_is_no_purchase_of_its_own(before: tuple[Kind, ...], *, offered: bool) -> None:
    payment = made.payment(*((kind, 300) for kind in (*before, Kind.DECLINE)))
    asked = msgspec.structs.replace(payment.elements[-1], reasons=(Reason.COUNTRY_BLOCKED,))

    assert bool(remedy.allowing(payment, asked)) is offered


def test_every_choice_of_the_holder_has_a_remedy() -> None:
    asked = {reason for reason, _ in control.PERMITTED} - {Reason.PER_PAYMENT_LIMIT}

    assert remedy.CONTROLS.keys() == asked == set(PASSING)
    assert set(remedy.CONTROLS.values()) == set(Controls.__struct_fields__)
