"""Officers and statuses over HTTP: what a change closes and opens, for whom, and with which reasons."""

from typing import Any

import httpx
import pytest
from litestar import Litestar

from app.http import ids
from app.seed import Seeded
from tests.app.people import bearer, keyed, residents, token

pytestmark = pytest.mark.asyncio


async def held_by(client: httpx.AsyncClient, officer: str, who: Seeded) -> dict[str, Any]:
    path = f"/v1/officer/residents/{ids.show('resident', who.subject)}/statuses"
    [held] = (await client.get(path, headers=bearer(officer))).json()["statuses"]
    return dict(held)


async def change(
    client: httpx.AsyncClient, officer: str, held: dict[str, Any], act: str, reason: str | None = None
) -> httpx.Response:
    body = {"act": act, "reason_code": reason}
    return await client.post(f"/v1/officer/statuses/{held['id']}/changes", json=body, headers=keyed(officer))


async def test_what_needs_the_status_is_closed_while_it_does_not_stand(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    [who], officer = await residents(app, 1, start=31), await token(app, "officer")
    held = await held_by(client, officer, who)
    consent = (await client.get("/v1/invest/consent", headers=bearer(who.access_token))).json()

    async def tried() -> list[tuple[int, str | None]]:
        opened = await client.post("/v1/wallets", headers=keyed(who.access_token))
        offered = await client.post("/v1/me/credential-offers", json={}, headers=bearer(who.access_token))
        agreed = await client.put(
            "/v1/invest/consent", json={"text_sha256": consent["text_sha256"]}, headers=bearer(who.access_token)
        )
        return [(answer.status_code, answer.json().get("code")) for answer in (opened, offered, agreed)]

    closed = [(403, "not_e_resident")] * 3
    open_ = await tried()
    assert not set(open_) & set(closed)
    for act, reason, found in (
        ("suspend", "not_confirmed", closed),
        ("restore", None, open_),
        ("revoke", "not_confirmed", closed),
    ):
        changed = await change(client, officer, held, act, reason)
        assert changed.status_code == 201, changed.text
        assert await tried() == found

    assert {**held, "state": "revoked", "version": 4} == await held_by(client, officer, who)


async def test_a_status_is_changed_by_officers_with_a_reason_and_as_its_life_allows(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    [who], officer = await residents(app, 1, start=32), await token(app, "officer")
    held = await held_by(client, officer, who)
    unknown = {"id": f"status_{'0' * 26}"}

    answers = [
        await change(client, who.access_token, held, "revoke", "not_confirmed"),
        await change(client, officer, held, "revoke"),
        await change(client, officer, held, "suspend", "document_missing"),
        await change(client, officer, held, "restore"),
        await change(client, officer, unknown, "revoke", "not_confirmed"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (403, "insufficient_scope"),
        (422, "unknown_reason"),
        (422, "unknown_reason"),
        (409, "illegal_change"),
        (404, "status_not_found"),
    ]
    assert await held_by(client, officer, who) == held
