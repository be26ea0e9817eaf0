"""An exchange as the product books it, without a bank to ask: the hold, the moves of its end, and the event."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app import ids
from app.banking import booking
from app.banking.booking import Places
from app.banking.order import Act, Kind, Order
from app.banking.quoting import Quote
from law.money import Currency, Money
from proof import journal
from tests.wallet.ledgers import AT, operator
from wallet import exchange, tables
from wallet.chart import Purpose
from wallet.desk import Desk
from wallet.transfer import AccountId, HoldId, Posted, Refused

BANK = "altai"


class Booking(msgspec.Struct, frozen=True):
    """An exchange whose money is to be set aside and which is then done."""

    order: Order
    quote: Quote
    places: Places
    wallet: AccountId


Booked = list[Posted] | Refused


async def places(posting: AsyncEngine, *currencies: Currency) -> Places:
    """Find the operator's accounts as booking.places() does."""
    return Places(
        bank=await operator(posting, Purpose.BANK, BANK),
        clearing=await operator(posting, Purpose.PAYOUT_CLEARING, BANK),
        fees=await operator(posting, Purpose.FEES),
        suspense=await operator(posting, Purpose.SUSPENSE),
        rounding=await operator(posting, Purpose.ROUNDING, currency=currencies[0]),
        holdings={each: await operator(posting, Purpose.PARTNER_HOLDINGS, BANK, currency=each) for each in currencies},
        positions={each: await operator(posting, Purpose.FX_POSITION, BANK, currency=each) for each in currencies},
    )


def booking_of(
    at: Places, holder: UUID, wallet: AccountId, account: AccountId, sells: Money, buys: Money, rate: Decimal
) -> Booking:
    """Sell from the wallet to an account at the bank, at `rate` of the bought currency for one of the sold."""
    quote = Quote(
        id=ids.new(), holder=holder, partner=ids.new(), bank_quote="q", fixed="sells", rate=format(rate, "f"),
        reference_rate=format(rate, "f"), source="test", sells_minor=sells.minor, sells_currency=sells.currency,
        buys_minor=buys.minor, buys_currency=buys.currency, source_account=wallet, target_account=account, at=AT,
        expires_at=AT,
    )  # fmt: skip
    order = Order(
        id=ids.new(), kind=Kind.EXCHANGE, holder=holder, partner=quote.partner, about=quote.id, quote=quote.id, lane=1,
        source=wallet, target=account, amount_minor=sells.minor, currency=sells.currency, gets_minor=buys.minor,
        gets_currency=buys.currency, requested_at=AT,
    )  # fmt: skip
    return Booking(order, quote, at, wallet)


async def book(desk: Desk, asked: Sequence[Booking]) -> list[Booked]:
    """Set aside and conclude, as app/banking/requesting.py and concluding.py do: a verb for app/batch.py."""
    await desk.load(side for each in asked for side in (*booking.accounts(each.order), *each.places.all()))
    await desk.load_holds(HoldId(each.order.id) for each in asked)
    answers: list[Booked] = []
    facts = []
    for each in asked:
        order, quote = each.order, each.quote
        held = desk.place(booking.hold(order, each.places))
        if isinstance(held, Refused):
            answers.append(held)
            continue
        moves = booking.moves(order, Act.FINISH, each.places, each.wallet, quote)
        answers.append(desk.group(order.id, moves))
        told = booking.exchange(quote)
        facts.append(exchange.fact(told, order.id, holder=quote.holder, actor="system:test", at=desk.now))
    await journal.append(desk.db, tables.event, *facts)
    return answers
