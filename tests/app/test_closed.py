"""Every answer is closed unless its route says otherwise: to caches, to other origins, to whoever keeps us waiting.

Asked of the whole application in memory; of the edge alone where that is enough; over sockets where they matter.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from app import edge, main, reference, strict
from app.edge import Edge
from app.limits import Quotas
from app.settings import Settings
from tests.app.people import bearer, keyed, residents, token
from tests.app.serving import PATIENCE_S, serving, speak

_NOTHING = Litestar(openapi_config=None)
pytestmark = pytest.mark.asyncio

CLOSED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
}
OFTEN_ASKED = [
    ("GET", "/health/live", 200),
    ("GET", "/nowhere", 404),
    ("GET", "/v1/me", 401),
    ("PATCH", "/v1/me", 405),
    ("OPTIONS", "/v1/me", 204),
    ("GET", "/problems/unheard_of", 404),
    ("GET", "/problems/not_found?a=%00", 400),
    ("POST", "/oauth/token", 400),
    ("POST", "/v1/partner/nobody/webhooks", 401),
]


@pytest.mark.parametrize(("method", "path", "status"), OFTEN_ASKED)
async def test_every_answer_is_closed(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in CLOSED} == CLOSED
    assert len(answer.headers.get_list("cache-control")) == 1
    assert "strict-transport-security" not in answer.headers, "this issuer is http"
    assert not {"server", "x-powered-by"} & answer.headers.keys()


async def test_what_somebody_signed_in_is_answered_is_never_kept(app: Litestar, client: httpx.AsyncClient) -> None:
    [resident] = await residents(app, 1)
    paths = [
        path
        for route in app.routes
        for handler in getattr(route, "route_handlers", [])
        if isinstance(handler, HTTPRouteHandler) and handler.http_methods == {"GET"}
        if handler.opt.get("scope", "public") != "public" and "{" not in (path := route.path)
    ]

    answers = {path: await client.get(path, headers=bearer(resident.access_token)) for path in paths}

    assert sum(answer.is_success for answer in answers.values()) > 8
    assert {path for path, answer in answers.items() if answer.headers["cache-control"] != "no-store"} == set()


async def test_only_what_is_public_may_be_kept_or_read_from_elsewhere(app: Litestar) -> None:
    open_ = {
        str(handler.operation_id): handler.opt
        for route in app.routes
        for handler in getattr(route, "route_handlers", [])
        if {"cache", "cors", "csp"} & handler.opt.keys()
    }

    assert {"getStatusList", "getCredentialIssuerMetadata", "getProblemDescription"} <= open_.keys()
    assert {opt["scope"] for opt in open_.values()} == {"public"}


async def test_no_handler_lets_an_answer_be_kept_by_itself() -> None:
    """One that may be kept says so beside its path, where it can be seen."""
    said = [
        path.name
        for path in Path(edge.__file__).parent.rglob("*.py")
        if re.search(r'"cache-control": (?!"no-store")', path.read_text(encoding="utf-8"), re.IGNORECASE)
    ]

    assert said == []


async def test_a_public_document_may_be_kept_and_read_from_anywhere_and_its_refusal_may_not(
    client: httpx.AsyncClient,
) -> None:
    found = await client.get("/problems/not_found", headers={"origin": "https://wallet.example"})
    missing = await client.get("/problems/unheard_of", headers={"origin": "https://wallet.example"})

    assert (found.headers["cache-control"], found.headers["access-control-allow-origin"]) == (
        "public, max-age=3600",
        "*",
    )
    assert missing.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in missing.headers


async def test_no_page_of_another_origin_is_let_in(app: Litestar, client: httpx.AsyncClient) -> None:
    [resident] = await residents(app, 1)
    asking = {"origin": "https://evil.example", "access-control-request-method": "POST"}

    preflight = await client.options("/v1/transfers", headers=asking)
    answer = await client.get("/v1/wallets/me", headers=bearer(resident.access_token, origin="null"))

    for told in (preflight.headers, answer.headers):
        assert [name for name in told if name.startswith("access-control-")] == []


async def test_a_page_brings_its_own_policy(client: httpx.AsyncClient) -> None:
    page = await client.get("/schema/")

    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"] == reference.CSP
    assert "'unsafe" not in reference.CSP
    assert "frame-ancestors 'none'" in reference.CSP


async def test_browsers_are_held_to_https_where_the_issuer_is(settings: Settings) -> None:
    app = main.build(msgspec.structs.replace(settings, issuer="https://id.example"))
    transport = httpx.ASGITransport(cast("Any", app))
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="https://id.example") as client:
        answers = [await client.request(method, path) for method, path, _ in OFTEN_ASKED]

    assert {answer.headers.get("strict-transport-security") for answer in answers} == {
        "max-age=63072000; includeSubDomains"
    }


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "PROPFIND", "BREW", "HEAD"])
@pytest.mark.parametrize("path", ["/v1/me", "/health/live", "/oauth/token"])
async def test_a_method_nobody_serves_is_not_allowed(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path)

    assert (answer.status_code, bool(answer.headers["allow"])) == (405, True)
    assert "trace" not in answer.headers["allow"].lower()


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
async def test_a_method_is_not_overridden(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get("/health/live", headers={name: "DELETE"})).status_code == 200
    assert (await client.post("/health/live?_method=GET", headers={name: "GET"})).status_code == 405


@pytest.mark.parametrize("name", ["Content-Type", "Host", "Idempotency-Key", "If-Match", "Webhook-Id"])
async def test_what_is_said_once_is_not_said_twice(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get("/health/live", headers=httpx.Headers([(name, "a"), (name, "b")]))

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("query", ["a=1&a=1", "a=1&b=2&a=", "a&a", "limit=1&%6Cimit=2", "a+b=1&a%20b=2"])
async def test_a_parameter_is_not_given_twice(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/health/live?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert (await client.get("/health/live?a=1&b=1")).status_code == 200


@pytest.mark.parametrize("packed", ["gzip", "deflate", "br", "gzip, identity"])
async def test_a_body_comes_unpacked(app: Litestar, client: httpx.AsyncClient, packed: str) -> None:
    headers = keyed(await token(app, "resident"), content_encoding=packed, content_type="application/json")

    answer = await client.post("/v1/applications", content=b"\x1f\x8b", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_body_of_no_declared_length_has_a_size_too(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * settings.body_max_bytes:
            sent += 65_536
            yield b" " * 65_536

    headers = keyed(await token(app, "resident"), content_type="application/json")
    answer = await client.post("/v1/applications", content=endless(), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (413, "content_too_large")
    assert answer.headers["connection"] == "close"
    assert sent < 3 * settings.body_max_bytes


def behind_the_edge(inside: Any, deadline_s: float = 0.05) -> Any:  # noqa: ANN401  any ASGI
    """Put the edge before something that stands for the application, which has not started."""
    made = Edge(inside, Quotas(1_000_000), https=False, deadline_s=deadline_s)

    async def served(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
        scope["litestar_app"] = _NOTHING
        await made(scope, receive, send)

    return served


async def told(application: Any, **request: Any) -> httpx.Response:  # noqa: ANN401  httpx's own
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://house") as client:
        return await client.request("POST", "/", **request)


async def test_what_takes_too_long_is_given_up_and_its_outcome_is_not_guessed() -> None:
    undone = asyncio.Event()

    async def slow(scope: object, receive: object, send: object) -> None:  # noqa: ARG001  ASGI
        try:
            await asyncio.Event().wait()
        finally:
            undone.set()

    answer = await asyncio.wait_for(told(behind_the_edge(slow)), PATIENCE_S)

    assert (answer.status_code, answer.json()["code"]) == (503, "outcome_unknown")
    assert answer.headers["retry-after"]
    assert undone.is_set()
    assert {name: answer.headers.get(name) for name in CLOSED} == CLOSED


async def test_a_route_may_take_longer_by_saying_so() -> None:
    finished = asyncio.Event()

    async def report(scope: Any, receive: object, send: Any) -> None:  # noqa: ANN401, ARG001  ASGI
        await edge.may_take(60)(cast("Any", type("Request", (), {"scope": scope})))
        asyncio.get_running_loop().call_later(0.2, finished.set)
        await finished.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    assert (await told(behind_the_edge(report))).status_code == 200


async def reads(scope: object, receive: Any, send: Any) -> None:  # noqa: ANN401, ARG001  ASGI
    """Answer when the body is whole."""
    while (await receive())["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def refuses(scope: object, receive: object, send: Any) -> None:  # noqa: ANN401, ARG001  ASGI
    """Answer without a look at the body."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def test_a_body_that_drips_is_not_waited_for() -> None:
    with serving(behind_the_edge(reads, deadline_s=0.1)) as port:
        answered = await speak(port, b"POST / HTTP/1.1\r\nHost: house\r\nContent-Length: 100\r\n\r\n", b"a")

    assert (answered.statuses, answered.closed) == ([408], True)


async def test_a_body_nobody_wanted_is_read_away_and_the_next_request_is_in_step() -> None:
    with serving(behind_the_edge(refuses, deadline_s=5)) as port:
        large = b"POST / HTTP/1.1\r\nHost: house\r\nContent-Length: 200000\r\n\r\n" + b"a" * 200_000
        answered = await speak(port, large, b"GET / HTTP/1.1\r\nHost: house\r\nConnection: close\r\n\r\n")

    assert answered.statuses == [401, 401]


async def test_a_body_that_waits_for_a_word_is_not_asked_for() -> None:
    waits = b"POST / HTTP/1.1\r\nHost: house\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
    with serving(behind_the_edge(refuses, deadline_s=5)) as port:
        answered = await speak(port, waits)

    assert (answered.statuses, answered.closed) == ([401], True)


async def test_whoever_leaves_in_the_middle_of_a_body_is_no_fault_of_ours() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    heard: list[Any] = []

    async def send(message: Any) -> None:  # noqa: ANN401  ASGI
        heard.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": [(b"content-length", b"5")]}
    with pytest.raises(strict.CutShort):
        await behind_the_edge(reads)(scope, gone, send)

    assert heard == []


@pytest.mark.asyncio
async def test_options_names_every_method_of_a_path(client: httpx.AsyncClient) -> None:
    for path, methods in (("/v1/cards", "GET, OPTIONS, POST"), ("/v1/cards/card_1", "GET, OPTIONS, PATCH")):
        assert (await client.options(path)).headers["allow"] == methods
