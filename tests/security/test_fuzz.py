"""schemathesis over the whole contract, as four roles, all checks: no fault of ours, nothing the contract does not say.

The nightly run makes at least ten thousand requests; each change runs the examples of the contract as a resident.
Requests come from somebody who owns a thing of every kind and stays signed in (`Guided`), or they would all be answered
401 and 404, and prove nothing.
"""

import functools
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from app import ids, main
from app.auth.principal import Role
from app.settings import Settings
from tests.security import contract
from tests.security.doing import Owned
from tests.security.world import Caller, World

_HERE = Path(__file__).parent
_ROLES: tuple[Role, ...] = ("resident", "officer", "partner", "regulator")
_CASES_MIN = 10_000
#: What schemathesis sends for a token; `Guided` knows whose.
_WORD = "the-callers"
_CONTRACT = "/schema/openapi.json"
#: The Idempotency-Key of the examples.
_KEY = b'"0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"'
_MAX_TIME_S = "150"
_SEED = "20260425"
_PATIENCE_S = 240.0


@contextmanager
def serving(asgi: Any) -> Iterator[str]:  # noqa: ANN401  any ASGI application
    """Serve an application on loopback, in a thread of its own."""
    server = uvicorn.Server(uvicorn.Config(asgi, port=0, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            thread.join(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


class Found(msgspec.Struct, frozen=True):
    """How many requests a run made, whether every one was answered as the contract says, and what it printed."""

    requests: int
    clean: bool
    said: str


def fuzzed(url: str, *options: str) -> Found:
    """Run schemathesis against `url`, which has written its contract before: it waits for that ten seconds alone."""
    httpx.get(f"{url}{_CONTRACT}", trust_env=False, timeout=_PATIENCE_S).raise_for_status()
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(_HERE / "fuzz.toml")),
        *("run", f"{url}{_CONTRACT}", "--url", url, "--header", f"Authorization: Bearer {_WORD}"),
        *("--checks", "all", "--seed", _SEED, "--no-color", "--generation-database", "none"),
        # Text here holds neither NUL nor half a surrogate pair: refused at the door (tests/security/test_bodies.py).
        *("--generation-allow-x00", "false", "--generation-codec", "utf-8"),
        *("--request-timeout", f"{_PATIENCE_S:.0f}", *options),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=_HERE.parent.parent)
    counted = re.search(r"(\d+) generated", ended.stdout)
    return Found(int(counted[1]) if counted else 0, ended.returncode == 0, ended.stdout + ended.stderr)


@pytest.mark.asyncio
async def test_the_examples_of_the_contract_are_answered_as_it_says(settings: Settings, app: Litestar) -> None:
    with serving(Guided(main.build(settings), Caller("resident"), {})) as address:
        found = fuzzed(address, "--phases", "examples")

    assert found.clean, found.said
    assert found.requests > len(contract.operations(app)) / 2


@pytest.mark.asyncio
async def test_a_fault_and_an_unknown_answer_are_seen(settings: Settings, app: Litestar) -> None:  # noqa: ARG001  a house
    built = main.build(settings)
    with serving(Guided(built, Caller("resident"), {}, inside=Faulty(built))) as address:
        found = fuzzed(address, "--include-path", "/v1/me", "--phases", "examples,coverage")

    assert not found.clean
    assert "Undocumented" in found.said, found.said


@pytest.mark.nightly
@pytest.mark.asyncio
async def test_ten_thousand_requests_are_answered_as_the_contract_says(settings: Settings, living: World) -> None:
    runs = {}
    for role in _ROLES:
        with serving(Guided(main.build(settings), living.callers[role], living.mine.get(role, {}))) as address:
            runs[role] = fuzzed(address, "--max-examples", "20", "--max-time", _MAX_TIME_S)

    assert all(run.clean for run in runs.values()), "\n".join(run.said for run in runs.values() if not run.clean)
    assert sum(run.requests for run in runs.values()) >= _CASES_MIN


class Faulty:
    """A planted defect: who am I? is answered as if it were created."""

    def __init__(self, inside: ASGIApp) -> None:
        self.inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def telling(message: Message) -> None:
            if scope["type"] == ScopeType.HTTP and scope["path"] == "/v1/me":
                message = {**message, "status": 202} if message["type"] == "http.response.start" else message
            await send(message)

        await self.inside(scope, receive, telling)


class Guided:
    """Leads a fuzzer in: it is somebody, the ids in the examples are of things that are theirs, no key comes twice.

    Whatever ends the session of the run, the next request comes with a new one.
    """

    def __init__(self, app: Litestar, caller: Caller, owned: Owned, *, inside: ASGIApp | None = None) -> None:
        self.app = app
        self.inside = inside or app
        self.caller = caller
        self.owned = {kind: min(texts) for kind, texts in owned.items() if texts}
        self.token: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            is_caller = await self._lead(scope)
            await self.inside(scope, receive, functools.partial(self._tell, scope, send, is_caller=is_caller))
        else:
            await self.inside(scope, receive, send)

    async def _lead(self, scope: HTTPScope) -> bool:
        headers = dict(scope["headers"])
        if is_caller := headers.get(b"authorization") == f"Bearer {_WORD}".encode():
            self.token = self.token or await self.caller.token(self.app)
            headers[b"authorization"] = f"Bearer {self.token}".encode()
        if headers.get(b"idempotency-key") == _KEY:
            headers[b"idempotency-key"] = str(ids.new()).encode()
        scope["headers"] = list(headers.items())
        return is_caller

    async def _tell(self, scope: HTTPScope, send: Send, message: Message, *, is_caller: bool) -> None:
        if message["type"] == "http.response.start" and message["status"] == HTTPStatus.UNAUTHORIZED and is_caller:
            self.token = None
        if message["type"] == "http.response.body" and scope["path"] == _CONTRACT:
            body = contract.ID.sub(lambda found: self.owned.get(found[1], found[0]), message["body"].decode())
            message = {**message, "body": body.encode()}
        await send(message)
