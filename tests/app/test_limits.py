"""Quotas: one count for one caller, whichever process is asked and whatever the request says of its sender."""

import functools
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import msgspec
import pytest
from litestar import Litestar, get
from litestar.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app import limits, main
from app.limits import Policy, Quotas, UnknownQuota
from app.settings import Environment, Settings
from simulators.phone import Phone
from tests.app.auth.people import phone, registered

QUOTA = 5


@asynccontextmanager
async def _production(settings: Settings, process: int = 1) -> AsyncIterator[Litestar]:
    """Run a process of the installation, as production counts, with few requests a minute."""
    few = msgspec.structs.replace(settings, environment=Environment.PRODUCTION, requests_per_minute=QUOTA)
    app = _built(few, process)
    async with app.lifespan():
        yield app


@functools.cache
def _built(settings: Settings, _: int) -> Litestar:
    return main.build(settings)


def _client(app: object, settings: Settings, address: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(cast("Any", app), client=(address, 40_000))
    return httpx.AsyncClient(transport=transport, base_url=settings.issuer)


def _left(answer: httpx.Response) -> int:
    found = re.fullmatch(r'"[a-z-]+";r=(\d+);t=\d+', answer.headers["ratelimit"])
    assert found, answer.headers
    return int(found[1])


@asynccontextmanager
async def _as(mine: Phone, app: Litestar, settings: Settings) -> AsyncIterator[Phone]:
    async with phone(app, settings) as same:
        same.device, same.tokens, same.nonce = mine.device, mine.tokens, mine.nonce
        yield same


@pytest.mark.asyncio
async def test_a_subject_has_one_quota_in_all_processes(app: Litestar, settings: Settings) -> None:
    async with (
        registered(app, settings) as mine,
        registered(app, settings) as other,
        _production(settings) as one,
        _production(settings, 2) as two,
        _as(mine, one, settings) as here,
        _as(mine, two, settings) as there,
        _as(other, one, settings) as elsewhere,
    ):
        answers = [await process.call("GET", "/v1/me") for _ in range(QUOTA + 1) for process in (here, there)]
        neighbour = await elsewhere.call("GET", "/v1/me")

    over = [answer for answer in answers if answer.status_code == 429]
    # Two windows at most, if a minute ended meanwhile: alone, each process would have let all but one in.
    assert QUOTA * 2 >= len(answers) - len(over) >= QUOTA
    assert {answer.json()["code"] for answer in over} == {"quota_exceeded"}
    assert {_left(answer) for answer in over} == {0}
    assert all(0 < int(answer.headers["retry-after"]) <= 60 for answer in over)
    assert neighbour.status_code == 200


@pytest.mark.asyncio
async def test_signing_in_is_counted_by_address_over_all_processes(settings: Settings) -> None:
    async with _production(settings) as one, _production(settings, 2) as two:
        left = []
        for app in (one, two, one, two):
            async with _client(app, settings, "198.51.100.7") as client:
                answer = await client.post("/v1/auth/assertions")
                assert answer.headers["ratelimit-policy"].startswith('"sign-in";')
                left.append(_left(answer))
        async with _client(one, settings, "198.51.100.8") as client:
            neighbour = _left(await client.post("/v1/auth/assertions"))

    assert sum(later == before - 1 for before, later in itertools.pairwise(left)) >= 2
    assert neighbour == max(left)


@pytest.mark.asyncio
@pytest.mark.parametrize("trusted", [False, True], ids=["nobody is trusted", "behind a trusted proxy"])
async def test_who_calls_himself_otherwise_each_time_is_counted_as_one(settings: Settings, trusted: bool) -> None:
    async with _production(settings) as app:
        served = ProxyHeadersMiddleware(cast("Any", app), trusted_hosts="127.0.0.1") if trusted else app
        async with _client(served, settings) as client:
            # The proxy adds whom it saw; what stands before is what the caller wrote.
            fields = [{"X-Forwarded-For": f"203.0.113.{n}, 198.51.100.20"} for n in range(4)]
            left = [_left(await client.post("/v1/auth/assertions", headers=each)) for each in fields]
            another = await client.post("/v1/auth/assertions", headers={"X-Forwarded-For": "198.51.100.21"})

    assert sum(later == before - 1 for before, later in itertools.pairwise(left)) >= 2
    assert (_left(another) == max(left)) is trusted


@pytest.mark.asyncio
async def test_over_the_quota_a_token_is_not_even_looked_at(settings: Settings) -> None:
    async with _production(settings) as app, _client(app, settings) as client:
        answers = [await client.get("/v1/me", headers={"Authorization": f"DPoP {n}"}) for n in range(2 * QUOTA + 2)]

    assert {answer.status_code for answer in answers} == {401, 429}


@pytest.mark.parametrize(
    ("peer", "caller"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_a_caller_is_an_address_or_the_network_somebody_is_given(peer: str, caller: str) -> None:
    assert limits.address(cast("Scope", {"client": (peer, 1)})) == caller


def test_whoever_comes_from_nowhere_is_one_caller() -> None:
    assert limits.address(cast("Scope", {"client": None})) == "unknown"


def test_what_is_left_is_told_in_the_words_of_the_draft() -> None:
    policy = Policy("codes", 60, 600)

    assert policy.left(20, 1_200_000_001).fields() == [
        (b"ratelimit-policy", b'"codes";q=60;w=600'),
        (b"ratelimit", b'"codes";r=40;t=599'),
    ]
    assert policy.left(61, 1_200_000_599).fields()[1] == (b"ratelimit", b'"codes";r=0;t=1')


def test_a_route_with_a_class_nobody_decided_about_stops_the_start() -> None:
    @get("/x", opt={"quota": "sing-in"})
    async def handler() -> None: ...

    with pytest.raises(UnknownQuota):
        Quotas(1).check_routes([handler])


def test_who_measures_an_installation_for_tests_does_not_measure_its_quota() -> None:
    assert Quotas(7, virtual=True).of({}).quota == 100 * Quotas(7).of({}).quota
