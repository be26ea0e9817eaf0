"""Revision 0023 restates the history of cards in new words: what was frozen is, both ways, and what ended has ended."""

import pytest
from sqlalchemy import text

from app import migrate
from app.money import Money
from cards.card import Act, Closing, Owner, State
from tests.cards import made
from tests.conftest import Engines

pytestmark = pytest.mark.asyncio


@pytest.mark.fresh
async def test_no_card_comes_to_life_by_going_back_and_forth(engines: Engines, money: Money, database: str) -> None:
    free, gone = [await made.spender(engines, money, 0) for _ in range(2)]
    frozen = await made.freeze(engines, await made.spender(engines, money, 0))
    flagged = await made.suspend(engines, await made.spender(engines, money, 0), Owner.RISK)
    await made.act(engines, gone, Act.CLOSE)
    cards = (free, gone, frozen, flagged)

    migrate.downgrade(database, "0022")
    async with made.owner(database) as connection:
        then = [await connection.scalar(_STATE, {"card": card.id}) for card in cards]
    migrate.upgrade(database)

    assert then == ["active", "closed", "frozen", "frozen"]
    now = [await made.found(engines, card) for card in cards]
    assert [card.state for card in now] == [State.ACTIVE, State.CLOSED, State.ACTIVE, State.ACTIVE]
    assert [card.frozen for card in now] == [False, False, True, True]
    assert now[1].closed_for is Closing.USER
    async with made.owner(database) as connection:
        counts = (await connection.execute(text("SELECT alive, holders FROM cards.circulation"))).one()
        terms = await connection.scalar(text("SELECT count(*) FROM cards.term"))
        consents = await connection.scalar(text("SELECT count(*) FROM cards.consent"))
    assert (counts.alive, counts.holders, terms, consents) == (3, 3, 3, 4)


_STATE = text("SELECT state FROM cards.change WHERE card = :card ORDER BY version DESC LIMIT 1")
