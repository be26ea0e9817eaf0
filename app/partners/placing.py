"""Placements on their way: once confirmed, step by step brought to the bank and back by the worker.

requested, sent, unknown  the bank is asked                        app/partners/asking.py     ask()
booked, past its term     the bank is asked
confirmed                 the money set aside goes to the bank     invest/settlement.py       book()
rejected                  the money is free again                  app/partners/placing.py    release()
matured                   principal and interest come back         invest/settlement.py       repay()
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import structlog

from app import clock, db, ids
from app.allowance import Allowances, Spend
from app.batch import Verb
from app.house import House
from app.idempotency_key import Stored
from app.money import claim
from app.partners import asking, registry
from invest import placement, settlement
from invest.life import State
from invest.placement import Placement
from invest.settlement import Blocked, Due, Settled
from law import calendar
from wallet.account import Purpose
from wallet.desk import Desk
from wallet.limit import Operation

SIZE_MAX = 20
_LEASE = timedelta(seconds=60)

_log = structlog.get_logger()


async def release(desk: Desk, asked: Sequence[Due]) -> Sequence[Settled]:
    """Free the money, and with it what was counted of the resident's limits: a verb for app/batch.py."""
    answers = await settlement.release(desk, asked)
    freed = [each for each in answers if isinstance(each, Placement)]
    spends = [Spend(each.holder, Operation.INVEST, each.principal) for each in freed]
    allowances = await Allowances.load(desk, spends)
    for each, spend in zip(freed, spends, strict=True):
        allowances.give_back(spend, each.requested_at)
    allowances.write()
    return answers


#: Whose money is to move, and how.
_MOVES: dict[State, Verb] = {
    State.CONFIRMED: settlement.book,
    State.REJECTED: release,
    State.MATURED: settlement.repay,
}


async def step(house: House) -> int:
    """Bring the placements that are due one step further; answers how many were taken."""
    now = clock.real()
    async with db.transaction(house.worker) as story:
        today = calendar.statutory_date(story.now)
        taken = await placement.claim(await story(), now=now, until=now + _LEASE, today=today, limit=SIZE_MAX)
    await asyncio.gather(*(_advance(house, found) for found in taken))
    return len(taken)


async def _advance(house: House, found: Placement) -> None:
    try:
        if found.state in _MOVES:
            await _settle(house, found)
        else:
            await asking.ask(house, found)
    except Exception as error:  # noqa: BLE001  one placement's fault must not stop the others; it stays due
        _log.error("placement_failed", placement=str(found.id), state=found.state, exc_info=error)
        async with db.transaction(house.worker) as story:
            await asking.later(await story(), found, type(error).__name__)


async def _settle(house: House, found: Placement) -> None:
    """Move the money; the act is written in the same batch, so a repeat finds it done."""
    home = await house.money.wallet(found.holder)
    async with db.transaction(house.worker) as story:
        partner = await registry.find(await story(), found.partner)
    due = Due(
        placement=found.id,
        first=ids.new(),
        second=ids.new(),
        wallet=home.account,
        settlement=await house.money.operator(Purpose.INVEST_SETTLEMENT, lane=home.lane, label=partner.code),
        bank=await house.money.operator(Purpose.BANK, lane=home.lane, label=partner.code),
        actor="system",
    )
    # Named by the attempt: a refusal of the ledger is stored as its answer, and a later attempt may fare better.
    name = claim("placement", f"{found.id}/{found.version}/{found.attempts}", found.state)
    reply = await house.money.submit(_MOVES[found.state], [due], lanes=[home.lane], claim=name, render=_render_settled)
    if trouble := msgspec.json.decode(reply.stored.body, type=str):
        _log.error("placement_blocked", placement=str(found.id), state=found.state, why=trouble)
        async with db.transaction(house.worker) as story:
            await asking.later(await story(), found, trouble)


def _render_settled(answers: Sequence[Settled]) -> Stored:
    trouble = f"ledger: {answers[0].reason}" if isinstance(answers[0], Blocked) else ""
    return Stored(200, msgspec.json.encode(trouble))
