"""A resident asks a bank for something that moves money: confirmed, allowed, set aside and written, in one batch.

route      app/http/mobile/payouts.py, bank_transfers.py, exchange.py
asks       app/banking/requesting.py   submit()
decides    app/banking/requesting.py   request()     <- you are here, a verb of app/batch.py
moves      wallet/desk.py              place()       the hold has the order's id
goes on    app/banking/asking.py       step()
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from uuid import UUID

import msgspec
from sqlalchemy import text

from app import clock
from app.account import consent
from app.account.consent import ConsentMissing
from app.allowance import Allowances, LimitReached, Restricted, Spend
from app.auth.confirmed import Confirmations, Confirmed, Refusal
from app.banking import arriving, booking, order
from app.banking.booking import Places
from app.banking.order import Kind, Order
from app.batch import Render, Reply
from app.house import House
from app.idempotency_key import Claim
from wallet.desk import Desk
from wallet.limit import Operation
from wallet.transfer import Refused


class QuoteExpired(Exception):
    """The bank's offer is over; ask for a new one."""


class QuoteUsed(Exception):
    """The exchange was asked for already; a quote is good for one."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A new order and what stands behind it. `good_until` is when its quote expires, by the installation's clock."""

    order: Order
    places: Places
    confirmed: Confirmed
    actor: str
    good_until: datetime | None = None


Answer = Order | Refused | Refusal | Restricted | LimitReached | QuoteExpired | QuoteUsed | ConsentMissing


async def submit(house: House, asked: Asked, *, claim: Claim, render: Render) -> Reply:
    """Hand an order in; `render` gets the Answer."""
    return await house.money.submit(request, [asked], lanes=[asked.order.lane], claim=claim, render=render)


async def request(desk: Desk, asked: Sequence[Asked]) -> Sequence[Answer]:
    """Decide about new orders, one after the other: a verb for app/batch.py."""
    if not asked:
        return []
    confirmations = await Confirmations.load(desk.db, (each.confirmed for each in asked))
    coming = await arriving.load(desk, (each.order for each in asked))
    spends = [arriving.spends(each.order, coming) for each in asked]
    allowances = await Allowances.load(desk, chain.from_iterable(spends))
    for holder, (_, money) in coming.items():
        allowances.count(Spend(holder, Operation.RECEIVE, money), desk.now)
    used = await _used(desk, asked)
    await desk.load(account for each in asked for account in (*booking.accounts(each.order), *each.places.all()))
    missing = await consent.towards(desk.db, [_told(each) for each in asked], at=desk.now)
    answers = [
        lacking
        if lacking is not None and each.order.kind is not Kind.PAYOUT  # one's own money leaves by contract
        else _decide(desk, confirmations, allowances, each, taking, used)
        for each, taking, lacking in zip(asked, spends, missing, strict=True)
    ]
    taken = [answer for answer in answers if isinstance(answer, Order)]
    actors = {each.order.id: each.actor for each in asked}
    for actor in sorted(set(actors.values())):
        mine = [each for each in taken if actors[each.id] == actor]
        await order.insert(desk.db, mine, actor=actor, due_at=clock.real())
    await confirmations.write()
    allowances.write()
    return answers


def _decide(  # noqa: PLR0917  what is known of the whole batch, and of one item
    desk: Desk,
    confirmations: Confirmations,
    allowances: Allowances,
    asked: Asked,
    spends: Sequence[Spend],
    used: set[UUID],
) -> Answer:
    new = asked.order
    if (refusal := confirmations.claim(asked.confirmed)) is not None:
        return refusal
    if asked.good_until is not None and desk.now >= asked.good_until:
        return QuoteExpired()
    if new.quote is not None and new.quote in used:
        return QuoteUsed()
    if (stop := allowances.claim_all(spends)) is not None:
        return stop
    answer = desk.place(booking.hold(new, asked.places))
    if isinstance(answer, Refused):
        for spend in spends:
            allowances.give_back(spend)
        return answer
    confirmations.use(asked.confirmed)
    if new.quote is not None:
        used.add(new.quote)
    return msgspec.structs.replace(new, requested_at=desk.now)


def _told(asked: Asked) -> tuple[UUID, UUID]:
    assert asked.order.holder is not None, "a resident asks"
    return asked.order.holder, asked.order.partner


async def _used(desk: Desk, asked: Sequence[Asked]) -> set[UUID]:
    quotes = [each.order.quote for each in asked if each.order.quote is not None]
    if not quotes:
        return set()
    return set(await desk.db.scalars(_USED, {"quotes": quotes}))


_USED = text("SELECT quote FROM app.bank_order WHERE quote = ANY(:quotes)")
