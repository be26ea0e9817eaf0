"""The second place: gets every anchor once, keeps it, refuses another under its number, and says how far it is."""

import contextlib
import hashlib
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import jwt
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import anchor, clock, db, sink
from app.anchor import Anchor
from app.house import House
from app.sink import Folder, NotKept
from app.verify import places
from simulators import notary
from tests.app import people

pytestmark = [pytest.mark.asyncio, pytest.mark.fresh]

SOME = Anchor(17, datetime(2026, 9, 1, 4, tzinfo=UTC), "e30.eyJubyI6MTd9.c2ln")
OTHER = msgspec.structs.replace(SOME, jws="e30.eyJubyI6MTd9.b3RoZXI")


async def stated(house: House, minutes: int) -> None:
    first = clock.real().replace(second=0, microsecond=0) - timedelta(minutes=minutes)
    for number in range(minutes):
        async with db.transaction(house.worker) as story:
            minute = first + timedelta(minutes=number)
            assert await anchor.state(await story(), house.keys.audit, house.settings.issuer, minute)


async def kept(house: House) -> list[sink.State]:
    async with house.report.connect() as connection:
        return await sink.states(connection, clock.real())


async def due(house: House) -> None:
    """Let the pause after a failure be over."""
    async with db.transaction(house.worker) as story:
        await (await story()).execute(text("UPDATE app.anchor_sink SET due_at = now() - interval '1 second'"))


def told(house: House, **settings: object) -> House:
    return msgspec.structs.replace(house, settings=msgspec.structs.replace(house.settings, **settings))


@contextlib.asynccontextmanager
async def office(house: House, folder: Path) -> AsyncIterator[tuple[House, Litestar]]:
    """Open a notary, and give our process as it would be with him at the other end of its line."""
    opened = notary.build(folder)
    transport = httpx.ASGITransport(cast("Any", opened))
    async with httpx.AsyncClient(transport=transport) as line:
        yield msgspec.structs.replace(told(house, anchor_notary="http://127.0.0.1:9106/"), http=line), opened


async def test_a_folder_keeps_an_anchor_for_good(tmp_path: Path) -> None:
    place = Folder(tmp_path)

    name = await place.keep(SOME)

    assert name == "000000/000000017.jws"
    assert (tmp_path / name).read_text() == SOME.jws
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o444
    assert await place.keep(SOME) == name
    with pytest.raises(NotKept, match="keeps another anchor as number 17"):
        await place.keep(OTHER)
    assert (tmp_path / name).read_text() == SOME.jws
    assert os.listdir(tmp_path / "000000") == ["000000017.jws"], "and no draft is left"  # noqa: PTH208  one name


async def test_a_folder_that_can_not_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")

    with pytest.raises(NotKept, match=r"FileExistsError|NotADirectoryError"):
        await Folder(tmp_path / "taken").keep(SOME)


async def test_every_place_gets_every_anchor_once_and_in_order(house: House, tmp_path: Path) -> None:
    async with office(told(house, anchor_folder=tmp_path / "folder"), tmp_path / "notary") as (ours, opened):
        await stated(ours, 25)
        kept_at_once = await sink.step(ours)
        kept_in_all = kept_at_once + await sink.step(ours) + await sink.step(ours)

        assert kept_at_once == 2 * sink.SIZE_MAX
        assert kept_in_all == 50
        assert [(each.name, each.delivered, each.behind, each.behind_s) for each in await kept(ours)] == [
            ("folder", 25, 0, 0),
            ("notary", 25, 0, 0),
        ]
        there = opened.state.notary.following(0)
    assert list(places.read(str(tmp_path / "folder")).values()) == there
    assert [json.loads(jwt.utils.base64url_decode(each.split(".")[1]))["no"] for each in there] == list(range(1, 26))


async def test_the_notary_signs_what_it_got_and_the_receipt_is_kept(house: House, tmp_path: Path) -> None:
    async with office(house, tmp_path) as (ours, opened):
        await stated(ours, 1)
        await sink.step(ours)

        async with house.report.connect() as connection:
            row = (await connection.execute(text("SELECT * FROM app.anchor_receipt"))).one()
            (given,) = await anchor.following(connection, 0, 1)
        said = jwt.decode(row.receipt, jwt.PyJWK(opened.state.notary.signer.public_jwk), algorithms=["EdDSA"])
    assert (row.sink, row.anchor) == ("notary", 1)
    assert (said["no"], said["sha256"]) == (1, hashlib.sha256(given.jws.encode()).hexdigest())


async def test_what_a_silent_notary_lacks_is_told_and_sent_again(
    app: Litestar, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    house: House = app.state.house
    silent = told(house, anchor_notary="http://127.0.0.1:1")
    await stated(house, 3)

    assert await sink.step(silent) == 0
    assert await sink.step(silent) == 0, "it is not insisted on before the pause is over"
    asked = people.bearer(await people.token(app, "regulator"))
    (seen,) = (await client.get("/v1/regulator/anchors", headers=asked)).json()["places"]
    await due(house)
    async with office(house, tmp_path) as (ours, _):
        assert await sink.step(ours) == 3

    assert (seen["name"], seen["delivered"], seen["behind"]) == ("notary", 0, 3)
    assert seen["behind_s"] >= 120
    assert "ConnectError" in seen["trouble"]
    assert [(each.behind, each.trouble) for each in await kept(house)] == [(0, None)]


async def test_a_past_stated_anew_is_refused_where_the_first_one_is_kept(house: House, tmp_path: Path) -> None:
    async with office(house, tmp_path) as (ours, opened):
        opened.state.notary.keep("e30.eyJubyI6Mn0.c2ln")  # somebody's number 2
        await stated(ours, 3)

        assert await sink.step(ours) == 1
        assert opened.state.notary.following(1) == ["e30.eyJubyI6Mn0.c2ln"]

    (state,) = await kept(house)
    assert (state.delivered, state.behind, state.trouble) == (1, 2, "keeps another anchor as number 2")


@pytest.mark.parametrize("sent", ["", "a.b", "e30.e30.e30", "e30.eyJubyI6MH0.e30", "e30.bnVsbA.e30", "\xff"])
async def test_the_notary_takes_nothing_that_is_no_anchor(tmp_path: Path, sent: str) -> None:
    transport = httpx.ASGITransport(cast("Any", notary.build(tmp_path)))
    async with httpx.AsyncClient(transport=transport, base_url="http://notary") as line:
        answer = await line.post("/anchors", content=sent.encode("latin-1"))
        left = await line.get("/anchors")

    assert answer.status_code == 400
    assert left.text == ""
