"""Partner A sees nothing of partner B: over every operation of partners, and in every table of theirs."""

import re
import secrets
from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db, ids, outbox
from app.http import ids as public_ids
from simulators.standard_webhooks import Signer
from tests.app import people

pytestmark = pytest.mark.asyncio

TABLES = {
    "subscription": "partner",
    "inbox": "partner",
    "inbox_conflict": "partner",
    "partner_key": "partner",
    "client_key": "subject",
}
#: What differs between two answers that mean the same.
CHANGING = {"date", "traceparent", "ratelimit", "ratelimit-policy", "dpop-nonce"}


class Enrolled(msgspec.Struct, frozen=True):
    """A partner with a token, a subscription, a key and a message in the inbox."""

    id: UUID
    code: str
    token: str
    subscription: str
    kid: str


@pytest_asyncio.fixture
async def two(app: Litestar, client: httpx.AsyncClient, tmp_path: Any) -> tuple[Enrolled, Enrolled]:  # noqa: ANN401  a path
    return await enrolled(app, client, tmp_path), await enrolled(app, client, tmp_path)


async def enrolled(app: Litestar, client: httpx.AsyncClient, folder: Any) -> Enrolled:  # noqa: ANN401  a path
    code = f"bank-{secrets.token_hex(4)}"
    signer = Signer(folder / code)
    body = {"name": "A bank", "kind": "bank", "key": signer.public, "base_url": "http://127.0.0.1:9101"}
    service = people.bearer(await people.token(app, "service"))
    made = (await client.put(f"/v1/sandbox/partners/{code}", json=body, headers=service)).json()
    mine, wanted = made["access_token"], {"url": "http://127.0.0.1:9101/events", "kinds": ["placement.released"]}
    subscribed = await client.post("/v1/partner/subscriptions", json=wanted, headers=people.keyed(mine))
    assert subscribed.status_code == 201, subscribed.text
    [key] = (await client.get("/v1/partner/keys", headers=people.bearer(mine))).json()["keys"]
    told = b'{"type":"payment.received","data":{}}'
    sent = await client.post(f"/v1/partner/{code}/webhooks", content=told, headers=signer.headers(f"msg_{code}", told))
    assert sent.status_code == 202, sent.text
    partner = public_ids.parse("partner", made["id"])
    return Enrolled(partner, code, mine, subscribed.json()["id"], key["kid"])


def operations(app: Litestar) -> list[tuple[str, str]]:
    """List (method, path) of every operation that partners have a token for."""
    found = []
    for route in app.routes:
        for handler in cast("list[HTTPRouteHandler]", getattr(route, "route_handlers", [])):
            if str(handler.opt.get("scope")).startswith("partner:"):
                found += [(str(method), route.path) for method in handler.http_methods]
    return sorted(found)


def named(path: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+):\w+\}", lambda place: values[place[1]], path)


def meaning(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    headers = {name: value for name, value in answer.headers.items() if name not in CHANGING}
    body = answer.json() if answer.content else None
    if isinstance(body, dict):
        body.pop("trace_id", None)
    return answer.status_code, headers, body


BODIES: dict[str, dict[str, Any]] = {"PATCH": {"active": False}}


async def test_what_is_anothers_is_what_is_nobodys(
    app: Litestar, client: httpx.AsyncClient, two: tuple[Enrolled, Enrolled]
) -> None:
    mine, other = two
    foreign = {"subscription_id": other.subscription, "kid": other.kid}
    random = {"subscription_id": public_ids.show("subscription", ids.new()), "kid": secrets.token_urlsafe(32)}
    asked = [(method, path) for method, path in operations(app) if "{" in path]
    assert {path for _, path in asked} >= {
        "/v1/partner/subscriptions/{subscription_id:str}",
        "/v1/partner/keys/{kid:str}",
    }

    for method, path in asked:
        answers = [
            await client.request(
                method, named(path, values), json=BODIES.get(method), headers=people.keyed(mine.token, if_match='"1"')
            )
            for values in (foreign, random)
        ]
        assert meaning(answers[0]) == meaning(answers[1]), (method, path)
        assert answers[0].status_code == 404, (method, path)

    standing = await client.get(f"/v1/partner/subscriptions/{other.subscription}", headers=people.bearer(other.token))
    assert standing.json()["active"] is True


async def test_a_list_holds_what_is_ones_own(
    app: Litestar, client: httpx.AsyncClient, two: tuple[Enrolled, Enrolled]
) -> None:
    mine, other = two
    lists = [path for method, path in operations(app) if method == "GET" and "{" not in path]
    assert len(lists) >= 3

    for path in lists:
        answer = await client.get(path, headers=people.bearer(mine.token))
        assert answer.status_code == 200, path
        for secret in (other.subscription, other.kid, other.code, str(other.id)):
            assert secret not in answer.text, path
    own = (await client.get("/v1/partner/subscriptions", headers=people.bearer(mine.token))).json()["subscriptions"]
    assert [each["id"] for each in own] == [mine.subscription]


async def test_the_database_shows_a_partner_its_own_rows(app: Litestar, two: tuple[Enrolled, Enrolled]) -> None:
    mine, other = two
    for audience, holder in (("partner", mine.id), ("partner", None), ("public", None), ("", None)):
        async with db.transaction(app.state.house.api, holder=holder, audience=audience) as story:
            seen = {table: await _owners(await story(), table) for table in TABLES}
        assert all(owners <= ({mine.id} if holder else set()) for owners in seen.values()), (audience, seen)
        assert (seen["inbox"], seen["subscription"]) == (({mine.id},) * 2 if holder else (set(),) * 2)

    # The control: without the wall the same look finds the other's rows, so it would notice a hole.
    async with db.transaction(app.state.house.api, audience="service") as story:
        for table in ("subscription", "inbox", "client_key"):
            assert await _owners(await story(), table) >= {mine.id, other.id}, table


async def _owners(connection: AsyncConnection, table: str) -> set[UUID]:
    query = text(f"SELECT DISTINCT {TABLES[table]} FROM app.{table}")  # noqa: S608  names of the table above
    return set(await connection.scalars(query))


async def test_the_same_wall_hides_what_was_delivered(app: Litestar, two: tuple[Enrolled, Enrolled]) -> None:
    mine, other = two
    while await outbox.step(app.state.house):
        pass
    async with db.transaction(app.state.house.worker) as story:
        connection = await story()
        queued = text(
            "INSERT INTO app.delivery (subscription, sequence, position, aggregate, due_at)"
            " SELECT id, 1, (SELECT max(position) FROM app.feed), id, now() FROM app.subscription WHERE partner = :id"
        )
        await connection.execute(queued, {"id": other.id})

    seen = {}
    for who in two:
        async with db.transaction(app.state.house.api, holder=who.id, audience="partner") as story:
            seen[who.code] = await (await story()).scalar(text("SELECT count(*) FROM app.delivery"))
    assert seen == {mine.code: 0, other.code: 1}
