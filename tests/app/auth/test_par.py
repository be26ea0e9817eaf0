"""What wallets push, and every way in which that is refused (RFC 9126, RFC 7636, RFC 9449)."""

from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app.auth import par
from simulators.passkey import DeviceKey
from tests.app.auth import oauth
from tests.app.auth.oauth import CALLBACK, Wallet
from tests.app.auth.people import house_of, story_of
from tests.planted import planted

FORM = "application/x-www-form-urlencoded"
pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wallet(app: Litestar, client: httpx.AsyncClient) -> Wallet:
    return await oauth.wallet(app, client)


PUSHED: dict[str, tuple[dict[str, str | None], int, str]] = {
    "no PKCE": ({"code_challenge": None, "code_challenge_method": None}, 400, "invalid_request"),
    "no challenge": ({"code_challenge": None}, 400, "invalid_request"),
    "an empty challenge": ({"code_challenge": ""}, 400, "invalid_request"),
    "a short challenge": ({"code_challenge": "a" * 42}, 400, "invalid_request"),
    "a long challenge": ({"code_challenge": "a" * 44}, 400, "invalid_request"),
    "a challenge with padding": ({"code_challenge": "a" * 42 + "="}, 400, "invalid_request"),
    "plain PKCE": ({"code_challenge_method": "plain"}, 400, "invalid_request"),
    "PKCE of no method": ({"code_challenge_method": None}, 400, "invalid_request"),
    "PKCE in small letters": ({"code_challenge_method": "s256"}, 400, "invalid_request"),
    "no client": ({"client_id": None}, 401, "invalid_client"),
    "an unknown client": ({"client_id": "nobody-knows"}, 401, "invalid_client"),
    "a client with a NUL": ({"client_id": "a\x00"}, 400, "invalid_request"),
    "no address": ({"redirect_uri": None}, 400, "invalid_request"),
    "an address with a slash more": ({"redirect_uri": CALLBACK.replace("?", "/?")}, 400, "invalid_request"),
    "an address with a parameter more": ({"redirect_uri": CALLBACK + "&x=1"}, 400, "invalid_request"),
    "an address with a parameter less": ({"redirect_uri": CALLBACK.partition("?")[0]}, 400, "invalid_request"),
    "an address with a fragment": ({"redirect_uri": CALLBACK + "#x"}, 400, "invalid_request"),
    "an address in capitals": ({"redirect_uri": CALLBACK.replace("wallet", "WALLET")}, 400, "invalid_request"),
    "an address by http": ({"redirect_uri": CALLBACK.replace("https", "http")}, 400, "invalid_request"),
    "an address below": ({"redirect_uri": CALLBACK.replace("callback", "callback/x")}, 400, "invalid_request"),
    "an address above": ({"redirect_uri": CALLBACK.replace("callback", "x/../callback")}, 400, "invalid_request"),
    "an address of a name within": (
        {"redirect_uri": CALLBACK.replace("//wallet", "//evil.example@wallet")},
        400,
        "invalid_request",
    ),
    "an address of a longer name": (
        {"redirect_uri": CALLBACK.replace(".example", ".example.evil.example")},
        400,
        "invalid_request",
    ),
    "an address with a port": ({"redirect_uri": CALLBACK.replace(".example", ".example:443")}, 400, "invalid_request"),
    "an address in other letters": ({"redirect_uri": CALLBACK.replace("c", "%63", 1)}, 400, "invalid_request"),
    "an address that is a script": ({"redirect_uri": "javascript:alert(1)"}, 400, "invalid_request"),
    "no response type": ({"response_type": None}, 400, "unsupported_response_type"),
    "a token at once": ({"response_type": "token"}, 400, "unsupported_response_type"),
    "a code and a token": ({"response_type": "code token"}, 400, "unsupported_response_type"),
    "an answer in the fragment": ({"response_mode": "fragment"}, 400, "invalid_request"),
    "a request of a request": ({"request_uri": par.PREFIX + "x"}, 400, "invalid_request"),
    "a request object": ({"request": "e30.e30.e30"}, 400, "invalid_request"),
    "nothing asked": ({"scope": None}, 400, "invalid_scope"),
    "an empty scope": ({"scope": " "}, 400, "invalid_scope"),
    "another scope": ({"scope": "credential:e_resident_sd_jwt wallet:write"}, 400, "invalid_scope"),
    "a resident's scope": ({"scope": "me:read"}, 400, "invalid_scope"),
    "details that are none": ({"authorization_details": "x"}, 400, "invalid_authorization_details"),
    "empty details": ({"authorization_details": "[]"}, 400, "invalid_authorization_details"),
    "details of another type": (
        {"authorization_details": '[{"type":"payment"}]'},
        400,
        "invalid_authorization_details",
    ),
    "details of another credential": (
        {"authorization_details": oauth.details("passport")},
        400,
        "invalid_authorization_details",
    ),
    "a long state": ({"state": "a" * 513}, 400, "invalid_request"),
    "a state with a line break": ({"state": "a\r\nSet-Cookie: x"}, 400, "invalid_request"),
    "another key than that of the proof": ({"dpop_jkt": "a" * 43}, 400, "invalid_request"),
}


@pytest.mark.parametrize(("changes", "status", "error"), PUSHED.values(), ids=PUSHED)
async def test_what_is_pushed_is_refused(
    wallet: Wallet, changes: dict[str, str | None], status: int, error: str
) -> None:
    answer = await wallet.push(**changes)

    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert "location" not in answer.headers


#: A check of app/auth/par.py, and what stands in its place in a copy.
DEFECTS: dict[str, tuple[str, str]] = {
    "an address is not compared": (
        'form.get("redirect_uri") not in wallet.redirect_uris', '"redirect_uri" not in form'
    ),
    "an address is compared by its beginning": (
        'form.get("redirect_uri") not in wallet.redirect_uris',
        'not form.get("redirect_uri", "").startswith(tuple(wallet.redirect_uris))',
    ),
    "an address is compared without its parameters": (
        'form.get("redirect_uri") not in wallet.redirect_uris',
        'form.get("redirect_uri", "").partition("?")[0] not in {a.partition("?")[0] for a in wallet.redirect_uris}',
    ),
    "a request object is taken": ('for name in ("request", "request_uri"):', 'for name in ("request_uri",):'),
    "a request of a request is taken": ('for name in ("request", "request_uri"):', 'for name in ("request",):'),
    "any response type": ('if form.get("response_type") != "code":', "if False:"),
    "any response mode": ('if form.get("response_mode", "query") != "query":', "if False:"),
    "plain PKCE": ('if form.get("code_challenge_method") != "S256":', "if False:"),
    "any challenge": ("{43}", "+"),
    "any state": ('_STATE.fullmatch(form["state"])', 'form["state"]'),
    "any key": ('if form.get("dpop_jkt", jkt) != jkt:', "if False:"),
    "any credential": (
        "if not named <= set(SCOPES.values()):", "named &= set(SCOPES.values())\n    if False:"
    ),
    "no details": ("    if not details:", "    if False:"),
    "any scope": (
        "if not scopes <= SCOPES.keys() or not (scopes or named):", "scopes &= SCOPES.keys()\n    if False:"
    ),
}  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
async def test_a_server_that_lacks_a_check_is_caught(app: Litestar, wallet: Wallet, defect: tuple[str, str]) -> None:
    lax = planted(par, *defect)
    forms = [wallet.asks(**changes) for changes, _, _ in PUSHED.values()]

    assert [form for form in forms if await _takes(app, form, lax)]
    assert not [form for form in forms if await _takes(app, form, par)]
    assert await _takes(app, wallet.asks(), lax)


async def _takes(app: Litestar, form: dict[str, str], by: Any) -> bool:  # noqa: ANN401  par or a copy
    if any("\x00" in value for value in form.values()):  # app/http/oauth/form.py stands before
        return False
    try:
        async with story_of(house_of(app)) as story:
            await by.read(await story(), form, "k" * 43)
    except (par.Denied, by.Denied):
        return False
    return True


SENT: dict[str, tuple[bytes, str, int]] = {
    "JSON": (b'{"client_id":"x"}', "application/json", 400),
    "a form in parts": (b"client_id=x", "multipart/form-data; boundary=x", 400),
    "no media type": (b"client_id=x", "", 400),
    "a parameter twice": (b"client_id=a&client_id=a", FORM, 400),
    "bytes": (b"client_id=\xff", FORM, 400),
    "not UTF-8": (b"client_id=%ff", FORM, 400),
    "no pairs": (b"client_id", FORM, 400),
    "nothing": (b"", FORM, 401),
    "too many parameters": (b"&".join(b"a%d=1" % n for n in range(40)), FORM, 400),
    "oversized": (b"client_id=" + b"a" * 40_000, FORM, 413),
}


@pytest.mark.parametrize(("body", "kind", "status"), SENT.values(), ids=SENT)
async def test_a_request_that_is_no_form_is_refused(
    client: httpx.AsyncClient, body: bytes, kind: str, status: int
) -> None:
    answer = await oauth.send(client, "/oauth/par", DeviceKey(), content=body, headers={"Content-Type": kind})

    assert answer.status_code == status, answer.text
    assert answer.json()["error"] in {"invalid_request", "invalid_client"}


async def test_nothing_is_pushed_without_a_proof_of_the_key(wallet: Wallet) -> None:
    answer = await wallet.http.post("/oauth/par", data=wallet.asks())

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
