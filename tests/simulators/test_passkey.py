"""The stand-alone script, used as an outside tester would: a process of its own against a server of its own."""

import asyncio
import json
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import cbor2
import msgspec
import pytest
import uvicorn
from litestar import Litestar

from app import main
from app.auth.operations import OPERATIONS
from app.settings import Settings
from simulators import passkey
from simulators.passkey import Script
from simulators.phone import Phone
from tests.app.auth.post import post_of
from tests.postgres import ROOT

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def _served(settings: Settings) -> AsyncIterator[str]:
    async with _serving(settings) as (address, _):
        yield address


@asynccontextmanager
async def _serving(settings: Settings) -> AsyncIterator[tuple[str, Litestar]]:
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # who connects before the server has started waits
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        told = msgspec.structs.replace(settings, issuer=address, origins=("http://localhost:1",))
        app = main.build(told)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield address, app
        finally:
            server.should_exit = True
            await serving


async def _run(address: str, keys: Path, *words: str) -> Any:  # noqa: ANN401  whatever JSON it prints, or its complaint
    command = [sys.executable, str(ROOT / "simulators" / "passkey.py"), "--keys", str(keys)]
    command += ["--origin", "http://localhost:1", address, *words]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=keys.parent
    )
    printed, complaint = await process.communicate()
    return json.loads(printed) if process.returncode == 0 else complaint.decode()


async def test_a_stranger_registers_calls_renews_and_confirms_by_script(settings: Settings, tmp_path: Path) -> None:
    keys = tmp_path / "passkey.json"
    async with _served(settings) as address:
        registered = await _run(address, keys, "register")
        me = await _run(address, keys, "call", "GET", "/v1/me")
        refreshed = await _run(address, keys, "refresh")
        signed_in = await _run(address, keys, "sign-in")
        shown = json.dumps(dict.fromkeys(OPERATIONS["invest.confirm"].shows, "Банк"))
        confirmed = await _run(address, keys, "step-up", "invest.confirm", shown)
        headers = await _run(address, keys, "proof", "GET", "/v1/me")
        signed_out = await _run(address, keys, "call", "DELETE", "/v1/auth/session")
        complaint = await _run(address, keys, "call", "GET", "/v1/me")

    assert me["id"] == registered["subject"] == signed_in["subject"]
    assert refreshed["refresh_token"] != registered["refresh_token"]
    assert confirmed["id"].startswith("step_up_")
    assert set(headers) == {"Authorization", "DPoP"}
    assert signed_out == {"status": 204}
    assert "session_ended" in complaint
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600


async def test_a_stranger_adds_a_device_and_comes_back_by_script(settings: Settings, tmp_path: Path) -> None:
    def script(name: str) -> closing[Script]:
        return closing(Script(address, tmp_path / name, "http://localhost:1"))

    async with _serving(settings) as (address, app), Phone(address, origin="http://localhost:1") as phone:
        tokens = await phone.register()
        with script("second") as second, script("third") as third:
            step_up = await phone.step_up("device.add", {"account": tokens.subject})
            added = await phone.post("/v1/me/devices", {"step_up": step_up})
            joined = await asyncio.to_thread(second.register, added["invitation"])
            named = {"kind": "email", "value": "script@example.com"}
            async with post_of(app.state.house) as post:
                await phone.add_contact("email", named["value"], post.code)
                begun = await asyncio.to_thread(third.ask, "POST", "/v1/auth/recoveries", named)
                code = {"code": await post.code(named["value"])}
            await asyncio.to_thread(third.ask, "POST", f"/v1/auth/recoveries/{begun['id']}/code", code)
            returned = await asyncio.to_thread(third.recover, begun["id"])

    assert joined["subject"] == returned["subject"] == tokens.subject


async def test_the_script_says_what_is_missing(tmp_path: Path) -> None:
    complaint = await _run("http://127.0.0.1:1", tmp_path / "passkey.json", "sign-in")

    assert "register first" in complaint


@pytest.mark.parametrize(
    "value", [0, 23, 24, 255, 256, 65_535, -1, -7, -257, b"", b"x" * 300, "", "é" * 40, {1: 2, 3: -7, "a": {"b": b"c"}}]
)
async def test_the_scripts_cbor_is_cbor(value: object) -> None:
    assert cbor2.loads(passkey.cbor(value)) == value
