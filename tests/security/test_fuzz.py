"""schemathesis over the whole contract, as four roles, all checks: no fault of ours, nothing the contract does not say.

The nightly run makes at least ten thousand requests; each change runs the examples of the contract as a resident.
"""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app import main
from app.auth.principal import Role
from app.settings import Settings
from tests.app import people
from tests.security import contract

_HERE = Path(__file__).parent
_ROLES: tuple[Role, ...] = ("resident", "officer", "partner", "regulator")
_CASES_MIN = 10_000
#: Would end the very session that the run uses.
_SPARED = ("--exclude-path", "/v1/auth/session")
_MAX_TIME_S = "75"
_SEED = "20260425"


@contextmanager
def serving(asgi: Any) -> Iterator[str]:  # noqa: ANN401  any ASGI application
    """Serve an application on loopback, in a thread of its own."""
    server = uvicorn.Server(uvicorn.Config(asgi, port=0, log_level="critical", lifespan="on"))
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


def fuzzed(url: str, token: str, *options: str) -> Found:
    """Run schemathesis against `url`."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(_HERE / "fuzz.toml")),
        *("run", f"{url}/schema/openapi.json", "--url", url, "--header", f"Authorization: Bearer {token}"),
        *("--checks", "all", "--seed", _SEED, "--no-color", "--generation-database", "none"),
        # Text here holds neither NUL nor half a surrogate pair: refused at the door (tests/security/test_bodies.py).
        *("--generation-allow-x00", "false", "--generation-codec", "utf-8", *options),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=_HERE.parent.parent)
    counted = re.search(r"(\d+) generated", ended.stdout)
    return Found(int(counted[1]) if counted else 0, ended.returncode == 0, ended.stdout + ended.stderr)


@pytest.fixture(scope="module")
def url(settings: Settings) -> Iterator[str]:
    with serving(main.build(settings)) as address:
        yield address


@pytest.mark.asyncio(loop_scope="module")
async def test_the_examples_of_the_contract_are_answered_as_it_says(app: Litestar, url: str) -> None:
    found = fuzzed(url, await people.token(app, "resident"), *_SPARED, "--phases", "examples")

    assert found.clean, found.said
    assert found.requests > len(contract.operations(app)) / 2


@pytest.mark.asyncio(loop_scope="module")
async def test_a_fault_and_an_unknown_answer_are_seen(app: Litestar, settings: Settings) -> None:
    token = await people.token(app, "resident")
    with serving(Faulty(main.build(settings))) as address:
        found = fuzzed(address, token, "--include-path", "/v1/me", "--phases", "examples,coverage")

    assert not found.clean
    assert "Undocumented" in found.said, found.said


@pytest.mark.nightly
@pytest.mark.asyncio(loop_scope="module")
async def test_ten_thousand_requests_are_answered_as_the_contract_says(app: Litestar, url: str) -> None:
    runs = {
        role: fuzzed(url, await people.token(app, role), *_SPARED, "--max-examples", "20", "--max-time", _MAX_TIME_S)
        for role in _ROLES
    }

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
