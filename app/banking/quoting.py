"""What an exchange costs: a bank's firm price for a minute, shown whole before anybody confirms it.

asks       app/partners/json_bank.py   POST /quotes
keeps      app/banking/quoting.py      keep()       <- you are here
executes   app/banking/requesting.py   request()    once, before it expires
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, ids
from app.banking import tables
from app.house import House
from app.http import ids as public_ids
from app.partners import json_bank
from app.partners.json_bank import Unheard, Unreachable
from app.partners.registry import Partner
from law import rounding
from law.money import Currency, Money

Side = Literal["sells", "buys"]
_PATH = "/quotes"
_LIFE_MAX = timedelta(minutes=5)
#: A price is compared with what was published; where they are further apart than this, one of them is a mistake.
_TIMES_APART_MAX = 10
#: Digits of a spread and of an inverse rate: enough to compare by, computed from what is exact.
_SHOWN = Context(prec=12, rounding=ROUND_HALF_EVEN)
_PERCENT_DIGITS = Decimal("0.0001")

Rate = Annotated[str, Meta(pattern=r"^[0-9]{1,12}([.][0-9]{1,12})?$(?!\n)")]


class UnknownQuote(Exception):
    """There is no such quote, or it is somebody else's, which looks the same."""


class NoPrice(Exception):
    """The bank names no price now; ask again in a moment."""


class SameCurrency(Exception):
    """Both sides are of one currency."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a price is asked for: `money` is the side that is fixed, the other side is of `other`."""

    quote_id: str
    side: Side
    amount_minor: int
    currency: str
    other_currency: str


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A bank's price: units of the bought currency for one of the sold. `reference_rate` is what `source` published."""

    quote_id: Annotated[str, Meta(max_length=64)]
    bank_quote: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:/-]{1,64}$(?!\n)")]
    sells_minor: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    sells_currency: str
    buys_minor: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    buys_currency: str
    rate: Rate
    reference_rate: Rate
    source: Annotated[str, Meta(pattern=r"^[ -~]{1,64}$(?!\n)")]
    lives_s: Annotated[int, Meta(ge=5, le=300)]


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """A price somebody was shown. `source_account` pays, `target_account` gets: accounts of the ledger."""

    id: UUID
    holder: UUID
    partner: UUID
    bank_quote: str
    fixed: Side
    sells_minor: int
    sells_currency: Currency
    buys_minor: int
    buys_currency: Currency
    rate: str
    reference_rate: str
    source: str
    source_account: UUID
    target_account: UUID
    at: datetime
    expires_at: datetime

    @property
    def sells(self) -> Money:
        """What is given."""
        return Money(self.sells_minor, self.sells_currency)

    @property
    def buys(self) -> Money:
        """What is got."""
        return Money(self.buys_minor, self.buys_currency)

    @property
    def inverse(self) -> str:
        """Units of the sold currency for one of the bought."""
        with localcontext(_SHOWN):
            return f"{(1 / Decimal(self.rate)).normalize():f}"

    @property
    def spread_percent(self) -> str:
        """By how much the price is worse than the published rate, in percent of that."""
        with localcontext(_SHOWN):
            worse = (Decimal(self.reference_rate) - Decimal(self.rate)) / Decimal(self.reference_rate) * 100
            return f"{worse.quantize(_PERCENT_DIGITS):f}"


async def ask(house: House, bank: Partner, wanted: Wanted) -> Price:
    """Ask `bank` for a price; raises NoPrice, also where its figures don't fit what was asked or each other."""
    if wanted.currency == wanted.other_currency:
        raise SameCurrency
    body = msgspec.json.encode(wanted, order="deterministic")
    answer = await json_bank.ask(house, bank, _PATH, Price, named=wanted.quote_id, body=body)
    if isinstance(answer, Unheard | Unreachable) or not fits(wanted, answer):
        raise NoPrice
    return answer


def fits(wanted: Wanted, price: Price) -> bool:
    """Say whether a price is one for what was asked, can be compared, and its amounts are each other's at its rate."""
    sells = (price.sells_minor, price.sells_currency, price.buys_currency)
    buys = (price.buys_minor, price.buys_currency, price.sells_currency)
    fixed = sells if wanted.side == "sells" else buys
    if price.quote_id != wanted.quote_id or fixed != (wanted.amount_minor, wanted.currency, wanted.other_currency):
        return False
    rate, published = Decimal(price.rate), Decimal(price.reference_rate)
    if not 0 < max(rate, published) <= _TIMES_APART_MAX * min(rate, published):
        return False
    given = Money(price.sells_minor, Currency.of(price.sells_currency))
    exact = rounding.convert(given, rate, Currency.of(price.buys_currency))
    # Where the bought side is fixed, what is sold is rounded: a unit of it may be worth several of the other.
    unit = Money(1, given.currency)
    slack = max(1, rounding.convert(unit, rate, exact.money.currency).money.minor)
    return abs(exact.money.minor - price.buys_minor) <= (0 if wanted.side == "sells" else slack)


def fresh() -> UUID:
    """Name a quote before it is asked for: the bank knows it by this."""
    return ids.new()


def show(quote: UUID) -> str:
    """Name a quote outside."""
    return public_ids.show("fx_quote", quote)


async def keep(
    db: AsyncConnection,
    quote: UUID,
    price: Price,
    *,
    holder: UUID,
    bank: UUID,
    fixed: Side,
    source: UUID,
    target: UUID,
    at: datetime,
    asked_at: datetime,
) -> Quote:
    """Keep a price for who asked. It lives from when it was asked for (real clock), not from when it arrived."""
    left = timedelta(seconds=price.lives_s) - (clock.real() - asked_at)
    if left <= timedelta(0):
        raise NoPrice
    kept = Quote(
        id=quote,
        holder=holder,
        partner=bank,
        bank_quote=price.bank_quote,
        fixed=fixed,
        sells_minor=price.sells_minor,
        sells_currency=Currency.of(price.sells_currency),
        buys_minor=price.buys_minor,
        buys_currency=Currency.of(price.buys_currency),
        rate=price.rate,
        reference_rate=price.reference_rate,
        source=price.source,
        source_account=source,
        target_account=target,
        at=at,
        expires_at=at + min(left, _LIFE_MAX),
    )
    await db.execute(tables.fx_quote.insert().values(msgspec.structs.asdict(kept)))
    return kept


async def find(db: AsyncConnection, holder: UUID, wanted: UUID) -> Quote:
    """Load a quote of `holder`; raises UnknownQuote."""
    columns = tables.fx_quote.c
    row = (
        await db.execute(select(tables.fx_quote).where((columns.id == wanted) & (columns.holder == holder)))
    ).one_or_none()
    if row is None:
        raise UnknownQuote
    return _quote(row)


async def of_orders(db: AsyncConnection, wanted: Collection[UUID]) -> dict[UUID, Quote]:
    """Load quotes by their ids."""
    if not wanted:
        return {}
    rows = await db.execute(select(tables.fx_quote).where(tables.fx_quote.c.id.in_(wanted)))
    return {row.id: _quote(row) for row in rows}


def _quote(row: Row[Any]) -> Quote:
    return msgspec.convert({name: getattr(row, name) for name in Quote.__struct_fields__}, Quote, strict=False)
