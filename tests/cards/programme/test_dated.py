"""What is data of a day: how long promises last, what is held beyond an estimate, what the house charges."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.payments import hold_buffer, tariff
from cards.payments.payment import Channel, Operation
from cards.programme import term
from law.currency import Currency
from law.money import EUR, KZT, Money
from tests.wallet.ledgers import kzt

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("category", "channel", "days"),
    [
        ("5942", Channel.ECOMMERCE, 7),
        ("5942", Channel.MOTO, 7),
        ("5942", Channel.CHIP, 5),
        ("5942", Channel.CONTACTLESS, 5),
        ("5942", Channel.TOKEN, 5),
        ("5942", Channel.RECURRING, 5),
        ("7011", Channel.CHIP, 31),
        ("3501", Channel.ECOMMERCE, 31),
        ("7512", Channel.CHIP, 31),
        ("4411", Channel.ECOMMERCE, 31),
    ],
)
def test_a_promise_lasts_by_channel_and_trade(category: str, channel: Channel, days: int) -> None:
    assert term.lasts(category, channel, TODAY) == timedelta(days=days)


@pytest.mark.parametrize(
    ("category", "country", "channel", "estimated", "tenge", "more", "required"),
    [
        ("5942", "KZ", Channel.CHIP, True, 100, 0, False),
        ("5542", "KZ", Channel.CHIP, True, 1, 29_999, True),
        ("5542", "KZ", Channel.CHIP, False, 1, 0, False),
        ("5542", "KZ", Channel.CHIP, True, 20_000, 0, False),  # a pump that asks for a full tank
        ("7011", "KZ", Channel.CHIP, True, 1_000, 150, False),
        ("7011", "KZ", Channel.CHIP, False, 1_000, 0, False),
        ("3366", "KZ", Channel.CHIP, True, 1_000, 150, False),
        ("5812", "US", Channel.CHIP, False, 100, 20, False),
        ("5812", "US", Channel.ECOMMERCE, False, 100, 0, False),
        ("5812", "KZ", Channel.CHIP, False, 100, 0, False),
    ],
)
def test_more_is_held_where_more_will_be_taken(
    category: str, country: str, channel: Channel, *, estimated: bool, tenge: int, more: int, required: bool
) -> None:
    wanted = hold_buffer.over(kzt(tenge), category, country, channel, estimated=estimated, on=TODAY)

    assert (wanted.more, wanted.required) == (kzt(more), required)


@pytest.mark.parametrize("currency", sorted(set(Currency) - {Currency.KZT}))
def test_what_is_said_in_tenge_is_for_cards_in_tenge(currency: Currency) -> None:
    amount = Money(1_00, currency)

    wanted = hold_buffer.over(amount, "5542", "DE", Channel.CHIP, estimated=True, on=TODAY)
    charged = tariff.charges(amount, original=None, operation=Operation.CASH, on=TODAY)

    assert (wanted.more, wanted.required) == (Money(0, currency), False)
    assert charged.fee == Money(1, currency)


def test_a_rule_may_want_more_held_but_refuses_nobody_for_it() -> None:
    wanted = hold_buffer.over(kzt(100), "5942", "KZ", Channel.CHIP, estimated=False, on=TODAY).at_least(kzt(100), 25)

    assert (wanted.more, wanted.required) == (kzt(25), False)


@pytest.mark.parametrize(
    ("operation", "original", "tenge", "fee", "markup"),
    [
        (Operation.PURCHASE, None, 1_000, 0, 0),
        (Operation.PURCHASE, Money(2_00, EUR), 1_000, 0, 10),
        (Operation.PURCHASE, Money(1_000_00, KZT), 1_000, 0, 0),
        (Operation.CASH, None, 1_000, 200, 0),
        (Operation.CASH, None, 50_000, 500, 0),
        (Operation.CASH, Money(100_00, EUR), 50_000, 500, 500),
        (Operation.CASH, None, 0, 0, 0),
    ],
)
def test_an_exchange_and_cash_are_charged_for(
    operation: Operation, original: Money | None, tenge: int, fee: int, markup: int
) -> None:
    charged = tariff.charges(kzt(tenge), original=original, operation=operation, on=TODAY)

    assert (charged.fee, charged.markup) == (kzt(fee), kzt(markup))


@given(st.integers(0, 10**12), st.sampled_from([None, Money(1, EUR)]))
def test_the_most_that_can_be_asked_of_a_balance_fits_with_its_charges_and_no_more_does(
    minor: int, original: Money | None
) -> None:
    spendable = Money(minor, KZT)

    def with_charges(asked: Money) -> Money:
        return asked + tariff.charges(asked, original=original, operation=Operation.PURCHASE, on=TODAY).total

    most = tariff.most(spendable, original=original, operation=Operation.PURCHASE, on=TODAY)

    assert with_charges(most) <= spendable < with_charges(most + Money(2, KZT))
