"""The agency's list: fetched from its process, put in force, and left alone when the agency fails."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import httpx
import msgspec
import pytest
import uvicorn
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app import db, monitoring
from app.house import House
from app.partners import agencies
from app.partners.agencies import Unreachable
from app.settings import Settings
from kyc import lists
from kyc.lists import BadList
from simulators.agencies import INVENTED, Agency, Listed, build
from tests.kyc.passports import authority, trusting
from tests.kyc.scans import novel, seen, show, verdicts
from tests.partners import outside

pytestmark = [pytest.mark.asyncio, pytest.mark.fresh]


@pytest.fixture
def agency() -> Agency:
    return Agency()


@pytest.fixture
def url(agency: Agency) -> Iterator[str]:
    """Serve the agency on a port of this machine."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(build(agency), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def settings(settings: Settings, url: str) -> Settings:
    return msgspec.structs.replace(settings, agencies_url=url)


async def due(house: House) -> None:
    async with db.transaction(house.worker) as story:
        await (await story()).execute(text("UPDATE kyc.list_source SET due_at = now() - interval '1 second'"))


async def entries(house: House) -> int | None:
    async with db.transaction(house.worker) as story:
        found: int | None = await (await story()).scalar(
            text("SELECT entries FROM kyc.list_source JOIN kyc.list_snapshot USING (digest)")
        )
        return found


async def test_the_list_is_fetched_at_once_and_then_when_it_is_due(house: House, agency: Agency) -> None:
    assert await agencies.step(house) == 1
    assert await entries(house) == len(INVENTED)
    agency.add(Listed("KZ-9", ["Somebody New"]))

    assert await agencies.step(house) == 0, "not due yet"
    await due(house)
    assert await agencies.step(house) == 1
    assert await entries(house) == len(INVENTED) + 1


async def test_an_unchanged_list_is_answered_by_its_etag(house: House) -> None:
    await agencies.step(house)
    first = await agencies.fetch(house.http, str(house.settings.agencies_url), None)

    same = await agencies.fetch(house.http, str(house.settings.agencies_url), first.etag)

    assert (same.entries, same.etag) == (None, first.etag)
    await due(house)
    assert await agencies.step(house) == 0


async def test_json_and_csv_say_the_same(house: House, url: str) -> None:
    csv = (await house.http.get(f"{url}/lists/persons", headers={"Accept": "text/csv"})).content
    json = (await house.http.get(f"{url}/lists/persons")).content

    assert lists.from_csv(csv) == lists.from_json(json)


async def test_several_workers_take_it_once(house: House) -> None:
    assert sorted(await asyncio.gather(*(agencies.step(house) for _ in range(4)))) == [0, 0, 0, 1]


async def test_an_agency_that_fails_leaves_the_old_list_in_force(house: House, agency: Agency) -> None:
    await agencies.step(house)
    agency.listed = agency.listed[:1]
    await due(house)

    assert await agencies.step(house) == 0, "a fifth of a list is a broken export"
    assert await entries(house) == len(INVENTED)


async def test_an_agency_that_does_not_answer_is_asked_again_later(house: House) -> None:
    nowhere = msgspec.structs.replace(
        house, settings=msgspec.structs.replace(house.settings, agencies_url="http://127.0.0.1:9")
    )

    assert await agencies.step(nowhere) == 0
    assert await entries(house) is None
    await due(house)
    assert await agencies.step(house) == 1


@pytest.mark.parametrize(
    ("status", "content", "refusal"), [(500, b"[]", Unreachable), (302, b"", Unreachable), (200, b"<html>", BadList)]
)
async def test_what_is_no_list_is_not_taken_for_one(status: int, content: bytes, refusal: type[Exception]) -> None:
    told = {"location": "/", "content-type": "application/json"}
    answer = httpx.MockTransport(lambda _: httpx.Response(status, content=content, headers=told))
    async with httpx.AsyncClient(transport=answer) as http:
        with pytest.raises(refusal):
            await agencies.fetch(http, "http://agency", None)


async def test_an_agency_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agencies, "TIMEOUT_S", 0.05)

    async def drip(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=outside.dripping())

    async with httpx.AsyncClient(transport=httpx.MockTransport(drip)) as http:
        with pytest.raises(Unreachable):
            await asyncio.wait_for(agencies.fetch(http, "http://agency", None), 5)


async def test_without_an_agency_there_is_nothing_to_do(house: House) -> None:
    alone = msgspec.structs.replace(house, settings=msgspec.structs.replace(house.settings, agencies_url=None))

    assert await agencies.step(alone) == 0


async def test_whoever_is_put_on_a_list_later_is_found_then(house: House, agency: Agency) -> None:
    shown = novel(surname="LINDQVIST", given="ODA")
    early, first, waiting = await show(house, shown, believed=trusting(authority()), kms=house.keys.kms)
    assert type(waiting).__name__ == "NeedsReview", "no list was in force"
    await agencies.step(house)

    assert await monitoring.step(house) == 1
    cleared = await seen(house, first, holder=early)
    assert cleared is not None
    assert (cleared.outcome, cleared.reasons) == ("identified", ())
    assert await monitoring.step(house) == 0

    agency.add(Listed("KZ-9", ["Oda Lindqvist"]))
    await due(house)
    await agencies.step(house)
    assert await monitoring.step(house) == 1
    found = await seen(house, first, holder=None, audience="officer")
    assert found is not None
    assert found.outcome == "review"
    assert verdicts(found)["person.screening"] == "review"
    assert await monitoring.step(house) == 0


async def test_whoever_was_erased_is_looked_up_no_more(house: House, database: str) -> None:
    await show(house, novel(), believed=trusting(authority()), kms=house.keys.kms)
    owner = create_async_engine(database)
    async with owner.begin() as connection:
        await connection.execute(text("DELETE FROM app.resident_key"))
    await owner.dispose()
    await agencies.step(house)

    assert await monitoring.step(house) == 1
    assert await monitoring.step(house) == 0
