"""All cards moved to another basis and back, again and again, while they are used: what that costs who pays.

Two officers begin each move, the worker's own step does it a batch at a time (cards/programme/rounds.py), as it would
move the cards of the sandbox to those of a licence.
"""

import asyncio

import msgspec

from app import db, ids
from app.cards import campaigns
from app.house import House
from cards.programme import campaign
from cards.programme.campaign import Act
from law import calendar
from law.regime import PROGRAMME, Regime

#: What the cards move to, as no regime of the installation is called.
ELSEWHERE = "NBK-LICENCE-BENCH"


async def to_and_fro(house: House, over: asyncio.Event) -> int:
    """Move every card until it is `over`; answers how many were moved, each time it was."""
    moved = 0
    async with db.transaction(house.report) as story:
        here = PROGRAMME.at(calendar.statutory_date(story.now))
    there = msgspec.structs.replace(here, basis=ELSEWHERE)
    while not over.is_set():
        moved += await _move(house, here.basis, there)
        here, there = there, here
    return moved


async def _move(house: House, basis: str, to: Regime) -> int:
    async with db.transaction(house.api, audience="officer") as story:
        connection = await story()
        wanted = campaign.migration(ids.new(), basis, to, actor="officer:one", at=story.now)
        await campaign.propose(connection, wanted)
    async with db.transaction(house.api, audience="officer") as story:
        await campaign.turn(await story(), wanted.id, Act.APPROVE, actor="officer:two", at=story.now)
    while await campaigns.step(house):
        pass
    async with db.transaction(house.report) as story:
        return sum((await campaign.counts(await story(), wanted.id)).values())
