"""Closing the books over HTTP: one officer proposes, another one approves."""

import httpx
import pytest
from litestar import Litestar

from app import seed
from tests.app.people import bearer, keyed, token

pytestmark = pytest.mark.asyncio


async def test_two_officers_close_a_period(app: Litestar, client: httpx.AsyncClient) -> None:
    one, two = [await token(app, "officer", of=officer) for officer in seed.OFFICERS]
    asked = {"closed_until": "2026-06-01"}

    proposed = await client.post("/v1/officer/periods", json=asked, headers=keyed(one))
    path = f"/v1/officer/periods/{proposed.json()['id']}"
    alone = await client.post(f"{path}/approval", headers=keyed(one))
    closed = await client.post(f"{path}/approval", headers=keyed(two))
    again = await client.post("/v1/officer/periods", json=asked, headers=keyed(one))
    late = await client.delete(path, headers=bearer(one))
    listed = (await client.get("/v1/officer/periods", headers=bearer(one))).json()["periods"]

    assert (proposed.status_code, proposed.json()["state"]) == (201, "proposed")
    assert (alone.status_code, alone.json()["code"]) == (409, "same_person")
    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    assert (again.status_code, again.json()["code"]) == (409, "period_closed_already")
    assert (late.status_code, late.json()["code"]) == (404, "not_found")
    assert listed == [closed.json()]


async def test_a_day_that_is_not_over_stays_open(app: Litestar, client: httpx.AsyncClient) -> None:
    officer = await token(app, "officer", of=seed.OFFICERS[0])

    answer = await client.post("/v1/officer/periods", json={"closed_until": "2999-01-01"}, headers=keyed(officer))

    assert (answer.status_code, answer.json()["code"]) == (422, "period_not_over")


async def test_a_proposal_can_be_taken_back(app: Litestar, client: httpx.AsyncClient) -> None:
    one, two = [await token(app, "officer", of=officer) for officer in seed.OFFICERS]
    proposed = await client.post("/v1/officer/periods", json={"closed_until": "2026-07-01"}, headers=keyed(one))
    path = f"/v1/officer/periods/{proposed.json()['id']}"

    waiting = await client.post("/v1/officer/periods", json={"closed_until": "2026-08-01"}, headers=keyed(two))
    gone = await client.delete(path, headers=bearer(two))
    after = await client.post(f"{path}/approval", headers=keyed(two))

    assert (waiting.status_code, waiting.json()["code"]) == (409, "period_proposed_already")
    assert gone.status_code == 204
    assert (after.status_code, after.json()["code"]) == (404, "not_found")
