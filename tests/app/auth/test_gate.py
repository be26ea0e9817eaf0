"""The gate: a proof passes once, in whichever process, and an ended session at once nowhere; all count as one."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app import clock
from app.auth import dpop, session, subject
from app.auth.dpop import Proof
from app.auth.gate import Crowded, Gate, SessionEnded, Unattended
from app.auth.nonce import Nonces
from app.auth.session import Session
from app.auth.subject import Subject
from app.house import House
from app.limits import Left, Policy
from tests import postgres
from tests.app.auth.people import story_of

pytestmark = pytest.mark.asyncio

FEW = Policy("few", 5, 3_600)


def _proof(gate: Gate, jti: str | None = None, *, by: str = "thumbprint") -> Proof:
    return Proof(by, jti or str(uuid.uuid4()), gate.nonce())


@asynccontextmanager
async def _opened(house: House, **options: int) -> AsyncIterator[Gate]:
    """Open the gate of another process, and let it learn the epoch."""
    other = Gate(house.api, Nonces(house.keys.cursor), **options)
    await other.admit(None, None)
    yield other
    other.close()


@pytest_asyncio.fixture(loop_scope="module")
async def gate(house: House) -> Gate:
    await house.door.gate.admit(None, None)
    return house.door.gate


async def _session(house: House) -> Session:
    who, now = Subject(uuid.uuid4(), "officer", "D. Officer"), clock.real()
    async with story_of(house) as story:
        await subject.register(await story(), who, now)
        return await session.begin(
            await story(), who, opened_by="passkey", client_id="app", jkt="thumbprint", scopes=frozenset(), at=now
        )


async def _outcomes(*admissions: Coroutine[Any, Any, Left | None]) -> list[str]:
    results = await asyncio.gather(*admissions, return_exceptions=True)
    return sorted(type(result).__name__ if isinstance(result, BaseException) else "in" for result in results)


async def test_a_proof_passes_once(gate: Gate) -> None:
    proof = _proof(gate)
    await gate.admit(None, proof)

    with pytest.raises(dpop.Refused, match="used before"):
        await gate.admit(None, proof)


async def test_of_twenty_with_one_proof_one_passes(gate: Gate) -> None:
    proof = _proof(gate)

    assert await _outcomes(*(gate.admit(None, proof) for _ in range(20))) == ["Refused"] * 19 + ["in"]


async def test_of_two_processes_with_the_same_proofs_one_lets_each_in(house: House, gate: Gate) -> None:
    proofs = [_proof(gate) for _ in range(200)]
    async with _opened(house) as other:
        here = [gate.admit(None, proof) for proof in proofs]
        there = [other.admit(None, proof) for proof in reversed(proofs)]

        assert await _outcomes(*here, *there) == ["Refused"] * 200 + ["in"] * 200


async def test_an_id_belongs_to_its_key(gate: Gate) -> None:
    await gate.admit(None, _proof(gate, "the same id", by="one"))
    await gate.admit(None, _proof(gate, "the same id", by="two"))


async def test_an_ended_session_is_out_in_every_process(house: House, gate: Gate) -> None:
    opened = await _session(house)
    async with _opened(house) as other:
        await gate.admit(opened.id, _proof(gate))
        await other.admit(opened.id, _proof(other))

        async with story_of(house) as story:
            await session.end(await story(), opened.id, opened.subject, "signed_out", clock.real())

        for process in (gate, other):
            with pytest.raises(SessionEnded):
                await process.admit(opened.id, _proof(process))


async def test_a_session_nobody_opened_is_out(gate: Gate) -> None:
    with pytest.raises(SessionEnded):
        await gate.admit(uuid.uuid4(), None)


async def test_neighbours_in_one_statement_do_not_disturb_each_other(house: House, gate: Gate) -> None:
    opened, used = await _session(house), _proof(gate)
    await gate.admit(None, used)

    outcomes = await _outcomes(
        gate.admit(opened.id, _proof(gate)),
        gate.admit(uuid.uuid4(), _proof(gate)),
        gate.admit(opened.id, used),
        gate.admit(opened.id, None),
        gate.admit(opened.id, Proof("thumbprint", str(uuid.uuid4()), "another nonce")),
    )

    assert outcomes == ["NonceNeeded", "Refused", "SessionEnded", "in", "in"]


async def test_a_caller_who_gives_up_harms_nobody(gate: Gate) -> None:
    leaving = asyncio.create_task(gate.admit(None, _proof(gate)))
    staying = asyncio.create_task(gate.admit(None, _proof(gate)))
    await asyncio.sleep(0)
    leaving.cancel()

    await staying
    await gate.admit(None, _proof(gate))


async def test_a_crowd_is_told_to_come_again(house: House) -> None:
    async with _opened(house, waiting_max=2) as small:
        outcomes = await _outcomes(*(small.admit(None, _proof(small)) for _ in range(5)))

    assert outcomes == [Crowded.__name__] * 3 + ["in"] * 2


async def test_without_a_database_nobody_is_let_in() -> None:
    nowhere = create_async_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    alone = Gate(nowhere, Nonces(b"secret"))

    outcomes = await _outcomes(alone.admit(None, None), alone.admit(None, None))

    assert outcomes == [Unattended.__name__] * 2
    await nowhere.dispose()


async def test_a_line_that_was_cut_is_made_anew(house: House, gate: Gate, module_database: str) -> None:
    async with _opened(house) as other:
        await asyncio.to_thread(_cut, module_database)
        await _outcomes(gate.admit(None, None), other.admit(None, None))  # the first to notice is turned away

        assert await _outcomes(gate.admit(None, _proof(gate)), other.admit(None, None)) == ["in", "in"]


async def test_a_question_that_fails_lets_nobody_in_and_the_next_one_is_asked(gate: Gate) -> None:
    unanswerable = gate.admit(None, None, who="\x00", policy=FEW)

    assert await _outcomes(unanswerable, gate.admit(None, None)) == ["Unattended"] * 2
    await gate.admit(None, None)


async def test_a_proof_needs_a_nonce_of_ours(gate: Gate) -> None:
    for nonce in (None, "", "nonce", (gate.nonce() or "")[:-1]):
        with pytest.raises(dpop.NonceNeeded):
            await gate.admit(None, Proof("thumbprint", str(uuid.uuid4()), nonce))


async def test_every_process_takes_the_nonces_of_the_others(house: House, gate: Gate) -> None:
    async with _opened(house) as other:
        await other.admit(None, _proof(gate))
        await gate.admit(None, _proof(other))


async def test_a_crash_that_forgets_the_proofs_voids_them(house: House, gate: Gate, module_database: str) -> None:
    used, unused, before = _proof(gate), _proof(gate), gate.nonce()
    async with _opened(house) as other:
        await gate.admit(None, used)
        await asyncio.to_thread(_forget, module_database)

        for proof in (used, unused):
            with pytest.raises(dpop.NonceNeeded):
                await gate.admit(None, proof)
            with pytest.raises(dpop.NonceNeeded):
                await other.admit(None, proof)

        assert gate.nonce() == other.nonce() != before
        assert await _outcomes(gate.admit(None, _proof(gate)), other.admit(None, _proof(gate))) == ["in", "in"]


async def test_it_is_the_epoch_that_voids_them(gate: Gate, module_database: str) -> None:
    """The control of the test above: were the epoch kept where the proofs are not, a proof would pass twice."""
    used = _proof(gate)
    await gate.admit(None, used)
    await asyncio.to_thread(_forget, module_database, "app.spent_jti")

    assert await _outcomes(gate.admit(None, used)) == ["in"]


async def test_of_gates_that_meet_after_a_crash_all_find_one_epoch(house: House, module_database: str) -> None:
    async with _opened(house) as one, _opened(house) as two, _opened(house) as three:
        await asyncio.to_thread(_forget, module_database)

        await asyncio.gather(*(process.admit(None, None) for process in (one, two, three)))

        assert one.nonce() == two.nonce() == three.nonce()


async def test_two_processes_share_one_count(house: House, gate: Gate) -> None:
    who = f"resident:{uuid.uuid4()}"
    async with _opened(house) as other:
        asked = [process.admit(None, None, who=who, policy=FEW) for process in (gate, other) for _ in range(4)]
        left = [left.left for left in await asyncio.gather(*asked) if left is not None]

    assert sorted(left, reverse=True) == [4, 3, 2, 1, 0, -1, -2, -3]


async def test_each_caller_and_each_class_has_its_own_count(gate: Gate) -> None:
    mine, yours, other = f"resident:{uuid.uuid4()}", f"resident:{uuid.uuid4()}", FEW._replace(name="other")
    asked = [(mine, FEW), (mine, FEW), (yours, FEW), (mine, other)]

    left = await asyncio.gather(*(gate.admit(None, None, who=who, policy=policy) for who, policy in asked))

    assert [each.left for each in left if each is not None] == [4, 3, 4, 4]


async def test_a_new_window_begins_a_new_count_and_a_late_clock_does_not(house: House) -> None:
    who, now, used = f"resident:{uuid.uuid4()}", clock.real(), []
    for minutes in (1, 1, 2, 1, 2, 3):
        asked = [{"who": who, "policy": "minute", "window_ends": (now + timedelta(minutes=minutes)).isoformat()}]
        async with story_of(house, "") as story:
            query = text("SELECT app.admit(CAST(:asked AS jsonb), now())")
            found = await (await story()).scalar(query, {"asked": json.dumps(asked)})
        used.append(found["answers"][0][2])

    assert used == [1, 2, 1, 2, 3, 1]


def _cut(database: str) -> None:
    with psycopg.connect(postgres.libpq(database), autocommit=True) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _forget(database: str, *tables: str) -> None:
    """Do to the unlogged tables what PostgreSQL does when it starts after a crash; or to `tables` only."""
    with psycopg.connect(postgres.libpq(database), autocommit=True) as owner:
        query = "SELECT oid::regclass::text FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'"
        unlogged = {name for (name,) in owner.execute(query)}
        assert unlogged > {"app.epoch", "app.spent_jti"}
        for name in tables or unlogged:
            owner.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(*name.split("."))))
