"""The gate: a proof passes once, in whichever process, and an ended session at once nowhere."""

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any

import pytest
import sqlalchemy.exc
from sqlalchemy.ext.asyncio import create_async_engine

from app import clock
from app.auth import dpop, session, subject
from app.auth.dpop import Proof
from app.auth.gate import Crowded, Gate, SessionEnded
from app.auth.session import Session
from app.auth.subject import Subject
from app.house import House
from tests.app.auth.people import story_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _proof() -> Proof:
    return Proof("thumbprint", str(uuid.uuid4()))


async def _session(house: House) -> Session:
    who, now = Subject(uuid.uuid4(), "officer", "D. Officer"), clock.real()
    async with story_of(house) as story:
        await subject.register(await story(), who, now)
        return await session.begin(
            await story(), who, opened_by="passkey", client_id="app", jkt="thumbprint", scopes=frozenset(), at=now
        )


async def _outcomes(*admissions: Coroutine[Any, Any, None]) -> list[str]:
    results = await asyncio.gather(*admissions, return_exceptions=True)
    return sorted("in" if result is None else type(result).__name__ for result in results)


async def test_a_proof_passes_once(house: House) -> None:
    proof = _proof()
    await house.door.gate.admit(None, proof)

    with pytest.raises(dpop.Refused, match="used before"):
        await house.door.gate.admit(None, proof)


async def test_of_twenty_with_one_proof_one_passes(house: House) -> None:
    proof = _proof()

    assert await _outcomes(*(house.door.gate.admit(None, proof) for _ in range(20))) == ["Refused"] * 19 + ["in"]


async def test_of_two_processes_with_the_same_proofs_one_lets_each_in(house: House) -> None:
    other, proofs = Gate(house.api), [_proof() for _ in range(200)]
    here = [house.door.gate.admit(None, proof) for proof in proofs]
    there = [other.admit(None, proof) for proof in reversed(proofs)]

    assert await _outcomes(*here, *there) == ["Refused"] * 200 + ["in"] * 200


async def test_an_id_belongs_to_its_key(house: House) -> None:
    await house.door.gate.admit(None, Proof("one", "the same id"))
    await house.door.gate.admit(None, Proof("two", "the same id"))


async def test_an_ended_session_is_out_in_every_process(house: House) -> None:
    other, opened = Gate(house.api), await _session(house)
    await house.door.gate.admit(opened.id, _proof())
    await other.admit(opened.id, _proof())

    async with story_of(house) as story:
        await session.end(await story(), opened.id, opened.subject, "signed_out", clock.real())

    for process in (house.door.gate, other):
        with pytest.raises(SessionEnded):
            await process.admit(opened.id, _proof())


async def test_a_session_nobody_opened_is_out(house: House) -> None:
    with pytest.raises(SessionEnded):
        await house.door.gate.admit(uuid.uuid4(), None)


async def test_neighbours_in_one_statement_do_not_disturb_each_other(house: House) -> None:
    opened, used = await _session(house), _proof()
    await house.door.gate.admit(None, used)

    outcomes = await _outcomes(
        house.door.gate.admit(opened.id, _proof()),
        house.door.gate.admit(uuid.uuid4(), _proof()),
        house.door.gate.admit(opened.id, used),
        house.door.gate.admit(opened.id, None),
    )

    assert outcomes == ["Refused", "SessionEnded", "in", "in"]


async def test_a_caller_who_gives_up_harms_nobody(house: House) -> None:
    leaving = asyncio.create_task(house.door.gate.admit(None, _proof()))
    staying = asyncio.create_task(house.door.gate.admit(None, _proof()))
    await asyncio.sleep(0)
    leaving.cancel()

    await staying
    await house.door.gate.admit(None, _proof())


async def test_a_crowd_is_told_to_come_again(house: House) -> None:
    small = Gate(house.api, waiting_max=2)
    outcomes = await _outcomes(*(small.admit(None, _proof()) for _ in range(5)))

    assert outcomes == [Crowded.__name__] * 3 + ["in"] * 2


async def test_without_a_database_nobody_is_let_in() -> None:
    nowhere = create_async_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    alone = Gate(nowhere)

    outcomes = await _outcomes(alone.admit(None, _proof()), alone.admit(None, None))

    assert outcomes == [sqlalchemy.exc.OperationalError.__name__] * 2
    await nowhere.dispose()
