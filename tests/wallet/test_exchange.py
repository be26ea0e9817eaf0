"""Exchange: what is given, got and left over by a rate, and how the five accounts stand afterwards."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from app import db, ids, verify
from app.idempotency_key import Stored
from app.money import FIRST_LANE, Money
from law.money import EUR, JPY, KWD, KZT, USD, Currency
from law.money import Money as Amount
from tests.conftest import Engines
from tests.wallet.ledgers import AT, fresh, funded, kzt
from wallet import account, exchange
from wallet.chart import Purpose
from wallet.exchange import Booked, Booking, Exchange, Rate, RateNotOfThese, TooLittle
from wallet.transfer import AccountId, Reason, Refused

AT_RATE = datetime(2026, 9, 1, tzinfo=UTC)


def rate(base: Currency, quote: Currency, value: str) -> Rate:
    return Rate(base=base, quote=quote, value=Decimal(value), source="bank:altai/quote:1", at=AT_RATE)


DOLLAR = rate(USD, KZT, "526.31")


@pytest.mark.parametrize(
    ("given_", "to", "at", "got", "remainder"),
    [
        (Amount(1_000_00, KZT), USD, DOLLAR, 1_90, 1),  # 1.90 dollars cost 999.989 tenge
        (Amount(1_000_00, KZT), USD, rate(KZT, USD, "0.0019"), 1_90, 0),
        (Amount(1_00, USD), KZT, DOLLAR, 526_31, 0),
        (Amount(1_01_00, KZT), USD, DOLLAR, 19, 1_00),  # 0.19 dollars cost 99.9989 tenge
        (Amount(100, JPY), KZT, rate(JPY, KZT, "3.515"), 351_50, 0),
        (Amount(1_000, KWD), KZT, rate(KWD, KZT, "1711.5"), 1711_50, 0),
        (Amount(789_47, KZT), USD, DOLLAR, 1_50, 1),  # 1.50 dollars cost 789.465 tenge: to the even one
        (Amount(13_16, KZT), USD, rate(USD, KZT, "526.4"), 2, 2_63),  # 2.5 cents: to the even one
        (Amount(18_42, KZT), USD, rate(USD, KZT, "526.4"), 3, 2_63),
        (Amount(18_43, KZT), USD, rate(USD, KZT, "526.4"), 4, -2_63),
    ],
)
def test_what_is_got_is_rounded_and_the_rest_is_left_over(
    given_: Amount, to: Currency, at: Rate, got: int, remainder: int
) -> None:
    found = exchange.selling(given_, to, at)

    assert (found.got.minor, found.remainder.minor) == (got, remainder)


def test_what_is_bought_costs_what_the_rate_says_and_leaves_nothing_over() -> None:
    found = exchange.buying(Amount(100_00, USD), KZT, DOLLAR)

    assert (found.given, found.remainder) == (kzt(52_631), kzt(0))


@given(
    minor=st.integers(1, 10**12),
    value=st.decimals("0.001", "9999", places=4),
    pair=st.sampled_from([(KZT, USD), (USD, KZT), (KZT, JPY), (JPY, KZT), (KWD, KZT), (KZT, KWD), (USD, EUR)]),
)
def test_nothing_is_lost_whatever_the_rate(minor: int, value: Decimal, pair: tuple[Currency, Currency]) -> None:
    giving, getting = pair
    at = rate(giving, getting, str(value))
    per = value * Decimal(10) ** (getting.exponent - giving.exponent)
    wanted = int((minor * per).quantize(Decimal(1), ROUND_HALF_EVEN))

    try:
        found = exchange.selling(Amount(minor, giving), getting, at)
    except TooLittle:
        assert wanted == 0
        return

    assert found.got.minor == wanted
    assert found.cost + found.remainder == found.given
    assert abs(found.cost.minor * per - found.got.minor) <= per / 2 + Decimal("1e-9")


def test_too_little_buys_nothing_and_a_rate_of_others_is_no_answer() -> None:
    with pytest.raises(TooLittle):
        exchange.selling(Amount(1, KZT), USD, DOLLAR)
    with pytest.raises(RateNotOfThese):
        exchange.selling(kzt(1), EUR, DOLLAR)


@pytest.mark.asyncio
async def test_an_exchange_is_booked_through_the_position_and_the_rounding_account(
    engines: Engines, database: str
) -> None:
    money = Money(engines.posting)
    mine = await resident(engines, money, 2_000)
    asked = booking(mine, exchange.selling(kzt(1_000), USD, DOLLAR))

    [booked] = await book(money, asked)
    again = await book(money, asked)
    [late] = await book(money, booking(mine, exchange.selling(kzt(1_001), USD, DOLLAR)))
    [stolen] = await book(money, booking(Resident(ids.new(), mine.wallet, mine.dollars), asked.exchange))

    assert isinstance(booked, list)
    assert again == [booked]
    assert late == Refused(Reason.INSUFFICIENT_FUNDS)
    assert stolen == Refused(Reason.WRONG_OWNER)
    assert await stands(engines) == {
        ("wallet", "KZT"): 1_000_00,
        ("partner_account", "USD"): 1_90,
        ("fx_position", "KZT"): 999_99,
        ("fx_position", "USD"): -1_90,
        ("rounding", "KZT"): 1,
    }
    assert verify.ledger(database).sound


@pytest.mark.asyncio
async def test_what_is_rounded_up_comes_from_the_rounding_account(engines: Engines, database: str) -> None:
    money = Money(engines.posting)
    mine = await resident(engines, money, 100)
    before = (await stands(engines)).get(("rounding", "KZT"), 0)

    [booked] = await book(money, booking(mine, exchange.selling(Amount(18_43, KZT), USD, rate(USD, KZT, "526.4"))))

    assert isinstance(booked, list)
    assert (await stands(engines))["rounding", "KZT"] == before - 2_63
    assert verify.ledger(database).sound


class Resident(NamedTuple):
    """Who has a wallet and an account in dollars."""

    holder: UUID
    wallet: AccountId
    dollars: AccountId


async def resident(engines: Engines, money: Money, tenge: int) -> Resident:
    [wallet] = await funded(engines.api, engines.posting, money, [tenge])
    async with engines.report.connect() as connection:
        holder = await connection.scalar(text("SELECT holder FROM wallet.account WHERE id = :id"), {"id": wallet})
    async with db.transaction(engines.api, holder=holder, audience="resident") as story:
        dollars = await account.open_account(
            await story(),
            holder=holder,
            purpose=Purpose.PARTNER_ACCOUNT,
            label="altai",
            currency=USD,
            account=ids.new(),
            actor="system:test",
            at=AT,
        )
    return Resident(holder, wallet, dollars)


def booking(whose: Resident, what: Exchange) -> Booking:
    return Booking(
        first=ids.new(),
        exchange=what,
        payer=whose.wallet,
        payee=whose.dollars,
        label="altai",
        owner=whose.holder,
        actor="system:test",
    )


async def book(money: Money, asked: Booking) -> list[Booked]:
    answers: list[Booked] = []

    def keep(found: Sequence[Booked]) -> Stored:
        answers[:] = found
        return Stored(200, b"[]")

    await money.submit(exchange.book, [asked], lanes=[FIRST_LANE], claim=fresh(), render=keep)
    return answers


async def stands(engines: Engines) -> dict[tuple[str, str], int]:
    """Sum what there is by purpose and currency, the bank that paid in left out."""
    async with engines.report.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT purpose, currency, sum(posted)::bigint AS posted FROM wallet.account"
                " WHERE purpose <> 'bank' GROUP BY purpose, currency"
            )
        )
        return {(row.purpose, row.currency): row.posted for row in rows}
