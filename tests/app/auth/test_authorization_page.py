"""The page on which a resident approves a wallet, and what the authorisation server says of itself."""

import base64
import hashlib
import html.parser
import re

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app.auth import par
from app.http.oauth import page
from app.language import Language
from tests.app.auth import oauth
from tests.app.auth.oauth import CALLBACK, Wallet

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wallet(app: Litestar, client: httpx.AsyncClient) -> Wallet:
    return await oauth.wallet(app, client)


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
