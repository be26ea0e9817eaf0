"""The worker's step for card payments: promises to merchants end when their time is over.

finds      app/card_expiry.py      step()              <- you are here
batches    cards/booking.py        book()
lapses     cards/expiry.py         lapse()
"""

import asyncio
from collections.abc import Sequence

from app import db
from app.house import House
from app.idempotency_key import Stored
from app.money import claim
from cards import booking, expiry
from cards.message import Lapse

SIZE_MAX = 200


async def step(house: House) -> int:
    """End what is due; answers how many promises that was.

    Nothing is claimed beforehand: under its lane's lock each promise ends once, however many workers found it due.
    """
    async with db.transaction(house.worker) as story:
        due = await expiry.due(await story(), at=story.now, limit=SIZE_MAX)
    await asyncio.gather(*(_end(house, lapse) for lapse in due))
    return len(due)


async def _end(house: House, lapse: Lapse) -> None:
    named = claim("card-expiry", f"{lapse.payment}/{lapse.due_at.isoformat()}", lapse)
    await house.money.submit(booking.book, [lapse], lanes=[lapse.lane], claim=named, render=_done)


def _done(_: Sequence[object]) -> Stored:
    return Stored(200, b"{}")
