"""The whole application on one page: what is served, what every request passes, what every error becomes."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.routes import HTTPRoute

from app import house as house_
from app import openapi, problems, refusals
from app.auth import authenticate, guard
from app.auth.principal import Principal
from app.db import Story, telling
from app.edge import Edge
from app.house import House
from app.http import mobile, oauth, officer, partner, public, regulator, sandbox, signed, wallet_openid
from app.http.mobile import stepups
from app.idempotency import Once
from app.limits import Quotas
from app.settings import Settings
from app.strict import StrictRequest


def build(settings: Settings) -> Litestar:
    """Compose the application; nothing is opened before it starts."""
    routes = [
        *public.routes,
        *mobile.routes,
        *oauth.routes,
        *wallet_openid.routes,
        *officer.routes,
        *partner.routes,
        *regulator.routes,
        *(sandbox.routes if settings.virtual else ()),
    ]
    guard.check_routes(routes)
    quotas = Quotas(settings.requests_per_minute, virtual=settings.virtual)
    quotas.check_routes(routes)
    app = Litestar(
        routes,
        lifespan=[_lifespan],
        state=State({"settings": settings}),
        request_class=StrictRequest,
        request_max_body_size=settings.body_max_bytes,
        middleware=[authenticate.Entrance(quotas), signed.SignedAnswers()],
        dependencies={
            "house": Provide(_house, sync_to_thread=False),
            "me": Provide(_me, sync_to_thread=False),
            "story": Provide(_story),
            "once": Provide(_once, sync_to_thread=False),
        },
        exception_handlers={
            HTTPException: problems.on_http,
            **dict.fromkeys(refusals.REFUSALS, problems.on_refusal),
            Exception: problems.on_any,
        },
        after_exception=[stepups.remember],
        openapi_config=openapi.config(routes),
        logging_config=None,  # app/log.py says what is written; the framework's would write arguments
    )
    methods = {route.path_format: set(route.methods) for route in app.routes if isinstance(route, HTTPRoute)}
    app.asgi_handler = Edge(app.asgi_handler, quotas, https=settings.issuer.startswith("https://"), methods=methods)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    async with house_.opened(app.state.settings) as house:
        app.state.house = house
        yield


def _house(request: Request[Any, Any, State]) -> House:
    found: House = request.app.state.house
    return found


# Each of these asks for the one before: what a handler wants side by side, Litestar would make a task for each of.


def _me(request: Request[Any, Any, State], house: NamedDependency[House]) -> Principal:  # noqa: ARG001  as said above
    found: Principal = request.auth
    return found


async def _story(
    request: Request[Any, Any, State],
    me: NamedDependency[Principal | None],  # noqa: ARG001  as said above
) -> AsyncGenerator[Story, None]:
    """One transaction for the request; Litestar ends it before the first byte of the answer."""
    caller: Principal | None = request.auth
    source = request.app.state.house.api
    holder = caller.holder if caller else None
    audience, actor = (caller.role, caller.actor) if caller else ("public", "")
    operation = str(request.route_handler.operation_id)
    async with telling(Story(source, holder=holder, audience=audience, actor=actor, operation=operation)) as story:
        yield story


def _once(request: Request[Any, Any, State], story: NamedDependency[Story]) -> Once:
    caller: Principal = request.auth
    return Once(request, story, caller.actor)
