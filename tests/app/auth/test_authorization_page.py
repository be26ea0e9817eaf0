"""The page on which a resident approves a wallet, and what the authorisation server says of itself."""

import asyncio
import base64
import hashlib
import html.parser
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from litestar import Litestar
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app import main
from app.auth import par
from app.http.oauth import page
from app.language import Language
from app.settings import Settings
from simulators.passkey import Passkey, b64
from tests.app.auth import oauth
from tests.app.auth.oauth import CALLBACK, Wallet
from tests.app.serving import serving

BROWSER = Path(__file__).with_name("browser.mjs")

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wallet(app: Litestar, client: httpx.AsyncClient) -> Wallet:
    return await oauth.wallet(app, client)


@pytest.fixture(scope="module")
def port(settings: Settings) -> Iterator[int]:
    """Serve the house to a browser."""
    with serving(main.build(settings), lifespan="on") as found:
        yield found


class Elements(html.parser.HTMLParser):
    """Collects what a page would load and run."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: dict[str, list[str]] = {"script": [], "style": []}
        self._in = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.loads += [f"{tag} {name}" for name in said if name in {"src", "href", "action"} or name.startswith("on")]
        self._in = tag if tag in self.inline and said.get("type") != "application/json" else ""

    def handle_data(self, data: str) -> None:
        if self._in:
            self.inline[self._in].append(data)
            self._in = ""


@pytest.mark.parametrize("tag", Language)
async def test_the_page_runs_its_own_script_and_nothing_else(wallet: Wallet, tag: Language) -> None:
    query = {"client_id": wallet.name, "request_uri": await wallet.pushed(), "ui_locales": f"{tag}-KZ"}
    answer = await wallet.http.get("/oauth/authorize", params=query)

    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    found = Elements()
    found.feed(answer.text)
    assert (answer.status_code, answer.headers["content-language"]) == (200, tag)
    assert found.loads == []
    for name in ("script", "style"):
        [content] = found.inline[name]
        assert (
            policy[f"{name}-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
        )
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert "http" not in re.sub(r"https?-equiv", "", answer.text)
    assert bool(re.search("[а-яёәіңғүұқөһ]", answer.text)) is (tag != Language.EN)


async def test_the_page_opens_nothing_by_being_looked_at(wallet: Wallet) -> None:
    uri = await wallet.pushed()
    for _ in range(2):
        answer = await wallet.http.get("/oauth/authorize", params={"client_id": wallet.name, "request_uri": uri})
        assert answer.status_code == 200

    assert (await wallet.open(uri)).status_code == 201


NOWHERE: dict[str, dict[str, str]] = {
    "nothing": {},
    "no pushed request": {
        "client_id": "WALLET",
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "code_challenge": "a" * 43,
        "code_challenge_method": "S256",
    },
    "an unknown request": {"client_id": "WALLET", "request_uri": par.PREFIX + "A" * 43},
    "somebody's request by its address": {"client_id": "WALLET", "request_uri": "https://evil.example/x"},
    "a script": {"client_id": "<script>alert(1)</script>", "request_uri": "javascript:alert(1)"},
    "an error to be sent on": {"client_id": "WALLET", "redirect_uri": "https://evil.example", "error": "x"},
}


@pytest.mark.parametrize("query", NOWHERE.values(), ids=NOWHERE)
async def test_the_page_sends_nobody_anywhere(wallet: Wallet, query: dict[str, str]) -> None:
    asked = {name: value.replace("WALLET", wallet.name) for name, value in query.items()}
    answer = await wallet.http.get("/oauth/authorize", params=asked)

    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "<script" not in answer.text
    assert "evil.example" not in answer.text
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("press", ["approve", "deny"])
async def test_the_script_asks_signs_and_goes_where_it_is_sent(
    app: Litestar, port: int, settings: Settings, wallet: Wallet, press: str
) -> None:
    holder = await oauth.holder_of(app, settings)
    seen = await _looked_at(port, settings, wallet, await wallet.pushed(), holder.passkey, press)

    told = oauth.parameters(seen["to"])
    assert seen["shown"] == {
        "said": page._WORDS["en"]["ask"],  # noqa: SLF001  the texts as they are read
        "wallet": f"Silk Wallet ({wallet.name})",
        "gets": page._WORDS["en"]["e_resident_sd_jwt"],  # noqa: SLF001  as above
        "goes": CALLBACK,
    }
    assert seen["to"].startswith(CALLBACK)
    assert told.get("error") == (None if press == "approve" else "access_denied")
    if press == "approve":
        assert (await wallet.redeem(told["code"])).status_code == 200


@pytest.mark.parametrize("declined", [False, True])
async def test_the_script_says_when_a_passkey_does_not_sign(
    app: Litestar, port: int, settings: Settings, wallet: Wallet, *, declined: bool
) -> None:
    holder = await oauth.holder_of(app, settings)
    other = Passkey(settings.rp_id, holder.passkey.user_handle)
    seen = await _looked_at(port, settings, wallet, await wallet.pushed(), None if declined else other)

    assert (seen["shown"]["said"], seen["to"]) == (page._WORDS["en"]["failed"], None)  # noqa: SLF001  as above


async def test_the_script_says_when_a_request_is_over(port: int, settings: Settings, wallet: Wallet) -> None:
    seen = await _looked_at(port, settings, wallet, await wallet.pushed(), None, "reload")

    assert (seen["asks"], seen["shown"]["said"]) == (False, page._WORDS["en"]["over"])  # noqa: SLF001  as above


async def test_a_script_the_policy_does_not_name_is_not_run(settings: Settings, wallet: Wallet) -> None:
    """A planted defect: one letter of the script is another."""
    uri = await wallet.pushed()
    with serving(Altered(main.build(settings)), lifespan="on") as port, pytest.raises(AssertionError, match="policy"):
        await _looked_at(port, settings, wallet, uri, None)


class Altered:
    """Writes something into the page's script on its way out."""

    def __init__(self, inside: ASGIApp) -> None:
        self.inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def altering(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": message["body"].replace(b'"use strict";', b'"use Strict";')}
            await send(message)

        await self.inside(scope, receive, altering)


async def _looked_at(
    port: int, settings: Settings, wallet: Wallet, uri: str, passkey: Passkey | None, press: str = "approve"
) -> dict[str, Any]:
    """Open the page as a browser would, and press a button (browser.mjs)."""
    if (node := shutil.which("node")) is None:
        pytest.skip("needs Node, as `make openapi-lint` does: apt-get install nodejs")
    asked = {
        "base": f"http://127.0.0.1:{port}",
        "query": urlencode({"client_id": wallet.name, "request_uri": uri, "ui_locales": "en"}),
        "press": press,
        "origin": settings.origins[0],
        "passkey": _held(passkey) if passkey is not None else None,
    }
    browser = await asyncio.create_subprocess_exec(
        node, BROWSER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    told, failed = await browser.communicate(json.dumps(asked).encode())
    assert browser.returncode == 0, failed.decode()
    seen: dict[str, Any] = json.loads(told)
    return seen


def _held(passkey: Passkey) -> dict[str, Any]:
    """Put a passkey into the browser's hands."""
    key = passkey._private.private_bytes(  # noqa: SLF001  the browser signs with it
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"id": b64(passkey.id), "user": passkey.user_handle, "uses": passkey.uses + 1, "key": key.decode()}


async def test_every_language_says_everything() -> None:
    words = page._WORDS  # noqa: SLF001  the texts as they are read
    assert set(words) == set(Language)
    assert len({frozenset(each) for each in words.values()}) == 1
    assert set(par.SCOPES.values()) <= set(words["en"])


async def test_the_metadata_is_what_is_served(app: Litestar, client: httpx.AsyncClient) -> None:
    told = (await client.get("/.well-known/oauth-authorization-server")).json()
    paths = {route.path for route in app.routes}
    for name, value in told.items():
        if name.endswith("_endpoint"):
            assert value.removeprefix(told["issuer"]) in paths, name
    assert told["require_pushed_authorization_requests"] is True
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["response_types_supported"] == ["code"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert "authorization_code" in told["grant_types_supported"]
