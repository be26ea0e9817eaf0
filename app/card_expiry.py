"""The worker's step for card payments: promises to merchants end when their time is over.

finds      app/card_expiry.py      step()              <- you are here
batches    app/swiping.py          book()
lapses     cards/expiry.py         lapse()
"""

import asyncio
from collections.abc import Sequence

import msgspec

from app import db, ids, swiping
from app.house import House
from app.idempotency_key import Stored
from app.money import claim
from cards import expiry
from cards.message import Lapse

SIZE_MAX = 200


async def step(house: House) -> int:
    """End what is due; answers how many promises ended.

    Nothing is claimed beforehand: under its lane's lock each promise ends once, however many workers found it due.
    """
    async with db.transaction(house.worker) as story:
        due = await expiry.due(await story(), at=story.now, limit=SIZE_MAX)
    return sum(await asyncio.gather(*(_end(house, lapse) for lapse in due)))


async def _end(house: House, lapse: Lapse) -> bool:
    # An attempt has a name of its own: one that found nothing to end (the merchant prolonged the promise, the clock was
    # set back) must not be what every later one is answered with.
    named = claim("card-expiry", f"{lapse.payment}/{ids.new()}", lapse)
    reply = await house.money.submit(swiping.book, [lapse], lanes=[lapse.lane], claim=named, render=_ended)
    return msgspec.json.decode(reply.stored.body, type=bool)


def _ended(answers: Sequence[bool]) -> Stored:
    return Stored(200, msgspec.json.encode(answers[0]))
