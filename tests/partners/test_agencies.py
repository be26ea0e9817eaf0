"""The lists of their publishers: fetched from their process, put in force, and left alone when a publisher fails."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import httpx
import msgspec
import pytest
import uvicorn
from sqlalchemy import text

from app import db
from app.house import House
from app.partners import agencies
from app.partners.agencies import FEEDS, Feed, Unreachable
from app.settings import Settings
from kyc.lists import edition, formats
from kyc.lists.formats import BadList
from simulators.agencies import INVENTED, OFAC, UN, Agency, Listed, build
from tests.partners import outside

pytestmark = [pytest.mark.asyncio, pytest.mark.fresh]

NATIONAL, TREASURY, COUNCIL = FEEDS


@pytest.fixture
def agency() -> Agency:
    return Agency()


@pytest.fixture
def url(agency: Agency) -> Iterator[str]:
    """Serve the publishers on a port of this machine."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(build(agency), log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def settings(settings: Settings, url: str) -> Settings:
    return msgspec.structs.replace(settings, agencies_url=url, ofac_url=f"{url}/lists/ofac", un_url=f"{url}/lists/un")


async def due(house: House) -> None:
    async with db.transaction(house.worker) as story:
        await (await story()).execute(text("UPDATE kyc.list_source SET due_at = now() - interval '1 second'"))


async def entries(house: House) -> dict[str, int]:
    async with db.transaction(house.worker) as story:
        rows = await (await story()).execute(
            text("SELECT source, entries FROM kyc.list_source JOIN kyc.list_snapshot USING (digest)")
        )
        return {row.source: row.entries for row in rows}


ALL = {"agency": len(INVENTED), "ofac": len(OFAC), "un": len(UN)}


async def test_the_lists_are_fetched_at_once_and_then_when_they_are_due(house: House, agency: Agency) -> None:
    assert await agencies.step(house) == len(FEEDS)
    assert await entries(house) == ALL
    agency.add(Listed("KZ-9", ["Somebody New"]))

    assert await agencies.step(house) == 0, "not due yet"
    await due(house)
    assert await agencies.step(house) == 1, "only the one that changed"
    assert await entries(house) == ALL | {"agency": len(INVENTED) + 1}
    async with db.transaction(house.worker) as story:
        newest = await edition.newest(await story())
    assert newest is not None
    assert (newest.number, set(newest.parts)) == (4, set(ALL)), "one edition for each change of any list"


async def test_a_second_name_of_the_treasury_is_news_although_its_first_file_is_as_it_was(
    house: House, agency: Agency
) -> None:
    await agencies.step(house)
    first, *others = OFAC
    agency.ofac = [msgspec.structs.replace(first, names=[*first.names, "ESPEJISMO, Faustino"]), *others]
    await due(house)

    assert await agencies.step(house) == 1


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.source)
async def test_an_unchanged_list_is_answered_by_its_etags(house: House, feed: Feed) -> None:
    place = str(feed.where(house.settings))
    first = await agencies.fetch(house.http, feed, place, None)

    same = await agencies.fetch(house.http, feed, place, first.etag)

    assert (same.entities, same.etag) == (None, first.etag)
    assert {each.source for each in first.entities or ()} == {feed.source}


async def test_json_and_csv_say_the_same(house: House, url: str) -> None:
    csv = (await house.http.get(f"{url}/lists/persons", headers={"Accept": "text/csv"})).content
    json = (await house.http.get(f"{url}/lists/persons")).content

    assert formats.read(csv, "agency") == formats.read(json, "agency")


async def test_several_workers_take_each_list_once(house: House) -> None:
    assert sum(await asyncio.gather(*(agencies.step(house) for _ in range(4)))) == len(FEEDS)


async def test_a_list_that_is_cut_short_leaves_the_old_one_in_force(house: House, agency: Agency) -> None:
    await agencies.step(house)
    agency.listed = agency.listed[:1]
    await due(house)

    assert await agencies.step(house) == 0, "a fifth of a list is a broken export"
    assert await entries(house) == ALL


async def test_a_publisher_that_does_not_answer_is_asked_again_later_and_stops_nobody(house: House) -> None:
    nowhere = msgspec.structs.replace(
        house, settings=msgspec.structs.replace(house.settings, un_url="http://127.0.0.1:9")
    )

    assert await agencies.step(nowhere) == len(FEEDS) - 1
    assert "un" not in await entries(house)
    await due(house)
    assert await agencies.step(house) == 1
    assert await entries(house) == ALL


@pytest.mark.parametrize(
    ("status", "content", "refusal"), [(500, b"[]", Unreachable), (302, b"", Unreachable), (200, b"<html>", BadList)]
)
async def test_what_is_no_list_is_not_taken_for_one(status: int, content: bytes, refusal: type[Exception]) -> None:
    told = {"location": "/", "content-type": "application/json"}
    answer = httpx.MockTransport(lambda _: httpx.Response(status, content=content, headers=told))
    async with httpx.AsyncClient(transport=answer) as http:
        with pytest.raises(refusal):
            await agencies.fetch(http, NATIONAL, "http://agency", None)


async def test_a_publisher_that_says_unchanged_of_what_nobody_knew_is_not_believed() -> None:
    told = {"etag": '"1"', "content-type": "text/csv"}
    answer = httpx.MockTransport(lambda _: httpx.Response(304, headers=told))
    async with httpx.AsyncClient(transport=answer) as http:
        with pytest.raises(Unreachable):
            await agencies.fetch(http, TREASURY, "http://agency", None)


async def test_a_publisher_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agencies, "TIMEOUT_S", 0.05)

    async def drip(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=outside.dripping())

    async with httpx.AsyncClient(transport=httpx.MockTransport(drip)) as http:
        with pytest.raises(Unreachable):
            await asyncio.wait_for(agencies.fetch(http, NATIONAL, "http://agency", None), 5)


async def test_without_a_publisher_there_is_nothing_to_do(house: House) -> None:
    told = msgspec.structs.replace(house.settings, agencies_url=None, ofac_url=None, un_url=None)

    assert await agencies.step(msgspec.structs.replace(house, settings=told)) == 0
