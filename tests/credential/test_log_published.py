"""The issuance log over HTTP: a holder fetches receipts, a stranger mirrors the log, both check it without us."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import cli, clock, db
from app.credentials import issuance_log
from app.seed import Seeded
from proof import merkle
from residency.credential import jws
from residency.credential.transparency import log
from simulators.passkey import Json
from simulators.wallet_app import Held, WalletApp
from tests.app.people import bearer
from tests.credential.people import offered, resident

pytestmark = pytest.mark.asyncio


async def issued(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp, *, copies: int
) -> tuple[Seeded, list[Held]]:
    holder = await resident(app)
    return holder, await wallet.accept(await offered(client, holder), copies=copies)


async def merge(app: Litestar) -> None:
    house = app.state.house
    async with db.transaction(house.worker) as story:
        seal, later = house.credentials.authority.log, story.now + log.WAITS
        await log.merge(await story(), seal, url=house.settings.issuer, now=later, at=clock.real())


async def receipts(client: httpx.AsyncClient, holder: Seeded) -> Json:
    listed = (await client.get("/v1/me/credentials", headers=bearer(holder.access_token))).json()["credentials"]
    path = f"/v1/me/credentials/{listed[0]['id']}/receipts"
    answer = await client.get(path, headers=bearer(holder.access_token))
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    capsys.readouterr()  # what the server wrote
    code = cli.run(("issuance", *words))
    return code, json.loads(capsys.readouterr().out)


async def test_a_holder_proves_that_his_copy_was_issued_in_the_open(
    app: Litestar,
    client: httpx.AsyncClient,
    wallet: WalletApp,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    holder, held = await issued(app, client, wallet, copies=2)
    assert [copy["receipt"] for copy in (await receipts(client, holder))["copies"]] == [None, None]
    await merge(app)
    told = await receipts(client, holder)
    for name, content in (
        ("copy", f"{held[1].signed}~".encode()),
        ("receipts.json", json.dumps(told).encode()),
        ("one.json", json.dumps(told["copies"][0]["receipt"]).encode()),
        ("root.pem", (await client.get("/.well-known/eresidency-root.pem")).content),
    ):
        (tmp_path / name).write_bytes(content)
    given = ("receipt", "--copy", str(tmp_path / "copy"), "--root", str(tmp_path / "root.pem"), "--receipt")

    places = {(copy["status_list"], copy["idx"]) for copy in told["copies"]}
    assert places == {tuple(one.claims["status"]["status_list"][name] for name in ("uri", "idx")) for one in held}
    code, answer = asked(capsys, *given, str(tmp_path / "receipts.json"))
    assert (code, answer["proven"], answer["issuer"]) == (0, True, app.state.house.settings.issuer)
    singly = [
        json.dumps(copy["receipt"])
        for copy in told["copies"]
        if copy["idx"] != held[1].claims["status"]["status_list"]["idx"]
    ]
    (tmp_path / "one.json").write_text(singly[0])
    assert asked(capsys, *given, str(tmp_path / "one.json")) == (
        1,
        {"proven": False, "reason": "not_in_the_log", "issuer": None, "day": None, "size": None},
    )


async def test_a_stranger_mirrors_the_log_and_sees_that_it_only_grows(
    app: Litestar,
    client: httpx.AsyncClient,
    wallet: WalletApp,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    heads = []
    for _ in range(2):
        await issued(app, client, wallet, copies=1)
        await merge(app)
        heads.append((await client.get("/v1/public/issuance-log")).json()["head"])
    first, second = (head["size"] for head in heads)
    everything: list[str] = []
    path = "/v1/public/issuance-log/entries"
    while page := (await client.get(path, params={"start": len(everything), "limit": 1_024})).json()["entries"]:
        everything += page
    proof = await client.get("/v1/public/issuance-log/consistency", params={"first": first, "second": second})
    listed = await client.get("/v1/public/issuance-log/heads", params={"after": first - 1, "limit": 2})

    leaves = [jws.unb64(entry) for entry in everything]
    for head in heads:
        assert jws.parse(head["jws"]).payload["root"] == jws.b64(merkle.root(leaves[: head["size"]]))
    assert listed.json()["heads"] == heads
    for name, content in (
        ("former", heads[0]["jws"]),
        ("latter", heads[1]["jws"]),
        ("proof", proof.text),
        ("root", (await client.get("/.well-known/eresidency-root.pem")).text),
    ):
        (tmp_path / name).write_text(content)
    given = [f"--{name}={tmp_path / name}" for name in ("former", "latter", "proof", "root")]
    code, answer = asked(capsys, "growth", *given)
    assert (code, answer["proven"], answer["size"]) == (0, True, second)
    (tmp_path / "proof").write_text(json.dumps({"path": [*proof.json()["path"], "A" * 43]}))
    assert asked(capsys, "growth", *given)[1]["reason"] == "not_consistent"


async def test_sizes_nobody_signed_are_not_proved(app: Litestar, client: httpx.AsyncClient, wallet: WalletApp) -> None:
    await issued(app, client, wallet, copies=1)
    await merge(app)
    size = (await client.get("/v1/public/issuance-log")).json()["head"]["size"]

    for first, second in ((size - 1, size), (size, size + 1)):
        sizes = {"first": first, "second": second}
        answer = await client.get("/v1/public/issuance-log/consistency", params=sizes)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_another_residents_receipts_are_not_found(
    app: Litestar, client: httpx.AsyncClient, wallet: WalletApp
) -> None:
    holder, _ = await issued(app, client, wallet, copies=1)
    stranger = await resident(app)
    listed = (await client.get("/v1/me/credentials", headers=bearer(holder.access_token))).json()["credentials"]

    path = f"/v1/me/credentials/{listed[0]['id']}/receipts"
    answer = await client.get(path, headers=bearer(stranger.access_token))

    assert answer.status_code == 404


async def test_the_worker_merges_what_has_waited(app: Litestar, client: httpx.AsyncClient, wallet: WalletApp) -> None:
    await issued(app, client, wallet, copies=3)
    await merge(app)
    assert await issuance_log.step(app.state.house) == 0

    await issued(app, client, wallet, copies=3)
    assert await issuance_log.step(app.state.house) == 0
    await advanced_by(app, "1 minute")
    assert await issuance_log.step(app.state.house) == 3
    await advanced_by(app, "0")


async def advanced_by(app: Litestar, time: str) -> None:
    async with db.transaction(app.state.house.api, audience="service") as story:
        statement = text("UPDATE app.clock SET advanced_by = CAST(:time AS interval)")
        await (await story()).execute(statement, {"time": time})
