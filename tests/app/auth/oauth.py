"""Clients of the authorisation server: machines with their key, wallets with a code, and the requests they make."""

import base64
import hashlib
import json
import secrets
import time
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID
from weakref import WeakKeyDictionary

import httpx
import msgspec
from litestar import Litestar

from app import clock, db, ids
from app.auth import challenge, credential, jose, passkey
from app.auth import client as client_
from app.auth.client import ASSERTION_TYPE
from app.auth.principal import Role
from app.auth.subject import Subject
from app.auth.wallets import wallet_client
from app.auth.wallets.wallet_client import WalletClient
from app.seed import Seeded
from app.settings import Settings
from simulators.passkey import DeviceKey, Passkey, origin_of
from simulators.phone import Phone
from tests.app.auth.people import house_of, story_of
from tests.credential import people

CONFIGURATION = "e_resident_sd_jwt"
CALLBACK = "https://wallet.example/callback?app=1"
OTHER_CALLBACK = "kz.example.wallet:/callback"

Form = dict[str, str]


async def send(
    http: httpx.AsyncClient,
    path: str,
    device: DeviceKey,
    form: Form | None = None,
    **sent: Any,  # noqa: ANN401  httpx's own
) -> httpx.Response:
    """Send with a proof of `device`, once more with a nonce where one is wanted."""
    url, headers = str(http.base_url).rstrip("/") + path, sent.pop("headers", {})
    while True:
        nonce = _NONCES.get(http)
        proof = {"DPoP": device.proof("POST", url, nonce=nonce)}
        answer = await http.post(path, data=form, headers=headers | proof, **sent)
        if not _is_to_be_repeated(http, answer, nonce):
            return answer


def _is_to_be_repeated(http: httpx.AsyncClient, answer: httpx.Response, nonce: str | None) -> bool:
    """Keep the newest nonce, and say whether the last request lacked it."""
    if (heard := answer.headers.get("dpop-nonce")) is not None:
        _NONCES[http] = heard
    wanted = "use_dpop_nonce" in answer.headers.get("www-authenticate", "") + answer.text
    return wanted and heard != nonce


_NONCES: WeakKeyDictionary[httpx.AsyncClient, str] = WeakKeyDictionary()


class Machine:
    """A partner's machine: the key it signs with and the key its tokens are bound to."""

    def __init__(self, http: httpx.AsyncClient, issuer: str, name: str, who: UUID) -> None:
        self.http, self.issuer, self.name, self.who = http, issuer, name, who
        self.key, self.device = DeviceKey(), DeviceKey()

    def assertion(self, *, by: DeviceKey | None = None, header: dict[str, Any] | None = None, **changed: object) -> str:
        now = int(time.time())
        said: dict[str, object] = {"iss": self.name, "sub": self.name, "aud": self.issuer, "jti": str(uuid.uuid4())}
        said |= {"iat": now, "exp": now + 50} | changed
        top = {"alg": "ES256", "typ": "JWT"} | (header or {})
        return (by or self.key).jws(top, {name: value for name, value in said.items() if value is not None})

    async def ask(self, assertion: str | None = None, **form: str) -> httpx.Response:
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
        }
        return await send(self.http, "/oauth/token", self.device, fields | form)

    async def call(self, token: str, method: str, path: str, **sent: Any) -> httpx.Response:  # noqa: ANN401  httpx's own
        """Call an operation with a token of this machine."""
        while True:
            nonce = _NONCES.get(self.http)
            proof = self.device.proof(method, self.issuer + path.partition("?")[0], token=token, nonce=nonce)
            headers = {"Authorization": f"DPoP {token}", "DPoP": proof, "Idempotency-Key": str(uuid.uuid4())}
            answer = await self.http.request(method, path, headers=headers, **sent)
            if not _is_to_be_repeated(self.http, answer, nonce):
                return answer


async def machine(
    app: Litestar, http: httpx.AsyncClient, issuer: str, role: Role = "partner", asked: frozenset[str] | None = None
) -> Machine:
    """Register a machine."""
    made = Machine(http, issuer, f"bank-{uuid.uuid4().hex[:8]}", ids.new())
    async with story_of(house_of(app)) as story:
        jwk = msgspec.convert(made.key.jwk | {"kid": "1"}, jose.Jwk)
        await client_.register(story, Subject(made.who, role, made.name), [jwk], clock.real(), asked=asked)
    return made


class Wallet:
    """A wallet that asks by the code flow: what it pushes and what it redeems, with anything changed."""

    def __init__(self, http: httpx.AsyncClient, name: str) -> None:
        self.http, self.name, self.device = http, name, DeviceKey()
        self.verifier = secrets.token_urlsafe(32)

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def asks(self, **changed: str | None) -> Form:
        """Give what it pushes; None takes a parameter away."""
        sound: dict[str, str | None] = {
            "client_id": self.name,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "credential:e_resident_sd_jwt",
            "state": "af0ifjsldkj",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (sound | changed).items() if value is not None}

    async def push(self, **changed: str | None) -> httpx.Response:
        return await send(self.http, "/oauth/par", self.device, self.asks(**changed))

    async def pushed(self, **changed: str | None) -> str:
        answer = await self.push(**changed)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["request_uri"])

    async def open(self, request_uri: str, **changed: str) -> httpx.Response:
        body = {"client_id": self.name, "request_uri": request_uri} | changed
        return await self.http.post("/oauth/authorizations", json=body)

    async def approved(self, by: Phone, **changed: str | None) -> str:
        """Go all the way to a code."""
        opened = (await self.open(await self.pushed(**changed))).json()
        answer = await approve(self.http, opened, by)
        assert answer.status_code == 200, answer.text
        return parameters(answer.json()["redirect_to"])["code"]

    async def redeem(self, code: str, *, device: DeviceKey | None = None, **changed: str | None) -> httpx.Response:
        sound: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.name,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
        }
        form = {name: value for name, value in (sound | changed).items() if value is not None}
        return await send(self.http, "/oauth/token", device or self.device, form)


async def wallet(app: Litestar, http: httpx.AsyncClient) -> Wallet:
    """Register a wallet."""
    made = Wallet(http, f"wallet.{uuid.uuid4().hex[:8]}")
    async with story_of(house_of(app)) as story:
        new = WalletClient(made.name, "Silk Wallet", [CALLBACK, OTHER_CALLBACK])
        await wallet_client.register(await story(), new, clock.real(), local=False)
    return made


async def approve(http: httpx.AsyncClient, opened: dict[str, Any], by: Phone) -> httpx.Response:
    """Let the person of a phone sign what is shown, as the page's script does."""
    assert by.passkey is not None
    return await signed(http, opened, by.passkey)


async def signed(http: httpx.AsyncClient, opened: dict[str, Any], by: Passkey) -> httpx.Response:
    """Sign what is shown with a passkey."""
    answer = by.sign(opened["options"], origin_of("http://localhost:8000", by.rp_id))
    return await http.post(f"/oauth/authorizations/{opened['id']}/approval", json={"credential": answer})


def parameters(address: str) -> dict[str, str]:
    """Read the query of an address."""
    return {name: value for name, [value] in parse_qs(urlsplit(address).query, keep_blank_values=True).items()}


def details(*configurations: str) -> str:
    """Write `authorization_details`."""
    return json.dumps([{"type": "openid_credential", "credential_configuration_id": each} for each in configurations])


class Holder(msgspec.Struct):
    """An e-resident with a passkey."""

    seeded: Seeded
    passkey: Passkey


async def holder_of(app: Litestar, settings: Settings) -> Holder:
    """Make an e-resident with a passkey."""
    seeded = await people.resident(app)
    house, now = house_of(app), clock.real()
    async with db.transaction(house.api, holder=seeded.subject, audience="service") as story:
        connection = await story()
        asked = await challenge.issue(connection, "registration", now)
        options = msgspec.to_builtins(passkey.creation_options(settings, seeded.subject, asked.challenge))
        made, attested = Passkey.create(options, settings.origins[0])
        answer = msgspec.convert(attested, credential.Attestation)
        owner = Subject(seeded.subject, "resident", "")
        await passkey.add(connection, settings, owner, answer, challenge_bytes=asked.challenge, at=now)
    return Holder(seeded, made)


async def code_of(wallet: Wallet, holder: Holder, **changed: str | None) -> str:
    """Go all the way to a code."""
    opened = (await wallet.open(await wallet.pushed(**changed))).json()
    answer = await signed(wallet.http, opened, holder.passkey)
    assert answer.status_code == 200, answer.text
    return parameters(answer.json()["redirect_to"])["code"]
