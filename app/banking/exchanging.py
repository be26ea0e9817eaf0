"""An exchange: a bank is asked for its price, the person confirms both amounts and the rate, the bank executes it once.

route      app/http/mobile/exchange.py    POST /v1/fx-quotes, POST /v1/exchanges
asks       app/banking/exchanging.py      prepare(), exchange()   <- you are here
decides    app/banking/requesting.py      request()               an expired or used quote is refused
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, ids, vault
from app import db as db_
from app.account import consent
from app.auth import stepup
from app.auth.principal import Principal
from app.banking import bank_account, booking, quoting, requesting, tariff
from app.banking.order import Kind, Order
from app.banking.quoting import Price, Quote, SameCurrency, Side, Wanted
from app.banking.requesting import Asked
from app.batch import Render, Reply
from app.cards.accounts import Prepaid
from app.house import House
from app.idempotency_key import Claim
from app.partners import registry
from app.partners.registry import Partner
from law import calendar, rails
from law.money import KZT, Currency, Money
from law.rails import Rail
from wallet import account as ledger
from wallet.limit import Operation

OPERATION = "exchange.confirm"


class NotThatBank(Exception):
    """Both sides of an exchange are at one bank, and the wallet is at the bank that issues its money."""


class Asking(msgspec.Struct, frozen=True):
    """A price that is wanted: of `bank`, between two accounts of the ledger."""

    quote: UUID
    bank: Partner
    wanted: Wanted
    source: UUID
    target: UUID
    asked_at: datetime


async def prepare(
    db: AsyncConnection,
    safe: vault.Vault,
    holder: UUID,
    sells_from: UUID | Prepaid | None,
    buys_to: UUID | Prepaid | None,
    *,
    issuer: Partner,
    side: Side,
    amount_minor: int,
    at: datetime,
) -> Asking:
    """Find both sides, None being the wallet, whose money is at `issuer`.

    Raises UnknownBankAccount, NotOpen, NotThatBank, SameCurrency, NoWallet, ConsentMissing.
    """
    source, sold, at_source = await _side(db, safe, holder, sells_from, issuer)
    target, bought, at_target = await _side(db, safe, holder, buys_to, issuer)
    if at_source != at_target:
        raise NotThatBank
    if sold is bought:
        raise SameCurrency
    [missing] = await consent.towards(db, [(holder, at_source)], at=at)
    if missing is not None:
        raise missing
    named = quoting.fresh()
    fixed, other = (sold, bought) if side == "sells" else (bought, sold)
    wanted = Wanted(
        quote_id=quoting.show(named),
        side=side,
        amount_minor=amount_minor,
        currency=fixed.value,
        other_currency=other.value,
    )
    return Asking(named, await registry.find(db, at_source), wanted, source, target, clock.real())


async def keep(db: AsyncConnection, holder: UUID, asking: Asking, price: Price, at: datetime) -> Quote:
    """Keep the bank's price; raises quoting.NoPrice where it has run out on its way."""
    return await quoting.keep(
        db,
        asking.quote,
        price,
        holder=holder,
        bank=asking.bank.id,
        fixed=asking.wanted.side,
        source=asking.source,
        target=asking.target,
        at=at,
        asked_at=asking.asked_at,
    )


async def _side(
    db: AsyncConnection, safe: vault.Vault, holder: UUID, account: UUID | Prepaid | None, issuer: Partner
) -> tuple[UUID, Currency, UUID]:
    if account is None:
        return (await ledger.wallet(db, holder)).account, KZT, issuer.id
    if isinstance(account, Prepaid):
        return account.account, account.currency, account.bank
    found = await bank_account.require_open(db, safe, holder, account)
    return found.account, found.currency, found.partner


def shown(quote: Quote) -> stepup.Shown:
    """Write down what the person confirms: both amounts and the rate."""
    return {
        "quote_id": quoting.show(quote.id),
        "sells_minor": quote.sells_minor,
        "sells_currency": quote.sells_currency.value,
        "buys_minor": quote.buys_minor,
        "buys_currency": quote.buys_currency.value,
        "rate": quote.rate,
    }


async def exchange(
    house: House,
    me: Principal,
    wanted: UUID,
    *,
    confirmation: stepup.Confirmation | None,
    claim: Claim,
    render: Render,
) -> Reply:
    """Exchange under a quote; raises UnknownQuote, NoWallet."""
    home = await house.money.wallet(me.subject)
    async with db_.transaction(house.api, holder=me.subject, audience=me.role) as story:
        connection = await story()
        quote = await quoting.find(connection, me.subject, wanted)
        bank = await registry.find(connection, quote.partner)
        now = story.now
    confirmed = await stepup.proven(
        house.step_ups,
        house.settings,
        me,
        operation=OPERATION,
        shown=shown(quote),
        confirmation=confirmation,
    )
    new = _order(me.subject, home.lane, quote, now)
    places = await booking.places(house, new, bank.code)
    item = Asked(order=new, places=places, confirmed=confirmed, actor=me.actor, good_until=quote.expires_at)
    return await requesting.submit(house, item, claim=claim, render=render)


def _order(holder: UUID, lane: int, quote: Quote, now: datetime) -> Order:
    window = rails.window(Rail.IMPS, now)  # within one bank
    fee = tariff.fee("exchange", Money(quote.sells_minor, KZT), calendar.statutory_date(now))
    assert not fee, "a fee in tenge can't be taken from an account in another currency"
    return Order(
        id=ids.new(),
        kind=Kind.EXCHANGE,
        holder=holder,
        partner=quote.partner,
        about=quote.id,
        quote=quote.id,
        lane=lane,
        source=quote.source_account,
        target=quote.target_account,
        amount_minor=quote.sells_minor,
        currency=quote.sells_currency,
        gets_minor=quote.buys_minor,
        gets_currency=quote.buys_currency,
        operation=Operation.EXCHANGE,
        rail=window.rail,
        promised_from=window.earliest,
        promised_by=window.by,
        requested_at=now,
    )
