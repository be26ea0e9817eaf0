"""Disputes move: what somebody does to one goes into the batch, and what is due by the clock is done by the worker.

routes     app/http/mobile/disputes.py, app/http/officer/disputes.py, app/http/partner/network_disputes.py
batches    app/cards/disputing.py      submit()        <- you are here
decides    cards/disputes/acting.py    act()
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db, ids
from app.batch import Render, Reply
from app.house import House
from app.idempotency_key import Claim, Stored
from app.money import claim
from cards.disputes import acting, due, life, link, write_off
from cards.disputes.acting import Doing
from cards.disputes.dispute import Dispute
from cards.disputes.due import Due
from cards.disputes.life import WrongState
from cards.disputes.link import Heard
from cards.disputes.write_off import Deciding

SIZE_MAX = 100
_Page = Callable[[AsyncConnection, datetime, UUID | None], Awaitable[Sequence[Due]]]

_log = structlog.get_logger()


class Unheard(Exception):
    """What the network tells does not go with where the dispute is: it is told again, and somebody looks."""


async def submit(house: House, about: Dispute, doing: Doing, *, claim: Claim, render: Render) -> Reply:
    """Let something happen to a dispute that is known to exist; `render` gets the Answer."""
    return await house.money.submit(acting.act, [doing], lanes=[about.lane], claim=claim, render=render)


async def decide(house: House, about: Dispute, said: Deciding, *, claim: Claim, render: Render) -> Reply:
    """Let an officer decide a write-off of a dispute; `render` gets the write_off.Answer."""
    return await house.money.submit(write_off.settle, [said], lanes=[about.lane], claim=claim, render=render)


async def hear(house: House, about: Dispute, heard: Heard) -> bool:
    """Act on what the network of a dispute tells, once; raises Unheard, app.idempotency_key.Reused.

    Answers whether it happened, now or before. What comes when the dispute is over changes nothing: should money move
    by it, the settlement file shows a break.
    """
    act = link.act(heard)
    # A ruling of nothing is about all of it.
    minor = heard.amount_minor or None
    doing = Doing(
        dispute=about.id,
        act=act,
        actor=f"network:{about.network}",
        minor=minor,
        source=heard.event_id,
        why=heard.reason,
    )
    # An attempt has a name of its own: the dispute itself knows what it heard, and what came too early may come again.
    named = claim(f"network:{about.network}", f"dispute {about.id} {heard.event_id} {ids.new()}", heard)
    reply = await submit(house, about, doing, claim=named, render=_outcome)
    if reply.stored.status == _REFUSED:
        raise Unheard
    return reply.stored.status == _DONE


async def step(house: House) -> int:
    """Do what is due: remind, credit, take back, let lapse, let go of what merchants refunded, collect what is owed.

    Answers how many things it did.
    """
    return await _all(house, _due) + await _all(house, _refunded) + await _all(house, _owed)


async def _all(house: House, page: _Page) -> int:
    """Do everything there is, page by page: what fails stays due, and is in nobody's way."""
    done, after = 0, None
    while True:
        async with db.transaction(house.worker) as story:
            found = await page(await story(), story.now, after)
        done += sum(await asyncio.gather(*(_try(house, each) for each in found)))
        if len(found) < SIZE_MAX:
            return done
        after = found[-1].dispute


async def _due(connection: AsyncConnection, now: datetime, after: UUID | None) -> Sequence[Due]:
    return await due.find(connection, at=now, limit=SIZE_MAX, after=after)


async def _refunded(connection: AsyncConnection, _: datetime, after: UUID | None) -> Sequence[Due]:
    return await due.refunded(connection, limit=SIZE_MAX, after=after)


async def _owed(connection: AsyncConnection, _: datetime, after: UUID | None) -> Sequence[Due]:
    return await due.owed(connection, limit=SIZE_MAX, after=after)


async def _try(house: House, found: Due) -> int:
    try:
        return await _do(house, found)
    except Exception as error:  # noqa: BLE001  one dispute's fault must not stop the others; it stays due
        _log.error("dispute_step_failed", dispute=str(found.dispute), exc_info=error)
        return 0


async def _do(house: House, found: Due) -> int:
    done = 0
    for doing in found.doings:
        named = claim("disputes", f"{doing.dispute}/{ids.new()}", doing)
        reply = await house.money.submit(acting.act, [doing], lanes=[found.lane], claim=named, render=_outcome)
        done += reply.stored.status == _DONE
    return done


_DONE = 200
_OVER = 410
_REFUSED = 409


def _outcome(answers: Sequence[acting.Answer]) -> Stored:
    """Encode an answer nobody reads over HTTP: whether it was done."""
    [answer] = answers
    if isinstance(answer, Dispute):
        return Stored(_DONE, msgspec.json.encode(answer.state))
    if isinstance(answer, WrongState) and answer.state in life.ENDED:
        _log.warning("dispute_over", act=answer.act, state=answer.state)
        return Stored(_OVER, b"null")
    _log.warning("dispute_refused", refusal=type(answer).__name__)
    return Stored(_REFUSED, b"null")


def open_to(about: Dispute, who: life.Who, *, filed: bool) -> list[life.Act]:
    """List what somebody may do to a dispute where it is."""
    return [
        act
        for act, whose in life.WHO.items()
        if whose is who
        and life.after(about.state, act, about.turn) is not None
        and not (filed and act in _BEFORE_FILING)
    ]


_BEFORE_FILING = frozenset({life.Act.ASK, life.Act.FILE, life.Act.REFUSE})

__all__ = ["Unheard", "WrongState", "decide", "hear", "open_to", "step", "submit"]
