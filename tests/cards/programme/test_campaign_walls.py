"""The database itself keeps the life of a campaign, and its two officers, whoever writes past our code."""

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db, ids
from cards.programme import campaign
from cards.programme.campaign import LIFE, State
from tests.cards import made
from tests.conftest import Engines

pytestmark = pytest.mark.asyncio

#: The states in which nobody has approved.
UNAPPROVED = {State.PROPOSED, State.DROPPED}


async def proposed(engines: Engines) -> UUID:
    planned = campaign.wind_down(ids.new(), f"NBK-WALL-{ids.new()}", made.AT, actor="officer:one", at=made.AT)
    async with db.transaction(engines.api, audience="officer") as story:
        await campaign.propose(await story(), planned)
    return planned.id


async def by_hand(role: AsyncEngine, wanted: UUID, *sets: str) -> None:
    """Write as requests of officers or the worker do, past cards/programme/campaign.py, a transaction for each time."""
    for each in sets:
        statement = text(f"UPDATE cards.campaign SET {each} WHERE id = :id")  # noqa: S608  the words are this file's
        async with db.transaction(role, audience="officer") as story:
            await (await story()).execute(statement, {"id": wanted})


APPROVED = "state = 'running', approved_at = now(), approved_by"


async def test_a_campaign_takes_the_steps_of_its_life_and_no_others(database: str) -> None:
    passed = set()
    async with made.owner(database) as connection:
        for before in State:
            for after in set(State) - {before}:
                given = {"id": ids.new(), "before": before, "after": after, "by": by(before), "then": by(after)}
                await connection.execute(text("SET LOCAL session_replication_role = replica"))
                await connection.execute(_PUT, given)
                await connection.execute(text("SET LOCAL session_replication_role = origin"))
                try:
                    async with connection.begin_nested():
                        await connection.execute(_MOVE, given)
                    passed.add((before, after))
                except DBAPIError:
                    continue
        await connection.rollback()

    assert passed == {(before, after) for (before, _), after in LIFE.items()}


def by(state: State) -> str | None:
    return None if state in UNAPPROVED else "officer:two"


async def test_a_second_officer_approves_once(engines: Engines) -> None:
    wanted = await proposed(engines)

    with pytest.raises(IntegrityError, match="campaign_four_eyes"):
        await by_hand(engines.api, wanted, f"{APPROVED} = 'officer:one'")
    with pytest.raises(IntegrityError, match="campaign_approved_by_check"):
        await by_hand(engines.api, wanted, f"{APPROVED} = 'service:worker'")
    await by_hand(engines.api, wanted, f"{APPROVED} = 'officer:two'", "state = 'paused'")
    for again in ("approved_by = 'officer:three'", "approved_at = now() - interval '1 day'", "consent_until = now()"):
        with pytest.raises(ProgrammingError, match=r"UPDATE of cards[.]campaign refused"):
            await by_hand(engines.api, wanted, again)


async def test_none_begins_approved(engines: Engines) -> None:
    with pytest.raises(ProgrammingError, match=r"INSERT of cards[.]campaign refused"):
        async with db.transaction(engines.api, audience="officer") as story:
            await (await story()).execute(_PUT, {"id": ids.new(), "before": State.RUNNING, "by": "officer:two"})


@pytest.mark.parametrize("column", ["approved_by", "approved_at", "consent_until"])
async def test_the_worker_approves_nothing(engines: Engines, column: str) -> None:
    wanted = await proposed(engines)

    with pytest.raises(ProgrammingError, match="permission denied"):
        await by_hand(engines.worker, wanted, f"{column} = NULL")


_PUT = text(
    """
    INSERT INTO cards.campaign (id, kind, basis, spends_until, state, proposed_by, proposed_at, approved_by,
                                approved_at)
    VALUES (:id, 'wind_down', CAST(CAST(:id AS uuid) AS text), now(), :before, 'officer:one', now(), CAST(:by AS text),
            CASE WHEN CAST(:by AS text) IS NOT NULL THEN now() END)
    """
)
_MOVE = text(
    """
    UPDATE cards.campaign SET state = :after, approved_by = CAST(:then AS text),
        approved_at = CASE WHEN CAST(:then AS text) IS NOT NULL THEN coalesce(approved_at, now()) END
    WHERE id = :id
    """
)
