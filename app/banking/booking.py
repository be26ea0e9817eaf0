"""Which moves in the ledger belong to an order: what is set aside when it is asked for, and what follows its end.

A pay-out leaves the wallet for clearing and clearing for the bank, whose mirror then stands for less. What a resident
has at a bank is mirrored by an account of theirs, against the operator's account of all that bank holds for residents.
An exchange is booked by the legs of wallet/exchange.py, at the rate of its quote.
"""

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import msgspec

from app import db, ids
from app.banking.order import Act, Kind, Order
from app.banking.quoting import Quote
from app.cards import accounts as card_accounts
from app.house import House
from law.money import KZT, Currency, Money
from wallet.chart import Purpose
from wallet.exchange import Exchange, Rate, Through, legs, quoted
from wallet.transfer import AccountId, Capture, Hold, HoldId, Move, Post, Release, TransferId


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's accounts that orders of one bank go through, on the order's lane.

    `holdings` are by currency what the bank holds for residents, `positions` those of an exchange. What is behind the
    card accounts of an exchange is the operator's own at the bank: `prepaid` says where, by account.
    """

    bank: AccountId
    clearing: AccountId
    fees: AccountId
    suspense: AccountId
    rounding: AccountId | None
    holdings: dict[Currency, AccountId]
    positions: dict[Currency, AccountId]
    prepaid: dict[UUID, AccountId] = {}

    def all(self) -> list[AccountId]:
        """List them, to be loaded."""
        own = [self.bank, self.clearing, self.fees, self.suspense, *self.prepaid.values()]
        return [*own, *([self.rounding] if self.rounding else []), *self.holdings.values(), *self.positions.values()]


async def places(house: House, order: Order, bank: str) -> Places:
    """Find the operator's accounts for `order` at the bank with this code."""

    async def find(purpose: Purpose, label: str = "", currency: Currency = KZT) -> AccountId:
        return await house.money.operator(purpose, lane=order.lane, label=label, currency=currency)

    currencies = {order.currency} | ({order.gets_currency} if order.gets_currency else set())
    changing = currencies if order.kind is Kind.EXCHANGE else set()
    return Places(
        bank=await find(Purpose.BANK, bank),
        clearing=await find(Purpose.PAYOUT_CLEARING, bank),
        fees=await find(Purpose.FEES),
        suspense=await find(Purpose.SUSPENSE),
        rounding=await find(Purpose.ROUNDING, currency=order.currency) if changing else None,
        holdings={each: await find(Purpose.PARTNER_HOLDINGS, bank, each) for each in sorted(currencies)},
        positions={each: await find(Purpose.FX_POSITION, bank, each) for each in sorted(changing)},
        prepaid={
            account: await find(Purpose.BANK, bank, currency) for account, currency in await _prepaid(house, order)
        },
    )


async def _prepaid(house: House, order: Order) -> list[tuple[UUID, Currency]]:
    """List the card accounts of an exchange, each with its currency."""
    if order.kind is not Kind.EXCHANGE or order.gets_currency is None:
        return []
    async with db.transaction(house.posting) as story:
        among = await card_accounts.among(await story(), accounts(order))
    sides = ((order.source, order.currency), (order.target, order.gets_currency))
    return [(account, currency) for account, currency in sides if account in among and account is not None]


def hold(order: Order, at: Places) -> Hold:
    """Set the money of a new order aside."""
    assert order.source is not None, "errands move no money"
    through = {
        Kind.FROM_ACCOUNT: lambda: at.holdings[order.currency],
        Kind.EXCHANGE: lambda: at.positions[order.currency],
    }.get(order.kind, lambda: at.clearing)()
    return Hold(
        id=HoldId(order.id),
        debit=AccountId(order.source),
        credit=through,
        money=order.money + order.fee,
        code=f"{order.kind}.asked",
        reference=str(order.id),
        owner=order.holder,
    )


def moves(order: Order, act: Act, at: Places, wallet: AccountId | None, quote: Quote | None = None) -> list[Move]:
    """List the moves of `act`, which happen all or not at all.

    `wallet` is the holder's, where there is a holder; `quote` that of an exchange.
    """
    if act is Act.REJECT:
        return [Release(id=_new(), hold=HoldId(order.id), code=f"{order.kind}.rejected", reference=str(order.id))]
    if act is Act.RETURN:
        return _back(order, at, wallet or at.suspense)
    taken = Capture(
        id=_new(),
        hold=HoldId(order.id),
        money=order.money + order.fee,
        code=f"{order.kind}.done",
        reference=str(order.id),
    )
    if order.kind is Kind.EXCHANGE:
        assert quote is not None, "an exchange has a quote"
        return [taken, *_exchanged(order, at, wallet, exchange(quote))]
    return [taken, *_FOLLOWS[order.kind](order, at)]


def exchange(quote: Quote) -> Exchange:
    """Say what a quote gives, gets and leaves to rounding: of what is given, all but that is what is got costs."""
    value, source = Decimal(quote.rate), f"quote:{quote.id}"
    rate = Rate(base=quote.sells_currency, quote=quote.buys_currency, value=value, source=source, at=quote.at)
    return quoted(quote.sells, quote.buys, rate)


def _paid(order: Order, at: Places) -> list[Move]:
    fee = [_post(order, at.clearing, at.fees, order.fee, "fee")] if order.fee else []
    return [_post(order, at.clearing, at.bank, order.money, "sent"), *fee]


def _moved_in(order: Order, at: Places) -> list[Move]:
    arrives = _post(order, at.holdings[order.currency], _target(order), order.money, "arrived")
    return [*_paid(order, at), arrives]


def _moved_out(order: Order, at: Places) -> list[Move]:
    return [_post(order, at.bank, _target(order), order.money, "arrived")]


def _exchanged(order: Order, at: Places, wallet: AccountId | None, booked: Exchange) -> list[Move]:
    given, got = booked.given.currency, booked.got.currency
    assert at.rounding is not None, "an exchange is rounded"
    through = Through(
        taking=at.positions[given],
        sold_to=at.bank if order.source == wallet else _keeps(at, order.source, given),
        bought_of=at.bank if order.target == wallet else _keeps(at, order.target, got),
        giving=at.positions[got],
        payee=_target(order),
        rounding=at.rounding,
    )
    return [_post(order, leg.debit, leg.credit, leg.money, leg.name) for leg in legs(booked, through)]


def _keeps(at: Places, account: UUID | None, currency: Currency) -> AccountId:
    """Say where at the bank the money behind an account of a resident is."""
    prepaid = at.prepaid.get(account) if account else None
    return prepaid or at.holdings[currency]


_FOLLOWS: dict[Kind, Callable[[Order, Places], list[Move]]] = {
    Kind.PAYOUT: _paid,
    Kind.REFUND: _paid,
    Kind.TO_ACCOUNT: _moved_in,
    Kind.FROM_ACCOUNT: _moved_out,
}


def _back(order: Order, at: Places, to: AccountId) -> list[Move]:
    # Whoever did not get the money was not served, so the fee comes back too.
    fee = [_post(order, at.fees, to, order.fee, "fee_back")] if order.fee else []
    return [_post(order, at.bank, to, order.money, "returned"), *fee]


def _target(order: Order) -> AccountId:
    assert order.target is not None, "money that goes to an account names it"
    return AccountId(order.target)


def _post(order: Order, debit: AccountId, credit: AccountId, money: Money, what: str) -> Post:
    code, reference = f"{order.kind}.{what}", str(order.id)
    return Post(id=_new(), debit=debit, credit=credit, money=money, code=code, reference=reference)


def _new() -> TransferId:
    return TransferId(ids.new())


def accounts(order: Order) -> list[UUID]:
    """List the residents' accounts of an order."""
    return [account for account in (order.source, order.target) if account is not None]
