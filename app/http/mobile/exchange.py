"""Exchange at a partner bank: a firm price, then the exchange under it.

path   POST /v1/fx-quotes   ->  app/banking/exchanging.py  prepare()   the bank is asked between two transactions
       POST /v1/exchanges   ->  app/banking/exchanging.py  exchange()
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import idempotency, vault
from app.auth import stepup
from app.auth.principal import Principal
from app.banking import banks, exchanging, order, quoting
from app.banking.order import Kind, Order
from app.banking.quoting import Quote
from app.cards import accounts
from app.cards.accounts import Prepaid
from app.db import Story, transaction
from app.house import House
from app.http import answers, ids
from app.http.mobile.bank_accounts import BankAccountId
from app.http.mobile.orders import Moving, lines
from app.http.wire import Minor, MoneyWire, Wire
from app.idempotency import Once

_TAGS = ["Exchange"]
QuoteId = Annotated[str, Meta(examples=["fx_quote_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
_Decimal = Annotated[str, Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$(?!\n)", examples=["0.001901"])]


class AskQuote(Wire, frozen=True, kw_only=True):
    """What a price is wanted for. The side that is left out is the wallet; `fixed` says which side the amount is of.

    A side that is named is an account at a bank, or a card account.
    """

    sells_from: BankAccountId | None = None
    buys_to: BankAccountId | None = None
    fixed: Annotated[Literal["sells", "buys"], Meta(examples=["sells"])]
    amount_minor: Minor


class ConfirmExchange(Wire, frozen=True):
    """What the passkey is to confirm."""

    operation: Annotated[str, Meta(examples=["exchange.confirm"])]
    shown: dict[str, str | int]


class QuoteView(Wire, frozen=True):
    """A bank's price, firm until `expires_at`.

    `rate` is units bought for one sold, `inverse` the other way round; `reference_rate` is what `source` published, and
    `spread_percent` by how much the price is worse than that.
    """

    id: QuoteId
    fixed: Annotated[Literal["sells", "buys"], Meta(examples=["sells"])]
    sells: MoneyWire
    buys: MoneyWire
    rate: _Decimal
    inverse: _Decimal
    reference_rate: _Decimal
    spread_percent: _Decimal
    source: Annotated[str, Meta(examples=["National Bank of Kazakhstan, 2026-11-22"])]
    expires_at: datetime
    confirm: ConfirmExchange

    @classmethod
    def of(cls, quote: Quote) -> "QuoteView":
        """Show a price."""
        return cls(
            id=quoting.show(quote.id),
            fixed=quote.fixed,
            sells=MoneyWire.of(quote.sells),
            buys=MoneyWire.of(quote.buys),
            rate=quote.rate,
            inverse=quote.inverse,
            reference_rate=quote.reference_rate,
            spread_percent=quote.spread_percent,
            source=quote.source,
            expires_at=quote.expires_at,
            confirm=ConfirmExchange(operation=exchanging.OPERATION, shown=exchanging.shown(quote)),
        )


class Exchange(Wire, frozen=True):
    """A quote, with the passkey's answer over `exchange.confirm`: both amounts and the rate."""

    quote_id: QuoteId
    step_up: stepup.Confirmation | None = None


class ExchangeView(Moving, frozen=True, kw_only=True):
    """An exchange: `amount` is what is sold, `gets` what comes."""

    id: Annotated[str, Meta(examples=["exchange_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    quote_id: QuoteId
    gets: MoneyWire

    @classmethod
    def of(cls, found: Order, now: datetime) -> "ExchangeView":
        """Show it as of `now`."""
        assert found.gets is not None, "an exchange brings something"
        assert found.quote is not None, "and has a quote"
        return cls(id=found.key, quote_id=quoting.show(found.quote), gets=MoneyWire.of(found.gets), **lines(found, now))  # type: ignore[arg-type]  # the lines of Moving, by name


@post(
    "/v1/fx-quotes",
    operation_id="askQuote",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Ask for a price",
)
async def ask_quote(
    data: JSONBody[AskQuote],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[QuoteView]:
    """Have the bank name a price for an exchange between two accounts of the caller, the wallet being one."""
    async with transaction(house.api, holder=me.subject, audience=me.role) as before:
        db = await before()
        safe = await vault.of(db, house.keys.kms, me.subject, before.now)
        issuer = await banks.issuing(db, house.settings.issuing_bank)
        fixed, minor = data.fixed, data.amount_minor
        sides = [await _side(db, house, me, side) for side in (data.sells_from, data.buys_to)]
        asking = await exchanging.prepare(
            db, safe, me.subject, *sides, issuer=issuer, side=fixed, amount_minor=minor, at=before.now
        )
    price = await quoting.ask(house, asking.bank, asking.wanted)

    async def act(story: Story) -> QuoteView:
        return QuoteView.of(await exchanging.keep(await story(), me.subject, asking, price, story.now))

    return await once(act, headers=lambda made: {"Location": f"/v1/fx-quotes/{made.id}"})


async def _side(db: AsyncConnection, house: House, me: Principal, named: str | None) -> UUID | Prepaid | None:
    """Find one side of an exchange; a card account comes with where the money behind it is."""
    if named is None:
        return None
    if not named.startswith("card_account_"):
        return ids.parse("bank_account", named)
    account = ids.parse("card_account", named)
    if house.stripe is None:
        raise accounts.UnknownCardAccount
    return await accounts.find(db, me.subject, account, house.stripe.programme)


@get(
    "/v1/fx-quotes/{fx_quote_id:str}",
    operation_id="getQuote",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="A price",
)
async def get_quote(
    fx_quote_id: FromPath[str], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> QuoteView:
    """Show a price, over or not."""
    return QuoteView.of(await quoting.find(await story(), me.subject, ids.parse("fx_quote", fx_quote_id)))


@post(
    "/v1/exchanges",
    operation_id="exchange",
    opt={"scope": "wallet:write", "idempotent": True},
    tags=_TAGS,
    summary="Exchange under a quote",
)
async def exchange(
    request: Request[Any, Any, Any],
    data: JSONBody[Exchange],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[ExchangeView]:
    """Set what is sold aside and have the bank exchange it: once, under a quote that has not expired."""
    reply = await exchanging.exchange(
        house,
        me,
        ids.parse("fx_quote", data.quote_id),
        confirmation=data.step_up,
        claim=idempotency.claim_of(request, me.actor, await request.body()),
        render=answers.one(request, Order, _view, status=201, place="/v1/exchanges"),
    )
    return answers.sent(reply)


def _view(order: Order) -> ExchangeView:
    return ExchangeView.of(order, order.requested_at)


@get(
    "/v1/exchanges/{exchange_id:str}",
    operation_id="getExchange",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="An exchange",
)
async def get_exchange(exchange_id: FromPath[str], story: NamedDependency[Story]) -> ExchangeView:
    """Show where an exchange is."""
    found = await order.find(await story(), ids.parse("exchange", exchange_id), Kind.EXCHANGE)
    return ExchangeView.of(found, story.now)


routes = [ask_quote, get_quote, exchange, get_exchange]
