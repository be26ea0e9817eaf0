"""Anchors: each minute every log's head is signed once, chained, and anybody can check it; a receipt leads there."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import anchor, clock, db, outbox
from app.anchor import Anchor
from app.auth.principal import Role
from app.house import House
from proof import chain, merkle
from tests.app import people
from tests.wallet.ledgers import funded, kzt, move, opened, post

pytestmark = pytest.mark.asyncio

MINUTE = timedelta(minutes=1)


async def stated(house: House, ago: int) -> bool:
    """State the heads, as of so many minutes ago."""
    minute = clock.real().replace(second=0, microsecond=0) - ago * MINUTE
    async with db.transaction(house.worker) as story:
        return await anchor.state(await story(), house.keys.audit, house.settings.issuer, minute)


async def anchors(house: House) -> list[Anchor]:
    async with house.report.connect() as connection:
        return await anchor.following(connection, 0, 100)


def read(house: House, jws: str) -> dict[str, Any]:
    """Read an anchor as anybody would: with the published key and somebody else's library."""
    key = jwt.PyJWK(house.keys.audit.public_jwk)
    assert jwt.get_unverified_header(jws)["typ"] == "anchor+jws"
    found: dict[str, Any] = jwt.decode(jws, key, algorithms=["EdDSA"], issuer=house.settings.issuer)
    return found


@pytest.mark.fresh
async def test_a_minute_is_stated_once_however_many_workers_there_are(house: House) -> None:
    done = await asyncio.gather(*(anchor.step(house) for _ in range(4)))
    again = await anchor.step(house)

    # Where the minute ended meanwhile there are two, each of its own.
    found = await anchors(house)
    assert sum(done) + again == len(found)
    assert len({each.minute for each in found}) == len(found)


@pytest.mark.fresh
async def test_a_clock_that_went_back_states_nothing(house: House) -> None:
    assert await stated(house, 2)
    assert not await stated(house, 3)


@pytest.mark.fresh
async def test_an_anchor_states_every_log_and_names_the_one_before(house: House) -> None:
    assert await stated(house, 1)
    [source] = await funded(house.api, house.posting, house.money, [50])
    await move(house.money, post(source, await opened(house.api), kzt(20)))
    while await outbox.step(house):
        pass
    assert await stated(house, 0)

    first, second = await anchors(house)
    before, now = read(house, first.jws), read(house, second.jws)
    assert before["prev"] is None
    assert now["prev"] == hashlib.sha256(first.jws.encode()).hexdigest()
    assert (now["no"], now["minute"]) == (2, anchor.shown(second.minute))
    assert [head["log"] for head in now["heads"]] == ["feed", "security", "lane/1"]
    assert {head["position"] for head in before["heads"]} == {0}
    async with house.report.connect() as connection:
        feed = (await connection.execute(text("SELECT position, hash FROM app.feed ORDER BY position"))).all()
        lane = (await connection.execute(text("SELECT block, head FROM wallet.lane"))).one()
    heads = {head["log"]: head for head in now["heads"]}
    assert (heads["feed"]["position"], heads["feed"]["hash"]) == (feed[-1].position, feed[-1].hash.hex())
    assert heads["feed"]["root"] == merkle.root([row.hash for row in feed]).hex()
    assert (heads["lane/1"]["position"], heads["lane/1"]["hash"]) == (lane.block, lane.head.hex())
    assert (heads["security"]["position"], heads["security"]["root"]) == (0, merkle.EMPTY_ROOT.hex())


@pytest.mark.fresh
async def test_anybody_reads_the_anchors_and_the_key(house: House, client: httpx.AsyncClient) -> None:
    for ago in (2, 1, 0):
        await stated(house, ago)

    newest = (await client.get("/v1/public/anchors", params={"limit": 2})).json()
    first = (await client.get("/v1/public/anchors", params={"after": 0, "limit": 1})).json()

    assert [each["no"] for each in newest["anchors"]] == [2, 3]
    assert [each["no"] for each in first["anchors"]] == [1]
    assert newest["key"] == house.keys.audit.public_jwk
    assert read(house, newest["anchors"][1]["jws"])["no"] == 3


async def test_regulators_and_officers_see_where_anchors_are_kept(app: Litestar, client: httpx.AsyncClient) -> None:
    await stated(app.state.house, 0)
    asked: list[tuple[Role, str, int]] = [
        ("regulator", "/v1/regulator/anchors", 200),
        ("officer", "/v1/officer/anchors", 200),
        ("resident", "/v1/regulator/anchors", 403),
        ("resident", "/v1/officer/anchors", 403),
        ("partner", "/v1/regulator/anchors", 403),
    ]

    for role, path, status in asked:
        answer = await client.get(path, headers=people.bearer(await people.token(app, role)))

        assert answer.status_code == status
        if status == 200:
            assert len(answer.json()["anchors"]) >= 1
            assert answer.json()["places"] == []


@pytest.mark.fresh
async def test_a_receipt_leads_from_the_transfer_to_the_signature(app: Litestar, client: httpx.AsyncClient) -> None:
    """By hand, as a resident would years later: from the leaf to the block, and from the block to the statement."""
    house = app.state.house
    payer, payee = await people.residents(app, 2)
    await people.send(client, payer, payee, 5)
    await stated(house, 1)
    sent = [(await people.send(client, payer, payee, tenge)).json()["id"] for tenge in (1, 2, 3)]
    path = f"/v1/transfers/{sent[1]}/receipt"
    asked = people.bearer(payer.access_token)

    early = (await client.get(path, headers=asked)).json()
    await stated(house, 0)
    receipt = (await client.get(path, headers=asked)).json()

    assert early["anchor"] is None
    assert {**receipt, "anchor": None} == early
    siblings = [bytes.fromhex(each) for each in receipt["path"]]
    root = bytes.fromhex(receipt["root"])
    assert merkle.verify(bytes.fromhex(receipt["leaf"]), receipt["index"], receipt["size"], siblings, root)
    block = chain.encode(receipt["lane"], receipt["block"], receipt["first_seq"], receipt["last_seq"], root)
    head = chain.Chain("wallet/v1").extend(bytes.fromhex(receipt["prev"]), block)
    assert head.hex() == receipt["hash"]
    anchored = receipt["anchor"]
    said = next(each for each in read(house, anchored["jws"])["heads"] if each["log"] == "lane/1")
    among = [bytes.fromhex(each) for each in anchored["path"]]
    assert merkle.verify(head, anchored["index"], anchored["size"], among, bytes.fromhex(said["root"]))
    assert (anchored["no"], said["after"] + anchored["index"] + 1) == (2, receipt["block"])


@pytest.mark.fresh
async def test_where_nothing_happened_the_anchor_repeats_the_heads(house: House) -> None:
    [source] = await funded(house.api, house.posting, house.money, [50])
    await move(house.money, post(source, await opened(house.api), kzt(20)))
    await stated(house, 1)
    await stated(house, 0)

    first, second = (read(house, each.jws)["heads"] for each in await anchors(house))
    for before, now in zip(first, second, strict=True):
        assert (now["position"], now["hash"], now["after"]) == (before["position"], before["hash"], before["position"])
        assert now["root"] == merkle.EMPTY_ROOT.hex()
