"""The edge: every error of our own is a problem in the caller's language, whatever was asked."""

import re

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import idempotency, ids, main, problems
from app.idempotency_key import Claim
from app.settings import Environment, Settings
from tests.app.people import bearer, keyed, residents, token

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/wallets/you", 404, "not_found"),
        ("DELETE", "/v1/wallets/me", 405, "method_not_allowed"),
        ("POST", "/health/live", 405, "method_not_allowed"),
        ("GET", "/v1/wallets/me", 401, "unauthenticated"),
        ("GET", "/problems/unheard_of", 404, "not_found"),
        ("POST", "/v1/networks/%00/authorizations", 400, "invalid_request"),
        ("GET", "/problems/not_found?a=%00", 400, "invalid_request"),
    ],
)
async def test_what_is_not_served_is_a_problem(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert (found["status"], found["code"], found["type"]) == (status, code, f"/problems/{code}")
    assert found["title"]
    assert found["detail"]
    assert re.fullmatch("[0-9a-f]{32}", found["trace_id"])


async def test_a_method_that_is_not_allowed_names_those_that_are(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/health/live")

    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(("asked", "language"), [("kk", "kk"), ("ru-KZ, en;q=0.5", "ru"), ("fr", "en")])
async def test_a_problem_speaks_the_callers_language(client: httpx.AsyncClient, asked: str, language: str) -> None:
    answer = await client.get("/nowhere", headers={"accept-language": asked})

    assert answer.headers["content-language"] == language
    assert "Accept-Language" in answer.headers["vary"]
    assert answer.json()["title"] == problems.texts()["not_found"][language][0]


async def test_the_callers_trace_goes_on_in_the_problem(client: httpx.AsyncClient) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    answer = await client.get("/v1/wallets/me", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    started = await client.get("/v1/wallets/me", headers={"traceparent": "garbage"})

    assert answer.json()["trace_id"] == trace
    assert started.json()["trace_id"] not in {trace, "0" * 32}


@pytest.mark.parametrize(
    ("headers", "content", "status", "code"),
    [
        ({"content-type": "text/plain"}, b"{}", 415, "unsupported_media_type"),
        ({}, b'{"service": "a"}', 415, "unsupported_media_type"),
        ({"content-type": "application/json"}, b"", 400, "invalid_request"),
        ({"content-type": "application/json"}, b"{", 400, "invalid_request"),
        ({"content-type": "application/json"}, b'{"service": "a", "service": "b"}', 400, "invalid_request"),
        ({"content-type": "application/json"}, b'{"service": "a\\u0000"}', 400, "invalid_request"),
        ({"content-type": "application/json"}, b'{"service": 1}', 400, "invalid_request"),
        ({"content-type": "application/json"}, b'{"service": "a", "else": 1}', 400, "invalid_request"),
        ({"content-type": "application/json"}, b'"' + b"x" * 1_100_000 + b'"', 413, "content_too_large"),
    ],
)
async def test_a_body_that_is_not_what_is_read_is_refused_before_anything_happens(
    app: Litestar, client: httpx.AsyncClient, headers: dict[str, str], content: bytes, status: int, code: str
) -> None:
    newcomer = await token(app, "resident")

    answer = await client.post("/v1/applications", content=content, headers={**keyed(newcomer), **headers})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_fault_of_the_body_is_pointed_at(app: Litestar, client: httpx.AsyncClient) -> None:
    [resident] = await residents(app, 1)
    body = {"transfers": [{"to": "a", "amount": {"amount_minor": 1}}, {"to": "b", "amount": {"amount_minor": "1"}}]}

    answer = await client.post("/v1/transfers/bulk", json=body, headers=keyed(resident.access_token))

    assert answer.json()["errors"] == [
        {"detail": "Expected `int`, got `str`", "pointer": "/transfers/1/amount/amount_minor", "parameter": None}
    ]


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("limit=0", (400, "invalid_request")),
        ("limit=101", (400, "invalid_request")),
        ("limit=x", (400, "invalid_request")),
        ("cursor=nonsense", (422, "bad_cursor")),
    ],
)
async def test_a_parameter_out_of_bounds_is_refused(
    app: Litestar, client: httpx.AsyncClient, query: str, refused: tuple[int, str]
) -> None:
    [resident] = await residents(app, 1)

    answer = await client.get(f"/v1/wallets/me/entries?{query}", headers=bearer(resident.access_token))

    assert (answer.status_code, answer.json()["code"]) == refused


async def test_a_post_that_creates_needs_a_key(app: Litestar, client: httpx.AsyncClient) -> None:
    newcomer = await token(app, "resident")
    body = {"service": "eresidency.assign"}

    missing = await client.post("/v1/applications", json=body, headers=bearer(newcomer))
    malformed = await client.post("/v1/applications", json=body, headers=keyed(newcomer, "a b"))

    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")
    assert (malformed.status_code, malformed.json()["code"]) == (400, "idempotency_key_malformed")


async def test_a_refusal_is_replayed_in_the_first_words(app: Litestar, client: httpx.AsyncClient) -> None:
    newcomer = await token(app, "resident")
    headers = keyed(newcomer, "one-key")

    first = await client.post("/v1/wallets", headers={**headers, "accept-language": "ru"})
    again = await client.post("/v1/wallets", headers={**headers, "accept-language": "kk"})

    assert first.status_code == again.status_code == 403
    assert again.content == first.content
    assert again.headers["content-language"] == "ru"
    assert again.headers["idempotency-replayed"] == "true"


async def test_equal_json_in_another_spelling_is_the_same_request(app: Litestar, client: httpx.AsyncClient) -> None:
    newcomer = await token(app, "resident")
    headers = {**keyed(newcomer, "spelling"), "content-type": "application/json"}

    first = await client.post("/v1/applications", content=b'{"service": "eresidency.assign"}', headers=headers)
    again = await client.post("/v1/applications", content=b'{ "service":"eresidency.assign" }', headers=headers)
    other = await client.post("/v1/applications", content=b'{"service": "other"}', headers=headers)

    assert first.status_code == 201, first.text
    assert again.content == first.content
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_keys_of_two_callers_do_not_meet(app: Litestar, client: httpx.AsyncClient) -> None:
    body = {"service": "eresidency.assign"}
    answers = [
        await client.post("/v1/applications", json=body, headers=keyed(await token(app, "resident"), "shared"))
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]


@pytest.mark.parametrize("path", ["/problems/not_found", "/nowhere", "/v1/wallets/me"])
async def test_every_answer_tells_the_quota(client: httpx.AsyncClient, path: str) -> None:
    answers = [await client.get(path) for _ in range(2)]

    assert re.fullmatch(r'"default";q=\d+;w=60', answers[0].headers["ratelimit-policy"])
    quota = int(re.findall(r"q=(\d+)", answers[0].headers["ratelimit-policy"])[0])
    first, second = (int(re.findall(r"r=(\d+)", answer.headers["ratelimit"])[0]) for answer in answers)
    assert second in {first - 1, quota - 1}, "one less, or the first of a new minute"


async def test_who_is_over_the_quota_is_told_when_to_come_back(settings: Settings) -> None:
    production = msgspec.structs.replace(settings, environment=Environment.PRODUCTION, requests_per_minute=1)
    app = main.build(production)
    async with app.lifespan(), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://house") as client:  # type: ignore[arg-type]  # Litestar types its own ASGI
        answers = [await client.get("/problems/not_found") for _ in range(3)]
        healthy = await client.get("/health/live")

    assert answers[-1].status_code == 429
    assert answers[-1].json()["code"] == "quota_exceeded"
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert healthy.status_code == 200


async def test_a_key_whose_first_request_is_still_running_is_told_to_wait(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    newcomer = ids.new()
    bearer_ = await token(app, "resident", of=newcomer)
    claim = Claim(f"resident:{newcomer}", "running", b"")

    async with app.state.house.api.begin() as first:
        assert await first.scalar(text("SELECT pg_try_advisory_xact_lock(:high, :low)"), idempotency.lock_key(claim))
        body = {"service": "eresidency.assign"}
        waiting = await client.post("/v1/applications", json=body, headers=keyed(bearer_, "running"))
    done = await client.post("/v1/applications", json=body, headers=keyed(bearer_, "running"))

    assert (waiting.status_code, waiting.json()["code"]) == (409, "idempotency_key_in_progress")
    assert waiting.headers["retry-after"]
    assert done.status_code == 201


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/health/startup"])
async def test_it_is_alive_ready_and_started(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
