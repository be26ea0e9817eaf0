"""A report as of an instant: the same for ever, in two forms, for regulators only, and not before it is settled."""

import hashlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import db, ids
from app.auth.principal import ROLES, Role
from app.house import House
from cards import tables
from tests.app.people import bearer, token
from tests.app.reports.conftest import URL, Regulator, relay, tell

pytestmark = pytest.mark.asyncio


class Happened(msgspec.Struct, frozen=True, tag="card.ordered"):
    """Something that the report counts."""


async def test_an_instant_has_one_report_for_ever(house: House, regulator: Regulator) -> None:
    await tell(house, tables.event, ids.new(), Happened())
    first = await relay(house)
    before = await regulator.ask(first)

    await tell(house, tables.event, ids.new(), Happened())
    second = await relay(house)

    assert (await regulator.ask(first)).content == before.content
    assert (await regulator.ask(first.astimezone(UTC))).content == before.content
    after = (await regulator.ask(second)).json()["manifest"]
    assert after["sha256"] != before.json()["manifest"]["sha256"]
    assert after["position"] > before.json()["manifest"]["position"]


async def test_the_manifest_names_the_place_in_the_audit_chain(house: House, regulator: Regulator) -> None:
    await tell(house, tables.event, ids.new(), Happened())
    as_of = await relay(house)

    manifest = (await regulator.ask(as_of)).json()["manifest"]

    async with db.transaction(house.worker) as story:
        row = (
            await (await story()).execute(text("SELECT position, hash FROM app.feed ORDER BY position DESC LIMIT 1"))
        ).one()
    assert (manifest["position"], manifest["feed_hash"]) == (row.position, row.hash.hex())
    assert manifest["regime"]["phase"] == "sandbox"
    assert manifest["rows"] == len((await regulator.ask(as_of)).json()["rows"])


async def test_the_hash_is_that_of_the_csv(house: House, regulator: Regulator) -> None:
    await tell(house, tables.event, ids.new(), Happened())
    as_of = await relay(house)

    manifest = (await regulator.ask(as_of, "application/json")).json()["manifest"]
    written = await regulator.ask(as_of, "text/csv, application/json;q=0.5")

    assert written.headers["content-type"].startswith("text/csv; charset=utf-8")
    digest = hashlib.sha256(written.content).digest()
    assert digest.hex() == manifest["sha256"]
    assert written.headers["content-digest"] == f"sha-256=:{b64encode(digest).decode()}:"
    assert b"\ncards.alive,,," in written.content


async def test_a_form_nobody_writes_is_refused(house: House, regulator: Regulator) -> None:
    refused = await regulator.ask(await relay(house), "application/pdf")

    assert (refused.status_code, refused.json()["code"]) == (406, "not_acceptable")


@pytest.mark.fresh
async def test_before_the_relay_ever_ran_nothing_is_settled(regulator: Regulator) -> None:
    refused = await regulator.ask(datetime.now(UTC))

    assert (refused.status_code, refused.json()["code"]) == (409, "as_of_not_settled")
    assert refused.headers["retry-after"] == "1"


async def test_an_instant_the_relay_has_not_passed_is_refused(house: House, regulator: Regulator) -> None:
    settled = await relay(house)
    async with db.transaction(house.worker) as story:
        heartbeat = await (await story()).scalar(text("SELECT heartbeat FROM app.lease WHERE name = 'relay'"))

    assert (await regulator.ask(settled)).status_code == 200
    assert (await regulator.ask(heartbeat)).status_code == 200
    refused = await regulator.ask(heartbeat + timedelta(microseconds=1))
    assert (refused.status_code, refused.json()["code"]) == (409, "as_of_not_settled")
    assert heartbeat.astimezone(UTC).isoformat() in refused.json()["detail"]


@pytest.mark.parametrize("as_of", ["2026-04-24T18:59:59Z", "0001-01-01T00:00:00+14:00"])
async def test_before_the_decree_there_is_nothing_to_report(as_of: str, house: House, regulator: Regulator) -> None:
    await relay(house)

    refused = await regulator.ask(as_of)

    assert (refused.status_code, refused.json()["code"]) == (409, "no_regime")


async def test_a_report_of_the_first_day_counts_nothing(house: House, regulator: Regulator) -> None:
    await relay(house)

    answer = (await regulator.ask("2026-04-24T19:00:00Z")).json()

    assert (answer["manifest"]["position"], answer["manifest"]["feed_hash"]) == (0, None)
    assert {row["count"] for row in answer["rows"]} == {0}


@pytest.mark.parametrize("as_of", ["", "yesterday", "2026-11-22", "2026-11-22T10:00:00", "2026-11-22T10:00:00 05:00"])
async def test_what_is_no_instant_is_refused(as_of: str, regulator: Regulator) -> None:
    refused = await regulator.ask(as_of)

    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
    assert refused.json()["errors"][0]["parameter"] == "as_of"


@pytest.mark.parametrize("role", [role for role in ROLES if role != "regulator"])
async def test_only_regulators_read_reports(role: Role, app: Litestar, client: httpx.AsyncClient) -> None:
    headers = bearer(await token(app, role))

    refused = await client.get(URL, params={"as_of": "2026-11-22T10:00:00Z"}, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")


async def test_without_a_token_nothing_is_told(client: httpx.AsyncClient) -> None:
    assert (await client.get(URL, params={"as_of": "2026-11-22T10:00:00Z"})).status_code == 401
