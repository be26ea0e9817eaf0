"""The gate's line: it answers, or it says in time that it doesn't; a new one is made whenever one broke."""

import asyncio

import psycopg
import pytest

from app.auth.intercom import Broken, Intercom
from app.house import House
from tests import postgres

pytestmark = pytest.mark.asyncio


async def _ask(line: Intercom, parameter: str) -> bytes | Broken:
    if not line.connected:
        await line.connect()
    answer: asyncio.Future[bytes | Broken] = asyncio.get_running_loop().create_future()
    line.ask([parameter.encode()], answer.set_result)
    return await answer


async def test_it_answers_one_question_after_the_other(house: House) -> None:
    line = Intercom(house.api, "SELECT $1", types=("text",))

    assert [await _ask(line, text) for text in ("", "a", "б")] == [b"", b"a", "б".encode()]
    line.close()


async def test_a_question_larger_than_the_socket_takes_at_once_arrives_whole(house: House) -> None:
    line = Intercom(house.api, "SELECT length($1)", types=("text",))

    assert await _ask(line, "x" * 5_000_000) == b"5000000"
    line.close()


async def test_a_question_the_server_refuses_is_broken_and_the_line_is_not(house: House) -> None:
    line = Intercom(house.api, "SELECT $1::int", types=("text",))

    refused = await _ask(line, "no number")

    assert isinstance(refused, Broken)
    assert refused.sqlstate == "22P02"
    assert line.connected
    assert await _ask(line, "7") == b"7"
    line.close()


async def test_a_server_that_falls_silent_is_not_waited_for(house: House, module_database: str) -> None:
    line = Intercom(house.api, "SELECT count(*)::text || $1 FROM app.clock", types=("text",), silent_max_s=0.05)
    assert await _ask(line, "") == b"1"
    address = postgres.libpq(module_database)
    async with await psycopg.AsyncConnection.connect(address) as owner:
        await owner.execute("LOCK app.clock IN ACCESS EXCLUSIVE MODE")
        silent = await _ask(line, "")

    assert isinstance(silent, Broken)
    assert silent.sqlstate is None
    assert not line.connected
    assert await _ask(line, "") == b"1"
    line.close()


async def test_a_line_that_is_closed_leaves_nobody_waiting(house: House) -> None:
    line = Intercom(house.api, "SELECT pg_sleep(1)::text || $1", types=("text",))
    await line.connect()
    waiting = asyncio.create_task(_ask(line, ""))
    await asyncio.sleep(0)
    line.close()

    assert isinstance(await waiting, Broken)
