"""Asking a bank: for a new deposit, or what became of one it has not spoken about.

asks       app/partners/json_bank.py   place(), status()
learns     app/partners/placements.py  heard()      the same words as by webhook, whichever come first

That the bank is being asked is written down before it is asked; whatever happens then, it is asked again under the
same key. No transaction is open while the network is.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db
from app.account import consent
from app.house import House
from app.partners import json_bank, placements, registry
from app.partners.json_bank import Answer, Deposit, Unheard, Unreachable
from app.partners.message import TooEarly, Unfit
from app.partners.placements import Opened, Over, Refused, Said
from app.partners.registry import Partner
from app.restrictions import restriction
from invest import placement, product
from invest.life import Act, State
from invest.placement import Change, Placement
from wallet.limit import Operation

#: A bank tells by webhook within moments; when it has not, we ask.
ASK_AFTER = timedelta(seconds=30)
_BACKOFF_FIRST = timedelta(seconds=2)
_BACKOFF_MAX = timedelta(hours=1)
#: Why a bank that never heard of a placement is not asked again: the resident's own matter, not the bank's.
_STOPPED = frozenset({"consent_withdrawn", "restricted"})

_log = structlog.get_logger()


async def ask(house: House, found: Placement) -> None:
    """Bring a placement to its bank, or news of it back: one request, two where the bank never heard of it."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        await restriction.hold_still(connection, found.holder)
        partner = await registry.find(connection, found.partner)
        offer = (await product.by_terms(connection, [found.terms]))[found.terms]
        untold = await _may_not_be_told(connection, found, partner, at=story.now)
        if is_new := found.state is State.REQUESTED:
            found = await _leave(connection, found, untold, at=story.now)
    if found.state is State.REJECTED:
        return
    answer: Answer = Unheard() if is_new else await json_bank.status(house, partner, found.id)
    if isinstance(answer, Unheard) and found.state is not State.BOOKED:
        if untold in _STOPPED:
            async with db.transaction(house.worker) as story:
                await _leave(await story(), found, untold, at=story.now)
            return
        answer = await json_bank.place(house, partner, json_bank.order(house, partner, found, offer))
    async with db.transaction(house.worker) as story:
        await _learn(await story(), found, answer, at=story.now)


async def later(connection: AsyncConnection, found: Placement, trouble: str) -> None:
    """Try the placement's step again, later the more often it was tried."""
    doublings = min(found.attempts, 20)
    due_at = clock.real() + min(_BACKOFF_FIRST * (1 << doublings), _BACKOFF_MAX)
    await placement.postpone(connection, found, due_at=due_at, trouble=trouble)


async def _may_not_be_told(
    connection: AsyncConnection, found: Placement, partner: Partner, *, at: datetime
) -> str | None:
    """Say why the bank may not be asked for the placement; None where it may.

    A withdrawal of the consent and a restriction work from now on: what the bank was asked for before is heard to the
    end.
    """
    if partner.state is not registry.State.ACTIVE:
        return "partner_not_active"
    if await restriction.stops(connection, found.holder, Operation.INVEST, at=at):
        return "restricted"
    [missing] = await consent.towards(connection, [(found.holder, found.partner)], at=at)
    return "consent_withdrawn" if missing else None


async def _leave(connection: AsyncConnection, found: Placement, untold: str | None, *, at: datetime) -> Placement:
    """Write down that the bank is about to be asked, or why it can't be."""
    locked = (await placement.lock(connection, [found.id]))[found.id]
    if locked.version != found.version:  # a webhook was faster: it was told
        return locked
    now = clock.real()
    change = (
        Change(placement=locked, act=Act.SEND, at=at, actor="system", due_at=now + ASK_AFTER)
        if untold is None
        else Change(placement=locked, act=Act.REJECT, at=at, actor="system", due_at=now, reason=untold)
    )
    return (await placement.record(connection, [change]))[0]


async def _learn(connection: AsyncConnection, asked: Placement, answer: Answer, *, at: datetime) -> None:
    """Record what the bank answered, unless a webhook was faster."""
    found = (await placement.lock(connection, [asked.id]))[asked.id]
    if found.version != asked.version:
        return
    if isinstance(answer, Deposit):
        await _heed(connection, found, answer, at)
        return
    trouble = answer.trouble if isinstance(answer, Unreachable) else "the bank never heard of it"
    if found.state is State.SENT:
        due_at = clock.real() + _BACKOFF_FIRST
        lost = Change(placement=found, act=Act.LOSE, at=at, actor="system", due_at=due_at, trouble=trouble)
        await placement.record(connection, [lost])
    else:
        await later(connection, found, trouble)


async def _heed(connection: AsyncConnection, found: Placement, deposit: Deposit, at: datetime) -> None:
    said = _said(found, deposit)
    if said is None and found.state is State.UNKNOWN:
        due_at = clock.real() + ASK_AFTER
        known = Change(placement=found, act=Act.FIND, at=at, actor=f"partner:{found.partner}", due_at=due_at)
        await placement.record(connection, [known])
        return
    if said is None:
        await placement.postpone(connection, found, due_at=clock.real() + ASK_AFTER, trouble="no decision yet")
        return
    try:
        await placements.heard(connection, found.id, found.partner, said, at=at)
    except (Unfit, TooEarly) as error:
        _log.error("bank_disagrees", placement=str(found.id), why=error.why)
        await later(connection, found, error.why)


def _said(found: Placement, deposit: Deposit) -> Said | None:
    """Read the bank's answer as the webhook it would have sent; None where it says nothing new yet."""
    reference = deposit.bank_reference or ""
    if deposit.status == "rejected":
        return Refused(placement_id=deposit.placement_id, reason=deposit.reason or "not_said")
    if found.state is State.BOOKED:
        paid = deposit.principal_minor + deposit.interest_minor
        over = Over(
            placement_id=deposit.placement_id, bank_reference=reference, paid_minor=paid, currency=deposit.currency
        )
        return over if deposit.status == "matured" else None
    if deposit.status == "pending":
        return None
    return Opened(
        placement_id=deposit.placement_id,
        bank_reference=reference,
        principal_minor=deposit.principal_minor,
        interest_minor=deposit.interest_minor,
        currency=deposit.currency,
        starts_on=deposit.starts_on,
        matures_on=deposit.matures_on,
    )
