"""Exemptions: two officers, one at a time, ended by either."""

import itertools
from uuid import UUID

import pytest
import pytest_asyncio
import sqlalchemy
from sqlalchemy import text

from app import db, ids
from cards.programme import exemption
from cards.programme.exemption import Exemption, ExemptionDecided, ExemptionHeld, Reason, SameOfficer, UnknownExemption
from residency import number
from tests.cards import made
from tests.conftest import Engines

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def status(database: str) -> UUID:
    """Give the status of somebody: here it is only pointed to."""
    found, given = ids.new(), number.of(2026, next(_SERIALS))
    async with made.owner(database) as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(_STATUS, {"id": found, "resident": ids.new(), "number": given})
    return found


async def propose(engines: Engines, status: UUID, holder: UUID | None = None) -> Exemption:
    async with db.transaction(engines.api, audience="officer") as story:
        wanted = Exemption(
            id=ids.new(),
            holder=holder or ids.new(),
            reason=Reason.INVESTOR,
            status=status,
            evidence="CASE-1",
            proposed_by="officer:one",
            proposed_at=made.AT,
        )
        return await exemption.propose(await story(), wanted)


async def decide(engines: Engines, wanted: UUID, *, agreed: bool = True, actor: str = "officer:two") -> Exemption:
    async with db.transaction(engines.api, audience="officer") as story:
        return await exemption.decide(await story(), wanted, agreed=agreed, actor=actor, at=made.AT)


async def end(engines: Engines, wanted: UUID) -> Exemption:
    async with db.transaction(engines.api, audience="officer") as story:
        return await exemption.end(await story(), wanted, actor="officer:three", at=made.AT)


async def in_force(engines: Engines, holder: UUID) -> Exemption | None:
    async with db.transaction(engines.api, holder=holder, audience="resident") as story:
        return await exemption.in_force(await story(), holder)


async def test_an_exemption_holds_by_the_word_of_two_until_one_ends_it(engines: Engines, status: UUID) -> None:
    proposed = await propose(engines, status)
    before = await in_force(engines, proposed.holder)

    with pytest.raises(SameOfficer):
        await decide(engines, proposed.id, actor="officer:one")
    granted = await decide(engines, proposed.id)
    during = await in_force(engines, proposed.holder)
    await end(engines, proposed.id)

    assert before is None
    assert granted.agreed
    assert during is not None
    assert (during.reason, during.status, during.evidence) == (Reason.INVESTOR, status, "CASE-1")
    assert await in_force(engines, proposed.holder) is None
    assert await made.told(engines, proposed.id) == [
        "card_exemption.proposed",
        "card_exemption.granted",
        "card_exemption.ended",
    ]


async def test_what_the_second_officer_does_not_agree_to_never_holds(engines: Engines, status: UUID) -> None:
    proposed = await propose(engines, status)

    await decide(engines, proposed.id, agreed=False)

    assert await in_force(engines, proposed.holder) is None
    with pytest.raises(ExemptionDecided):
        await decide(engines, proposed.id)
    await propose(engines, status, proposed.holder)


async def test_a_person_has_one_exemption_at_a_time(engines: Engines, status: UUID) -> None:
    proposed = await propose(engines, status)

    with pytest.raises(ExemptionHeld):
        await propose(engines, status, proposed.holder)
    await end(engines, proposed.id)
    await propose(engines, status, proposed.holder)
    with pytest.raises(UnknownExemption):
        await end(engines, proposed.id)


async def test_the_database_itself_wants_two_officers(engines: Engines, status: UUID) -> None:
    proposed = await propose(engines, status)

    with pytest.raises(sqlalchemy.exc.IntegrityError, match="exemption_four_eyes"):
        await by_hand(engines, proposed.id, "officer:one")
    with pytest.raises(sqlalchemy.exc.IntegrityError, match="exemption_decided_by_check"):
        await by_hand(engines, proposed.id, "resident:1")
    await by_hand(engines, proposed.id, "officer:two")


async def test_the_database_lets_nobody_decide_again_or_begin_decided(engines: Engines, status: UUID) -> None:
    proposed = await propose(engines, status)
    await decide(engines, proposed.id, agreed=False)

    with pytest.raises(sqlalchemy.exc.ProgrammingError, match=r"UPDATE of cards[.]exemption refused"):
        await by_hand(engines, proposed.id, "officer:three")
    with pytest.raises(sqlalchemy.exc.ProgrammingError, match=r"INSERT of cards[.]exemption refused"):
        async with db.transaction(engines.api, audience="officer") as story:
            await (await story()).execute(_DECIDED, {"id": proposed.id, "other": ids.new()})
    await end(engines, proposed.id)
    with pytest.raises(sqlalchemy.exc.ProgrammingError, match=r"UPDATE of cards[.]exemption refused"):
        async with db.transaction(engines.api, audience="officer") as story:
            await (await story()).execute(_REVIVED, {"id": proposed.id})


async def by_hand(engines: Engines, wanted: UUID, by: str) -> None:
    async with db.transaction(engines.api, audience="officer") as story:
        await (await story()).execute(_BY_HAND, {"id": wanted, "by": by, "at": made.AT})


async def test_nobody_reads_the_exemption_of_another(engines: Engines, status: UUID) -> None:
    proposed = await propose(engines, status)
    await decide(engines, proposed.id)

    async with db.transaction(engines.api, holder=ids.new(), audience="resident") as story:
        assert await exemption.in_force(await story(), proposed.holder) is None


_SERIALS = itertools.count(1)
_STATUS = text(
    """
    INSERT INTO residency.status (id, resident, kind, scheme, number, citizenship, application_id, state, version,
                                  assigned_at)
    VALUES (:id, :resident, 'e_resident', 'DEMO-ERID', :number, 'foreign', :id, 'active', 1, now())
    """
)
_BY_HAND = text("UPDATE cards.exemption SET decided_by = :by, decided_at = :at, agreed = true WHERE id = :id")
_REVIVED = text("UPDATE cards.exemption SET ended_by = NULL, ended_at = NULL WHERE id = :id")
_DECIDED = text(
    """
    INSERT INTO cards.exemption (id, holder, reason, status, evidence, proposed_by, proposed_at,
                                 decided_by, decided_at, agreed)
    SELECT :other, uuidv7(), reason, status, evidence, proposed_by, proposed_at, 'officer:two', proposed_at, true
    FROM cards.exemption WHERE id = :id
    """
)


async def test_a_person_reads_what_exempts_them_and_writes_nothing_of_it(engines: Engines, status: UUID) -> None:
    holder = ids.new()
    found = await propose(engines, status, holder)

    async with db.transaction(engines.api, holder=holder, audience="resident") as story:
        connection = await story()
        seen = await connection.scalar(text("SELECT id FROM cards.exemption WHERE id = :id"), {"id": found.id})
        ended = await connection.execute(_ENDS, {"id": found.id})
    assert (seen, ended.rowcount) == (found.id, 0)
    with pytest.raises(sqlalchemy.exc.ProgrammingError, match="row-level security"):
        async with db.transaction(engines.api, holder=holder, audience="resident") as story:
            await (await story()).execute(_OWN, {"id": ids.new(), "holder": holder, "status": status})


_ENDS = text("UPDATE cards.exemption SET ended_by = 'officer:me', ended_at = now() WHERE id = :id")
_OWN = text(
    "INSERT INTO cards.exemption (id, holder, reason, status, evidence, proposed_by, proposed_at)"
    " VALUES (:id, :holder, 'investor', :status, 'CASE-1', 'officer:me', now())"
)
