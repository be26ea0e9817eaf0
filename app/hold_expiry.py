"""The worker's step for holds: what nobody captured in time goes back to whoever it was set aside from.

finds      app/hold_expiry.py      step()       <- you are here
gives back wallet/holds.py         release()    by a transfer of the kind `expire`, never by a deletion

Holds without a time of their own are ended by the room that placed them, such as a card's by app/cards/work.py.
"""

import asyncio
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import text

from app import db, ids
from app.house import House
from app.idempotency_key import Stored
from app.money import claim
from wallet.transfer import Answer, HoldId, Kind, Posted, Release, TransferId

SIZE_MAX = 500
CODE = "hold_expired"

_DUE = text(
    """
    SELECT lane, id FROM wallet.hold WHERE remaining > 0 AND expires_at <= :at ORDER BY expires_at, id LIMIT :size
    """
)


class Due(NamedTuple):
    """A hold whose time is over."""

    lane: int
    id: HoldId


async def step(house: House) -> int:
    """Give back what is due, lane by lane; answers how many holds ended.

    Nothing is claimed beforehand: under its lane's lock each hold ends once, however many workers found it due.
    """
    async with db.transaction(house.worker) as story:
        rows = (await (await story()).execute(_DUE, {"at": story.now, "size": SIZE_MAX})).all()
    due = sorted(Due(row.lane, HoldId(row.id)) for row in rows)
    lanes = [(lane, list(found)) for lane, found in itertools.groupby(due, key=lambda each: each.lane)]
    return sum(await asyncio.gather(*(_end(house, lane, found) for lane, found in lanes)))


async def _end(house: House, lane: int, found: Sequence[Due]) -> int:
    moves = [
        Release(id=TransferId(ids.new()), hold=each.id, code=CODE, reference=str(each.id), kind=Kind.EXPIRE)
        for each in found
    ]
    # An attempt has a name of its own: what it did is seen at the holds.
    named = claim("hold-expiry", str(ids.new()), [each.id for each in found])
    reply = await house.money.move(moves, lanes=[lane], claim=named, render=_count)
    return msgspec.json.decode(reply.stored.body, type=int)


def _count(answers: Sequence[Answer]) -> Stored:
    return Stored(200, msgspec.json.encode(sum(isinstance(answer, Posted) for answer in answers)))
