"""Asking banks: for what residents ordered, or what became of it where the bank has not spoken.

takes      app/banking/order.py      claim()
asks       app/partners/json_bank.py ask(), look()
learns     app/banking/hearing.py    heard()      the same words as by webhook, whichever come first

That the bank is being asked is written down before it is asked; whatever happens then, it is asked again under the same
key. No transaction is open while the network is.
"""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db, person, vault
from app.account import consent
from app.banking import beneficiary, concluding, counting, errands, hearing, order, tables
from app.banking.order import Act, Change, Kind, Order, State
from app.banking.told import Told
from app.house import House
from app.partners import json_bank, registry
from app.partners.json_bank import Unheard, Unreachable
from app.partners.message import TooEarly, Unfit
from app.partners.registry import Partner
from app.restrictions import restriction
from law import calendar
from wallet import tables as ledger

SIZE_MAX = 20
#: A bank tells by webhook within moments; when it has not, we ask.
ASK_AFTER = timedelta(seconds=30)
_LEASE = timedelta(seconds=60)
_BACKOFF_FIRST = timedelta(seconds=2)
_BACKOFF_MAX = timedelta(hours=1)
#: What needs no consent: one's own money leaves, a stranger's goes back.
_BY_CONTRACT = frozenset({Kind.PAYOUT, Kind.REFUND})

_log = structlog.get_logger()


class NotSetAside(Exception):
    """The order's money is not held under its id: no bank pays it, and somebody has to look."""


class Payee(msgspec.Struct, frozen=True):
    """Whom the bank pays, or whose account it is."""

    name: str
    iban: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a bank is asked for. `client` is this bank's name for the resident: no other partner knows it.

    `account` names an account of the client at this bank, `payment_id` the bank's own payment that goes back.
    """

    order_id: str
    kind: Kind
    amount_minor: int
    currency: str
    client: str = ""
    payee: Payee | None = None
    rail: str = ""
    account: str = ""
    gets_minor: int | None = None
    gets_currency: str | None = None
    quote: str = ""
    sells_from: str = ""
    buys_to: str = ""
    payment_id: str = ""


async def step(house: House) -> int:
    """Bring the orders that are due one step further; answers how many were taken."""
    now = clock.real()
    async with db.transaction(house.worker) as story:
        taken = await order.claim(await story(), now=now, until=now + _LEASE, limit=SIZE_MAX)
    await asyncio.gather(*(advance(house, found) for found in taken))
    return len(taken)


async def advance(house: House, found: Order) -> None:
    """Bring an order one step further, as it was when it was taken: one that moved on meanwhile is left alone."""
    try:
        await _ask(house, found)
    except Exception as error:  # noqa: BLE001  one order's fault must not stop the others; it stays due
        _log.error("order_failed", order=str(found.id), kind=found.kind, state=found.state, exc_info=error)
        async with db.transaction(house.worker) as story:
            await _later(await story(), found, type(error).__name__)


async def _ask(house: House, found: Order) -> None:
    """Bring an order to its bank, or news of it back: one request, two where the bank never heard of it."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        if found.holder is not None:
            await restriction.hold_still(connection, found.holder)
        if (await order.lock(connection, [found.id]))[found.id].version != found.version:
            return  # another worker or the bank itself was faster
        partner = await registry.find(connection, found.partner)
        untold = await _may_not_be_told(connection, found, partner, at=story.now)
        if (is_new := found.state is State.REQUESTED) and untold is None:
            found = await _leave(connection, found, at=story.now)
    if is_new and untold is not None:
        await _give_up(house, found, untold)
        return
    answer = Unheard() if is_new else await json_bank.look(house, partner, f"/orders/{found.key}", Told)
    if isinstance(answer, Unheard):
        body = msgspec.json.encode(await _request(house, partner, found), order="deterministic")
        answer = await json_bank.ask(house, partner, "/orders", Told, named=found.key, body=body)
    await _learn(house, found, answer)


async def _may_not_be_told(connection: AsyncConnection, found: Order, partner: Partner, *, at: datetime) -> str | None:
    """Say why the bank may not be asked; None where it may.

    A withdrawal of the consent and a restriction work from now on: on what the bank was asked for before, it is heard
    to the end. Whoever restricts waits for who asks, and the other way round: one of the two is first.
    """
    if partner.state is not registry.State.ACTIVE:
        return "partner_not_active"
    if found.holder is None:
        return None
    operation = counting.stopped_as(found)
    if operation is not None and await restriction.stops(connection, found.holder, operation, at=at):
        return "restricted"
    if found.kind in _BY_CONTRACT:
        return None
    [missing] = await consent.towards(connection, [(found.holder, found.partner)], at=at)
    return "consent_withdrawn" if missing else None


async def _leave(connection: AsyncConnection, found: Order, *, at: datetime) -> Order:
    """Write down that the bank is about to be asked, of an order that is locked; raises NotSetAside."""
    if found.kind not in order.ERRANDS:
        holds = ledger.hold.c
        query = select(holds.remaining).where((holds.lane == found.lane) & (holds.id == found.id))
        if (await connection.scalar(query) or 0) < (found.money + found.fee).minor:
            raise NotSetAside
    due_at = clock.real() + ASK_AFTER
    [left] = await order.record(connection, [Change(order=found, act=Act.SEND, at=at, actor="system", due_at=due_at)])
    return left


async def _give_up(house: House, found: Order, why: str) -> None:
    """End an order the bank was never asked for."""
    if found.kind in order.ERRANDS:
        said = Told(order_id=found.key, status="rejected", reason=why)
        await errands.conclude(house, found, Act.REJECT, said, actor="system")
        return
    ending = {"act": Act.REJECT, "reason": why, "version": found.version}
    if trouble := await concluding.submit(house, found, ending, actor="system"):
        async with db.transaction(house.worker) as story:
            await _later(await story(), found, trouble)


async def _learn(house: House, asked: Order, answer: Told | Unheard | Unreachable) -> None:
    """Record what the bank answered, unless a webhook was faster."""
    if isinstance(answer, Told) and answer.order_id != asked.key:
        answer = Unreachable("answered about something else")
    try:
        news = isinstance(answer, Told) and answer.status != "pending"
        if isinstance(answer, Told) and news:
            await hearing.heard(house, asked, answer)
            return
        trouble = "no decision yet"
    except (Unfit, TooEarly) as error:
        _log.error("bank_disagrees", order=str(asked.id), why=error.why)
        trouble = error.why
    async with db.transaction(house.worker) as story:
        connection = await story()
        found = (await order.lock(connection, [asked.id]))[asked.id]
        if found.version == asked.version:
            await _waits(connection, found, answer, trouble, at=story.now)


async def _waits(
    connection: AsyncConnection, found: Order, answer: Told | Unheard | Unreachable, trouble: str, *, at: datetime
) -> None:
    """Look again later: soon where nothing is known, in a while where the bank is at work."""
    if isinstance(answer, Told):
        if found.state is State.UNKNOWN:
            due_at = clock.real() + ASK_AFTER
            known = Change(order=found, act=Act.FIND, at=at, actor=f"partner:{found.partner}", due_at=due_at)
            await order.record(connection, [known])
        else:
            await order.postpone(connection, found, due_at=clock.real() + ASK_AFTER, trouble=trouble)
        return
    trouble = answer.trouble if isinstance(answer, Unreachable) else "the bank never heard of it"
    if found.state is State.SENT:
        due_at = clock.real() + _BACKOFF_FIRST
        lost = Change(order=found, act=Act.LOSE, at=at, actor="system", due_at=due_at, trouble=trouble[:200])
        await order.record(connection, [lost])
    else:
        await _later(connection, found, trouble)


async def _later(connection: AsyncConnection, found: Order, trouble: str) -> None:
    """Try the order's step again, later the more often it was tried."""
    doublings = min(found.attempts, 20)
    due_at = clock.real() + min(_BACKOFF_FIRST * (1 << doublings), _BACKOFF_MAX)
    await order.postpone(connection, found, due_at=due_at, trouble=trouble)


async def _request(house: House, partner: Partner, found: Order) -> Request:
    """Write down what the bank is asked for; what is sealed is opened for its owner only."""
    plain = Request(order_id=found.key, kind=found.kind, amount_minor=found.amount_minor, currency=found.currency.value)
    if found.holder is None:
        async with db.transaction(house.worker) as story:
            payment = await (await story()).scalar(
                select(tables.incoming.c.payment_id).where(tables.incoming.c.id == found.about)
            )
        return msgspec.structs.replace(plain, payment_id=payment)
    client = house.keys.kms.blind(f"depositor/{partner.code}", str(found.holder))[:16].hex()
    told = msgspec.structs.replace(plain, client=client, rail=found.rail or "")
    async with db.transaction(house.api, holder=found.holder, actor="service:banking", operation="banking") as story:
        return await _about(await story(), house, found, told, at=story.now)


async def _about(connection: AsyncConnection, house: House, found: Order, told: Request, *, at: datetime) -> Request:
    assert found.holder is not None, "a resident's"
    if found.kind in {Kind.PAYOUT, Kind.NAME_CHECK}:
        safe = await vault.existing(connection, house.keys.kms, found.holder)
        saved = await beneficiary.details(connection, safe, found.about)
        return msgspec.structs.replace(told, payee=Payee(saved.name, saved.iban))
    if found.kind is Kind.ACCOUNT:
        who = await person.identified(connection, house.keys.kms, found.holder, calendar.statutory_date(at))
        return msgspec.structs.replace(told, payee=Payee(f"{who.given} {who.surname}"))
    if found.kind is Kind.EXCHANGE:
        return await _exchange(connection, found, told)
    return msgspec.structs.replace(told, account=_shown(found.about))


async def _exchange(connection: AsyncConnection, found: Order, told: Request) -> Request:
    quotes = tables.fx_quote.c
    quote = await connection.scalar(select(quotes.bank_quote).where(quotes.id == found.quote))
    accounts = tables.bank_account.c
    # One the bank refused before stands for the same money as the one it opened then.
    mine = accounts.account.in_([found.source, found.target]) & (accounts.state == "open")
    query = select(accounts.account, accounts.id).where(mine)
    at_bank = {row.account: _shown(row.id) for row in await connection.execute(query)}
    return msgspec.structs.replace(
        told,
        quote=quote,
        gets_minor=found.gets_minor,
        gets_currency=found.gets_currency,
        sells_from=at_bank.get(found.source, "wallet"),
        buys_to=at_bank.get(found.target, "wallet"),
    )


def _shown(account: UUID) -> str:
    return order.show(Kind.ACCOUNT, account)
