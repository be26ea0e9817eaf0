"""The pipeline of checks: each made once whatever crashes, and one that fails stops nobody."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio
from litestar import Litestar
from sqlalchemy import func, select

from app import db, pipeline
from app.house import House
from app.settings import Settings
from kyc import screening as kyc_screening
from kyc import tables as kyc_tables
from residency import checking, tables
from simulators.passport import Authority
from tests import postgres
from tests.app.applicants import (
    checked,
    newcomer,
    screening,
    trusting,
)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return trusting(settings, tmp_path)


@pytest_asyncio.fixture
async def open_house(app: Litestar) -> House:
    return await screening(app)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("person", "why"),
    [({"expires": date(2025, 6, 1)}, "document_expired"), ({"by": Authority.seeded(2)}, None)],
)
async def test_what_a_document_lacks_is_asked_for_or_looked_at(
    app: Litestar, client: httpx.AsyncClient, open_house: House, person: dict[str, Any], why: str | None
) -> None:
    resident = await newcomer(app, client)
    await resident.scan(**person)
    path = await resident.file()

    await checked(open_house)

    last = (await resident.get(f"{path}/timeline"))["entries"][-1]
    assert (last["reason"] and last["reason"]["code"]) == why
    assert last["state"] == ("awaiting_applicant" if why else "in_review")


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_any_number_of_workers_check_each_application_once(
    app: Litestar, client: httpx.AsyncClient, open_house: House
) -> None:
    residents = [await newcomer(app, client) for _ in range(6)]
    for resident in residents:
        await resident.scan()
        await resident.file()

    await asyncio.gather(*(checked(open_house) for _ in range(4)))

    async with db.transaction(open_house.report) as story:
        connection = await story()
        findings = await connection.scalar(select(func.count()).select_from(tables.finding))
        moves = select(tables.transition.c.state, func.count()).group_by(tables.transition.c.state)
        counted = {row[0]: row[1] for row in await connection.execute(moves)}
    assert findings == len(residents) * len(pipeline.CHECKS)
    assert counted == dict.fromkeys(("draft", "submitted", "checking", "in_review"), len(residents))


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_an_application_that_cannot_be_checked_waits_and_stops_nobody(
    app: Litestar, client: httpx.AsyncClient, open_house: House, database: str
) -> None:
    damaged, behind = await newcomer(app, client), await newcomer(app, client)
    paths = []
    for each in (damaged, behind):
        await each.scan()
        paths.append(await each.file())
    with psycopg.connect(postgres.libpq(database)) as owner:
        owner.execute("UPDATE app.resident_key SET wrapped = 'damaged' WHERE holder = %s", [damaged.subject])

    await checked(open_house)

    assert [(await each.get(path))["state"] for each, path in zip((damaged, behind), paths, strict=True)] == [
        "checking",
        "in_review",
    ]


class _Crash(Exception):
    """The worker died before its transaction was committed."""


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_a_worker_that_dies_at_any_step_loses_nothing_and_repeats_nothing(
    app: Litestar, client: httpx.AsyncClient, open_house: House
) -> None:
    resident = await newcomer(app, client)
    await resident.scan()
    path = await resident.file()

    async def look(*, dies: bool) -> bool:
        async with db.transaction(open_house.worker, actor=pipeline.ACTOR, operation="pipeline") as story:
            connection = await story()
            taken = await checking.take(connection, story.now)
            if taken is not None:
                await pipeline.proceed(open_house, connection, taken, story.now)
            if dies:
                raise _Crash
            return taken is not None

    steps = 0
    while True:
        with pytest.raises(_Crash):
            await look(dies=True)
        if not await look(dies=False):
            break
        steps += 1

    assert steps == 1 + len(pipeline.CHECKS) + 1, "begin, each check, move on"
    facts = [entry["fact"] for entry in (await resident.get(f"{path}/timeline"))["entries"]]
    assert facts[-2:] == ["application.checking_started", "application.review_opened"]
    assert len(facts) == len(set(facts))
    async with db.transaction(open_house.report) as story:
        screened = (
            select(func.count()).select_from(kyc_tables.check).where(kyc_tables.check.c.name == kyc_screening.CHECK)
        )
        assert await (await story()).scalar(screened) == 1, "at the scan; after it whenever the lists change"
