"""What outside testers get: residents by number, a clock that moves, events of partners; none of it in production."""

from datetime import datetime
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from app import main, worker
from app.settings import Environment, Settings
from tests.app.people import bearer, keyed, token

pytestmark = pytest.mark.asyncio


async def test_residents_are_made_by_number_and_found_again(app: Litestar, client: httpx.AsyncClient) -> None:
    operator = await token(app, "service")

    made = await client.post("/v1/sandbox/residents", json={"count": 3, "start": 40}, headers=bearer(operator))
    again = await client.post("/v1/sandbox/residents", json={"count": 3, "start": 40}, headers=bearer(operator))

    assert made.status_code == 201, made.text
    residents = made.json()["residents"]
    assert [each["number"] for each in residents] == [40, 41, 42]
    assert [each["wallet"] for each in again.json()["residents"]] == [each["wallet"] for each in residents]
    for each in again.json()["residents"]:
        wallet = (await client.get("/v1/wallets/me", headers=bearer(each["access_token"]))).json()
        assert wallet["available"]["amount_minor"] == 100_000_000, "funded once"
        standing = (await client.get("/v1/identity/standing", headers=bearer(each["access_token"]))).json()
        assert standing["identified"]


@pytest.mark.fresh
async def test_the_clock_moves_forward_and_the_worker_catches_up(app: Litestar, client: httpx.AsyncClient) -> None:
    operator = await token(app, "service")
    await worker.catch_up(app.state.house)
    before = await clock(client, operator)
    assert before["caught_up"], before

    moved = await client.post("/v1/sandbox/clock", json={"seconds": 86_400 * 31}, headers=keyed(operator, "a-month"))
    again = await client.post("/v1/sandbox/clock", json={"seconds": 86_400 * 31}, headers=keyed(operator, "a-month"))

    assert moved.status_code == 200, moved.text
    assert again.content == moved.content
    now = await clock(client, operator)
    passed = datetime.fromisoformat(now["now"]) - datetime.fromisoformat(before["now"])
    assert 31 <= passed.days <= 31
    await worker.catch_up(app.state.house)
    assert (await clock(client, operator))["caught_up"]


@pytest.mark.parametrize("seconds", [0, -1, 10**12])
async def test_the_clock_does_not_go_back(app: Litestar, client: httpx.AsyncClient, seconds: int) -> None:
    operator = await token(app, "service")

    answer = await client.post("/v1/sandbox/clock", json={"seconds": seconds}, headers=keyed(operator))

    assert answer.status_code == 400


async def test_residents_may_not_operate_the_sandbox(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await token(app, "resident")

    answer = await client.post("/v1/sandbox/clock", json={"seconds": 1}, headers=keyed(resident))

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


async def test_production_serves_nothing_of_it(settings: Settings) -> None:
    for_real = main.build(msgspec.structs.replace(settings, environment=Environment.PRODUCTION))

    assert not [route.path for route in for_real.routes if route.path.startswith("/v1/sandbox")]


async def clock(client: httpx.AsyncClient, operator: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/v1/sandbox/clock", headers=bearer(operator))).json()
    return found
