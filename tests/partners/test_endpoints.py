"""Partners do not pay for one another: not for a broken address, a silent endpoint, or a long log."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import text

from app import db, ids
from app.http.partner import events as pulling
from app.partners import outgoing, registry
from tests.partners import outside
from tests.partners.outside import CODE, Outside
from tests.partners.test_outgoing import NOW, about, answering, drained, happened, waiting


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_an_address_that_breaks_the_look_up_fails_alone(out: Outside) -> None:
    thing = ids.new()
    broken = await subscribed(out, f"http://{'a' * 64}.example/events")
    await happened(out, thing)

    await drained(out)

    assert [each["times"] for each in out.bank.books.heard() if each["body"]["aggregate"] == str(thing)] == [1]
    query = "SELECT state, attempts, leased_until, trouble FROM app.delivery WHERE subscription = :id"
    [row] = await outside.rows(out.house, query, id=broken)
    assert (row.state, row.attempts, row.leased_until, row.trouble) == ("waiting", 1, None, "Forbidden: form")


@pytest.mark.asyncio
async def test_whatever_an_attempt_raises_is_its_failure(out: Outside) -> None:
    thing = ids.new()

    def burst(request: httpx.Request) -> httpx.Response:
        raise UnicodeError(request.url.host)

    await happened(out, thing)
    await drained(out, answering(out, burst))

    row = await waiting(out, thing)
    assert (row.state, row.attempts, row.trouble) == ("waiting", 1, "UnicodeError")


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_a_silent_endpoint_delays_itself_alone(out: Outside) -> None:
    await subscribed(out, "http://127.0.0.1:9199/silent")
    things = [ids.new() for _ in range(3 * outgoing.SIZE_MAX)]
    seen: list[httpx.Request] = []
    asked: list[httpx.Request] = []
    all_taken = asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/silent":
            asked.append(request)
            await all_taken.wait()
            return httpx.Response(500)
        seen.append(request)
        if len(seen) == len(things):
            all_taken.set()
        return httpx.Response(200)

    await happened(out, *things)
    house = msgspec.structs.replace(out.house, http=httpx.AsyncClient(transport=httpx.MockTransport(answer)))

    made = await outgoing.step(house)

    assert sorted(about(seen, *things)) == sorted((thing, 1) for thing in things)
    assert len(asked) == outgoing.SIZE_MAX
    assert made == len(seen) + len(asked)


async def subscribed(out: Outside, url: str) -> UUID:
    """Subscribe the bank as it may have been before its address was checked."""
    made = ids.new()
    row = {"id": made, "url": url, "code": CODE, "at": NOW}
    async with db.transaction(out.house.worker) as story:
        query = (
            "INSERT INTO app.subscription (id, partner, url, kinds, sees, created_at)"
            " SELECT :id, id, :url, ARRAY['placement.released'], 'own', :at FROM app.partner WHERE code = :code"
        )
        await (await story()).execute(text(query), row)
    return made


@pytest.mark.asyncio
async def test_a_partner_pays_for_its_own_page_and_not_for_the_others_log(out: Outside) -> None:
    start = (await outside.rows(out.house, "SELECT coalesce(max(position), 0) AS last FROM app.feed"))[0].last
    await happened(out, *(ids.new() for _ in range(200)), partner=ids.new())
    await happened(out, *(ids.new() for _ in range(3)))
    async with db.transaction(out.house.worker) as story:
        bank = (await registry.find(await story(), CODE)).id

    async with db.transaction(out.house.api, holder=bank, audience="partner") as story:
        connection = await story()
        await connection.execute(text("SET LOCAL enable_seqscan = off"))  # worth it for a handful of rows only
        explained = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {pulling.FANNED_OUT.text}")
        plan = await connection.scalar(explained, {"partner": bank, "after": start, "size": 51})

    assert sum(touched(plan[0]["Plan"])) == 3


def touched(node: dict[str, Any]) -> list[int]:
    """List how many rows of the feed each part of a plan looked at."""
    own = []
    if node.get("Relation Name") == "feed":
        own = [round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])]
    return own + [rows for part in node.get("Plans", []) for rows in touched(part)]
