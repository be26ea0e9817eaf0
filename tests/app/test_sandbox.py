"""What outside testers get: residents by number, a clock that moves, events of partners; none of it in production."""

from datetime import datetime
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import clock as clock_
from app import house, main, worker
from app.settings import Environment, Settings
from tests.app.people import bearer, keyed, residents, token, wallet

pytestmark = pytest.mark.asyncio
KEY = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="


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


async def test_an_event_put_in_is_acted_on_like_a_partners_own(app: Litestar, client: httpx.AsyncClient) -> None:
    operator = await token(app, "service")
    [resident] = await residents(app, 1, start=60)
    partner = {"name": "Demo Bank Altai", "kind": "bank", "base_url": "http://127.0.0.1:9", "key": KEY}
    enrolled = await client.put("/v1/sandbox/partners/altai", json=partner, headers=bearer(operator))
    assert enrolled.status_code == 200, enrolled.text
    body = {
        "partner": "altai",
        "id": "the-same",
        "type": "payment.received",
        "data": {
            "payment_id": "P-1",
            "reference": wallet(resident),
            "amount_minor": 700_00,
            "currency": "KZT",
            "payer": {"name": "ERIKA MUSTERMANN"},
        },
    }
    before = (await client.get("/v1/wallets/me", headers=bearer(resident.access_token))).json()

    answers = [await client.post("/v1/sandbox/events", json=body, headers=keyed(operator)) for _ in range(3)]
    await worker.catch_up(app.state.house)

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    after = (await client.get("/v1/wallets/me", headers=bearer(resident.access_token))).json()
    assert after["available"]["amount_minor"] - before["available"]["amount_minor"] == 700_00


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


async def test_the_clock_stops_where_terms_can_no_longer_be_computed(app: Litestar, client: httpx.AsyncClient) -> None:
    operator = await token(app, "service")

    answer = await client.post("/v1/sandbox/clock", json={"seconds": 86_400 * 366 * 9}, headers=keyed(operator))

    assert (answer.status_code, answer.json()["code"]) == (422, "beyond_calendar")


@pytest.mark.fresh
async def test_production_does_not_start_by_a_moved_clock(settings: Settings, app: Litestar) -> None:
    async with app.state.house.api.begin() as connection:
        await connection.execute(text("UPDATE app.clock SET advanced_by = interval '1 day'"))
    for_real = msgspec.structs.replace(settings, environment=Environment.PRODUCTION)

    with pytest.raises(clock_.Moved):
        async with house.opened(for_real):
            pass
