"""Small steps of the worker: promises end, what was lent is asked back, what came loose is matched, a key is renewed.

finds      app/cards/work.py           lapse(), recover(), match()      <- you are here
batches    app/cards/swiping.py        Till.book
does       cards/payments/expiry.py    cards/payments/recovery.py  cards/payments/matching.py

Nothing is claimed beforehand: under its lane's lock each is done once, however many workers found it due.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from app import db, ids
from app.house import House
from app.idempotency_key import Stored
from app.money import claim
from cards.payments import expiry, matching, recovery
from cards.payments.message import HouseMessage, Match

SIZE_MAX = 200


async def lapse(house: House) -> int:
    """End the promises whose time is over; answers how many ended."""
    async with db.transaction(house.worker) as story:
        due = await expiry.due(await story(), at=story.now, limit=SIZE_MAX)
    return await _hand_in(house, due)


async def recover(house: House) -> int:
    """Ask wallets for what was lent to them, at the end of each day; answers how many paid something."""
    async with db.transaction(house.worker) as story:
        due = await recovery.due(await story(), at=story.now, limit=SIZE_MAX)
    return await _hand_in(house, due)


async def match(house: House) -> int:
    """Find what refunds and clearings are about that came under another name; answers how many were looked at."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        looked = await matching.due(connection, at=story.now, limit=SIZE_MAX)
        pairs = await matching.find(connection, looked)
        await matching.link(connection, [pair for pair in pairs if not matching.frees(pair)], at=story.now)
        await matching.look_later(connection, looked, at=story.now)
    freed = [
        Match(lane=pair.loose.lane, payment=pair.about, taken=pair.loose.payment, confidence=pair.confidence)
        for pair in pairs
        if matching.frees(pair)
    ]
    await _hand_in(house, freed)
    return len(looked)


async def _hand_in(house: House, messages: Sequence[HouseMessage]) -> int:
    return sum(await asyncio.gather(*(_done(house, message) for message in messages)))


async def _done(house: House, message: HouseMessage) -> bool:
    # An attempt has a name of its own: one that found nothing to do (the merchant prolonged the promise, the clock was
    # set back) must not be what every later one is answered with.
    named = claim("card-work", f"{message.payment}/{ids.new()}", message)
    reply = await house.money.submit(house.till.book, [message], lanes=[message.lane], claim=named, render=_came_of_it)
    return msgspec.json.decode(reply.stored.body, type=bool)


def _came_of_it(answers: Sequence[bool]) -> Stored:
    return Stored(200, msgspec.json.encode(answers[0]))


async def renew_letter_keys(house: House) -> int:
    """Replace the key that phones write PINs to when it is a month old; answers whether it was."""
    return await house.card_keys.renew()
