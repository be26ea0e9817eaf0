"""Who may call what: every route of the application, asked by every role."""

import re
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar, get
from litestar.handlers import HTTPRouteHandler

from app.auth import guard
from app.auth.principal import ROLES, Role
from app.auth.scopes import PUBLIC, SCOPES, allowed, held_by
from app.settings import Settings
from tests.app.auth.people import house_of, minted
from tests.app.people import bearer


def _routes(app: Litestar) -> list[tuple[str, str, str]]:
    """List (method, path with made-up ids, scope) of every route that is not public."""
    found = []
    for route in app.routes:
        for handler in cast("list[HTTPRouteHandler]", getattr(route, "route_handlers", [])):
            scope = handler.opt.get("scope", PUBLIC)
            path = re.sub(r"\{(\w+):[^}]*\}", r"\1_nobody_has", route.path)
            found += [(str(method), path, scope) for method in handler.http_methods if scope != PUBLIC]
    return found


def _word(answer: httpx.Response) -> str | None:
    """Give the word of a refusal: the `code` of our problems, the `error` of the standards'."""
    body = answer.json()
    return cast("str | None", body.get("code") or body.get("error"))


@pytest.mark.asyncio
@pytest.mark.parametrize("role", ROLES)
async def test_a_role_passes_where_its_scopes_are_named_and_nowhere_else(
    app: Litestar, client: httpx.AsyncClient, role: Role
) -> None:
    routes = _routes(app)
    assert routes

    token = await minted(house_of(app), role)
    for method, path, scope in routes:
        answer = await client.request(method, path, headers=bearer(token.access_token))
        refused = answer.status_code == 403 and _word(answer) == "insufficient_scope"
        assert refused == (scope not in held_by(role)), (method, path, scope, answer.text)
        if not refused and method != "GET":  # signing out is among what passes, and it would hide what comes after
            token = await minted(house_of(app), role)


@pytest.mark.asyncio
async def test_nobody_passes_without_a_token(app: Litestar, client: httpx.AsyncClient) -> None:
    for method, path, _ in _routes(app):
        answer = await client.request(method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"].startswith("DPoP")


@pytest.mark.asyncio
async def test_a_narrow_token_passes_only_where_it_was_cut_to(app: Litestar, client: httpx.AsyncClient) -> None:
    token = await minted(house_of(app), "resident", asked=frozenset({"me:read"}))

    me = await client.get("/v1/me", headers=bearer(token.access_token))
    sign_out = await client.delete("/v1/auth/session", headers=bearer(token.access_token))

    assert me.json()["scopes"] == ["me:read"]
    assert sign_out.json()["code"] == "insufficient_scope"
    assert 'error="insufficient_scope"' in sign_out.headers["www-authenticate"]
    assert 'scope="me:write"' in sign_out.headers["www-authenticate"]


@pytest.mark.asyncio
@pytest.mark.parametrize("presented", ["", "DPoP", "Bearer", "Bearer x", "Basic YTpi", "Digest x", "x", "DPoP  x"])
async def test_what_is_no_token_is_refused(client: httpx.AsyncClient, presented: str) -> None:
    answer = await client.get("/v1/me", headers={"Authorization": presented})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("DPoP")


@pytest.mark.asyncio
async def test_a_refused_caller_is_counted_like_any_other(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/me")

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert "ratelimit" in answer.headers


@pytest.mark.asyncio
async def test_two_tokens_are_one_too_many(app: Litestar, client: httpx.AsyncClient) -> None:
    token = (await minted(house_of(app), "resident")).access_token
    header = ("Authorization", f"Bearer {token}")

    assert (await client.get("/v1/me", headers=[header])).status_code == 200
    assert (await client.get("/v1/me", headers=[header, header])).status_code == 401


@pytest.mark.asyncio
async def test_options_names_methods_without_a_token(client: httpx.AsyncClient) -> None:
    answer = await client.options("/v1/me")

    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, OPTIONS")


def _handler(**opt: object) -> HTTPRouteHandler:
    @get("/x", opt=opt)
    async def handler() -> None: ...

    return handler


@pytest.mark.parametrize("opt", [{}, {"scope": None}, {"scope": "cards:wriet"}, {"scope": ""}, {"scopes": "me:read"}])
def test_a_route_nobody_decided_about_stops_the_start(opt: dict[str, Any]) -> None:
    with pytest.raises(guard.OpenRoute):
        guard.check_routes([_handler(**opt)])


def test_a_route_with_a_scope_starts() -> None:
    guard.check_routes([_handler(scope=PUBLIC), *(_handler(scope=scope) for scope in SCOPES)])


@pytest.mark.parametrize("role", ROLES)
def test_a_token_never_holds_more_than_its_role_may(role: Role) -> None:
    assert allowed(role, [*SCOPES, "unknown"]) == {scope for scope, roles in SCOPES.items() if role in roles}


def test_the_environment_of_these_tests_takes_bearer_tokens(settings: Settings) -> None:
    assert settings.virtual
