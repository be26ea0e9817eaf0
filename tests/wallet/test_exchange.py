"""Exchange: what a bank's amounts leave over at its rate, and how the accounts stand after the product booked it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
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
from tests.wallet import exchanges
from tests.wallet.exchanges import Booked, Booking
from tests.wallet.ledgers import AT, fresh, funded, kzt
from wallet import account, exchange
from wallet.chart import Purpose
from wallet.exchange import Rate, RateNotOfThese
from wallet.transfer import AccountId, Reason, Refused

AT_RATE = datetime(2026, 9, 1, tzinfo=UTC)
A_TENGE = Decimal("0.0019")


def rate(base: Currency, quote: Currency, value: str) -> Rate:
    return Rate(base=base, quote=quote, value=Decimal(value), source="quote:1", at=AT_RATE)


DOLLAR = rate(USD, KZT, "526.31")


@pytest.mark.parametrize(
    ("given_", "got", "at", "remainder"),
    [
        (Amount(1_000_00, KZT), Amount(1_90, USD), DOLLAR, 1),  # 1.90 dollars cost 999.989 tenge
        (Amount(1_000_00, KZT), Amount(1_90, USD), rate(KZT, USD, "0.0019"), 0),
        (Amount(1_00, USD), Amount(526_31, KZT), DOLLAR, 0),
        (Amount(1_01_00, KZT), Amount(19, USD), DOLLAR, 1_00),  # 0.19 dollars cost 99.9989 tenge
        (Amount(100, JPY), Amount(351_50, KZT), rate(JPY, KZT, "3.515"), 0),
        (Amount(1_000, KWD), Amount(1711_50, KZT), rate(KWD, KZT, "1711.5"), 0),
        (Amount(789_47, KZT), Amount(1_50, USD), DOLLAR, 1),  # 1.50 dollars cost 789.465 tenge: to the even one
        (Amount(18_42, KZT), Amount(3, USD), rate(USD, KZT, "526.4"), 2_63),
        (Amount(18_43, KZT), Amount(4, USD), rate(USD, KZT, "526.4"), -2_63),
    ],
)
def test_what_is_given_beyond_the_cost_is_left_over(given_: Amount, got: Amount, at: Rate, remainder: int) -> None:
    assert exchange.quoted(given_, got, at).remainder == Amount(remainder, given_.currency)


@given(
    minor=st.integers(1, 10**12),
    got=st.integers(1, 10**12),
    value=st.decimals("0.001", "9999", places=4),
    pair=st.sampled_from([(KZT, USD), (USD, KZT), (KZT, JPY), (JPY, KZT), (KWD, KZT), (KZT, KWD), (USD, EUR)]),
)
def test_all_but_the_cost_is_left_over_whatever_the_rate(
    minor: int, got: int, value: Decimal, pair: tuple[Currency, Currency]
) -> None:
    giving, getting = pair
    per = value * Decimal(10) ** (getting.exponent - giving.exponent)

    found = exchange.quoted(Amount(minor, giving), Amount(got, getting), rate(giving, getting, str(value)))

    cost = found.given.minor - found.remainder.minor
    assert abs(cost * per - got) <= per / 2 + Decimal("1e-9")


def test_a_rate_of_other_currencies_is_no_answer() -> None:
    with pytest.raises(RateNotOfThese):
        exchange.quoted(kzt(1_000), Amount(1_90, EUR), DOLLAR)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("sells", "cents", "remainder"),
    [
        pytest.param(Amount(1_000_26, KZT), 1_90, 26, id="down"),  # 1.90 dollars cost 1 000.00 tenge
        pytest.param(Amount(999_80, KZT), 1_90, -20, id="up"),
        pytest.param(kzt(1_000), 1_90, 0, id="even"),
    ],
)
@pytest.mark.fresh
async def test_an_exchange_is_booked_through_the_positions_and_the_rounding_account(
    engines: Engines, database: str, sells: Amount, cents: int, remainder: int
) -> None:
    money = Money(engines.posting)
    mine = await resident(engines, money, 2_000)
    asked = await booking(engines, mine, sells, Amount(cents, USD))

    [booked] = await book(money, asked)
    [late] = await book(money, await booking(engines, mine, kzt(1_001), Amount(1_90, USD)))
    stranger = Resident(ids.new(), mine.wallet, mine.dollars)
    [stolen] = await book(money, await booking(engines, stranger, kzt(1), Amount(1, USD)))

    assert isinstance(booked, list)
    assert late == Refused(Reason.INSUFFICIENT_FUNDS)
    assert stolen == Refused(Reason.WRONG_OWNER)
    assert await stands(engines) == {
        ("wallet", "KZT"): 2_000_00 - sells.minor,
        ("bank", "KZT"): sells.minor - 2_000_00,  # which had paid in what was in the wallet
        ("partner_holdings", "USD"): -cents,
        ("partner_account", "USD"): cents,
        **({("fx_position", "KZT"): -remainder, ("rounding", "KZT"): remainder} if remainder else {}),
    }
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
            label=exchanges.BANK,
            currency=USD,
            account=ids.new(),
            actor="system:test",
            at=AT,
        )
    return Resident(holder, wallet, dollars)


async def booking(engines: Engines, whose: Resident, sells: Amount, buys: Amount, at: Decimal = A_TENGE) -> Booking:
    places = await exchanges.places(engines.posting, sells.currency, buys.currency)
    return exchanges.booking_of(places, whose.holder, whose.wallet, whose.dollars, sells, buys, at)


async def book(money: Money, asked: Booking) -> list[Booked]:
    answers: list[Booked] = []

    def keep(found: Sequence[Booked]) -> Stored:
        answers[:] = found
        return Stored(200, b"[]")

    await money.submit(exchanges.book, [asked], lanes=[FIRST_LANE], claim=fresh(), render=keep)
    return answers


async def stands(engines: Engines) -> dict[tuple[str, str], int]:
    """Sum what there is by purpose and currency, where there is something."""
    async with engines.report.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT purpose, currency, sum(posted)::bigint AS posted FROM wallet.account"
                " GROUP BY purpose, currency HAVING sum(posted) <> 0"
            )
        )
        return {(row.purpose, row.currency): row.posted for row in rows}
