"""Campaigns begun, turned and worked at as officers and the worker do: shared by the tests of migrations."""

import itertools
from datetime import datetime
from types import ModuleType
from uuid import UUID

import msgspec

from app import db, ids
from app.cards import campaigns
from app.money import Money
from cards import card as cards_card
from cards.card import Card
from cards.programme import campaign, rounds
from cards.programme.campaign import Act, Campaign, Outcome
from law.regime import Phase, Regime
from tests.cards import made
from tests.conftest import Engines

SMALL_BATCH = 25
LICENCE = "NBK-LICENCE-1"


def licensed(sandbox: Regime, *, notice: str | None = None) -> Regime:
    """Answer the regime after the sandbox, with another notice if so."""
    told = msgspec.structs.replace(sandbox.notice, version=notice or sandbox.notice.version)
    return msgspec.structs.replace(sandbox, phase=Phase.LICENSED, basis=LICENCE, notice=told)


async def begun(engines: Engines, wanted: Campaign, *, at: datetime = made.AT) -> UUID:
    async with db.transaction(engines.api, audience="officer") as story:
        await campaign.propose(await story(), wanted)
    await turned(engines, wanted.id, Act.APPROVE, "officer:two", at=at)
    return wanted.id


async def turned(
    engines: Engines, wanted: UUID, act: Act, actor: str = "officer:one", *, at: datetime = made.AT
) -> Campaign:
    async with db.transaction(engines.api, audience="officer") as story:
        return await campaign.turn(await story(), wanted, act, actor=actor, at=at)


def moving(sandbox: Regime, to: Regime | None = None) -> Campaign:
    return campaign.migration(ids.new(), sandbox.basis, to or licensed(sandbox), actor="officer:one", at=made.AT)


async def worked(
    engines: Engines, wanted: UUID, *, at: datetime = made.AT, batch: int = SMALL_BATCH, by: ModuleType = rounds
) -> Campaign:
    """Work at a campaign as the worker does, a transaction for each batch, until it waits or is done."""
    while True:
        async with db.transaction(engines.worker) as story:
            running = await campaign.locked(await story(), wanted)
            if running.due_at is None or running.due_at > at:
                return running
            await by.advance(await story(), running, actor=campaigns.ACTOR, at=at, batch=batch)


async def spenders(engines: Engines, money: Money, count: int, sandbox: Regime) -> list[Card]:
    """Bring up residents with a card each on one wallet with money in it."""
    first = await made.spender(engines, money, 1_000)
    requests = [made.asked(ids.new(), first.account) for _ in range(count)]
    return [await made.ordered(engines, request, sandbox) for request in requests]


async def bases(engines: Engines, cards: list[Card]) -> dict[str, int]:
    async with engines.report.connect() as connection:
        found = await cards_card.find_all(connection, [card.id for card in cards])
    return {
        basis: len(list(each))
        for basis, each in itertools.groupby(sorted(card.issuance_basis for card in found.values()))
    }


async def outcomes(engines: Engines, wanted: UUID) -> dict[Outcome, int]:
    async with engines.report.connect() as connection:
        return await campaign.counts(connection, wanted)
