"""Everything that has ever passed for an access token or a proof somewhere, sent to us: all refused, at once.

Each case is a request that is sound but for one thing. The control is a verifier written apart (lax.py): complete, it
agrees with ours on every case; without any one of its checks, it lets at least one case in.
"""

import hmac
import json
import secrets
import time
import uuid
from collections.abc import Callable
from hashlib import sha256
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app.auth import jose
from app.settings import Settings
from proof.signer import FileSigner
from simulators.passkey import DeviceKey
from tests.app.auth.forge import other_signer
from tests.app.auth.lax import CHECKS, Fields, Ground, Json, Verifier
from tests.app.auth.people import house_of, registered

pytestmark = pytest.mark.asyncio

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PATH = "/v1/me"


class World(NamedTuple):
    """A resident who is signed in, and the key that signed their token."""

    issuer: str
    by: FileSigner
    device: DeviceKey
    access: str
    nonce: str

    @property
    def url(self) -> str:
        return self.issuer + PATH

    @property
    def claims(self) -> Json:
        claims: Json = json.loads(jose.unb64(self.access.split(".")[1]))
        return claims

    def token(self, header: Json | None = None, *, by: FileSigner | None = None, **changed: object) -> str:
        """Sign a token that is as ours but for what is changed; None leaves a member out."""
        top = {"alg": "ES256", "typ": "at+jwt", "kid": self.by.kid} | (header or {})
        return _jws(by or self.by, _dumps(top), _dumps(self.claims | changed))

    def proof(
        self, *, token: str | None = None, by: DeviceKey | None = None, header: Json | None = None, **changed: object
    ) -> str:
        """Make a proof for `token` that is sound but for what is changed."""
        key = by or self.device
        top = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk} | (header or {})
        return key.jws(_kept(top), _kept(self.said(token) | changed))

    def said(self, token: str | None = None) -> Json:
        ath = jose.b64(sha256((token or self.access).encode()).digest())
        now, jti = int(time.time()), str(uuid.uuid4())
        return {"jti": jti, "htm": "GET", "htu": self.url, "iat": now, "ath": ath, "nonce": self.nonce}

    def with_token(self, token: str) -> Fields:
        return [("Authorization", f"DPoP {token}"), ("DPoP", self.proof(token=token))]

    def with_proof(self, proof: str) -> Fields:
        return [("Authorization", f"DPoP {self.access}"), ("DPoP", proof)]


def _kept(members: Json) -> Json:
    return {name: value for name, value in members.items() if value is not None}


def _dumps(members: Json) -> bytes:
    return json.dumps(_kept(members)).encode()


def _jws(by: FileSigner, header: bytes, payload: bytes) -> str:
    message = f"{jose.b64(header)}.{jose.b64(payload)}"
    return f"{message}.{jose.b64(jose.lowered(by.sign(message.encode())))}"


def _token(header: Json | None = None, **changed: Any) -> Callable[[World], Fields]:  # noqa: ANN401  any claims
    return lambda world: world.with_token(world.token(header, **changed))


def _proof(header: Json | None = None, **changed: Any) -> Callable[[World], Fields]:  # noqa: ANN401  any claims
    return lambda world: world.with_proof(world.proof(header=header, **changed))


def _key(**changed: object) -> Callable[[World], Fields]:
    return lambda world: world.with_proof(world.proof(header={"jwk": _kept(world.device.jwk | changed)}))


def _made(shift_s: float) -> Callable[[World], Fields]:
    return lambda world: world.with_proof(world.proof(iat=int(time.time()) + shift_s))


def _timed(issued_s: int, expires_s: int) -> Callable[[World], Fields]:
    def make(world: World) -> Fields:
        now = int(time.time())
        return world.with_token(world.token(iat=now + issued_s, exp=now + expires_s))

    return make


def _raw_token(change: Callable[[bytes], bytes]) -> Callable[[World], Fields]:
    """Change the bytes of the payload before it is signed."""

    def make(world: World) -> Fields:
        header = {"alg": "ES256", "typ": "at+jwt", "kid": world.by.kid}
        return world.with_token(_jws(world.by, _dumps(header), change(_dumps(world.claims))))

    return make


def _raw_proof(change: Callable[[str], str]) -> Callable[[World], Fields]:
    """Change the text of the payload before it is signed by the device."""

    def make(world: World) -> Fields:
        header = jose.b64(_dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": world.device.jwk}))
        message = f"{header}.{jose.b64(change(json.dumps(world.said())).encode())}"
        # The device signs what it is given as JSON only; its signature over other bytes is made by its own means.
        return world.with_proof(f"{message}.{jose.b64(_sign(world.device, message.encode()))}")

    return make


def _sign(device: DeviceKey, message: bytes) -> bytes:
    return FileSigner(device._private).sign(message)  # noqa: SLF001  the simulated hardware shows its key to nobody else


def _signature(change: Callable[[bytes], bytes]) -> Callable[[World], Fields]:
    def make(world: World) -> Fields:
        message, _, signature = world.access.rpartition(".")
        return world.with_token(f"{message}.{jose.b64(change(jose.unb64(signature)))}")

    return make


def _text(change: Callable[[str], str]) -> Callable[[World], Fields]:
    return lambda world: world.with_token(change(world.access))


def _hmac(world: World) -> Fields:
    message = ".".join(
        jose.b64(_dumps(part)) for part in ({"alg": "HS256", "typ": "at+jwt", "kid": world.by.kid}, world.claims)
    )
    secret = json.dumps(world.by.public_jwk).encode()
    return world.with_token(f"{message}.{jose.b64(hmac.digest(secret, message.encode(), 'sha256'))}")


def _unsigned(world: World) -> Fields:
    parts = ({"alg": "none", "typ": "at+jwt", "kid": world.by.kid}, world.claims)
    return world.with_token(".".join(jose.b64(_dumps(part)) for part in parts) + ".")


def _payload_exchanged(world: World) -> Fields:
    header, _, signature = world.access.split(".")
    return world.with_token(f"{header}.{jose.b64(_dumps(world.claims | {'role': 'officer'}))}.{signature}")


def _loose_bits(text: str) -> str:
    """Spell the same signature otherwise: its last character has bits that no byte uses."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


def _other_key(world: World) -> Fields:
    return world.with_proof(world.proof(by=DeviceKey()))


def _foreign_jwk(world: World) -> Fields:
    return world.with_proof(world.proof(header={"jwk": DeviceKey().jwk}))


def _symmetric_proof(world: World) -> Fields:
    header = {"typ": "dpop+jwt", "alg": "HS256", "jwk": {"kty": "oct", "k": "c2VjcmV0"}}
    message = f"{jose.b64(_dumps(header))}.{jose.b64(_dumps(world.said()))}"
    return world.with_proof(f"{message}.{jose.b64(hmac.digest(b'secret', message.encode(), 'sha256'))}")


CASES: dict[str, Callable[[World], Fields]] = {
    # the token: who signed it, and how
    "unsigned": _unsigned,
    "HMAC with our public key": _hmac,
    "signed by a stranger under our kid": lambda w: w.with_token(w.token(by=other_signer)),
    "signed by a stranger under their kid": lambda w: w.with_token(w.token({"kid": other_signer.kid}, by=other_signer)),
    "brings its key along": lambda w: w.with_token(w.token({"jwk": other_signer.public_jwk}, by=other_signer)),
    "our key beside our signature": lambda w: w.with_token(w.token({"jwk": w.by.public_jwk})),
    "names a key set": _token({"jku": "https://evil.example/jwks.json"}),
    "names a certificate": _token({"x5u": "https://evil.example/cert.pem"}),
    "carries a certificate": _token({"x5c": ["MIIB"]}),
    "critical extension": _token({"crit": ["exp"], "exp": 1}),
    "payload not encoded": _token({"b64": False, "crit": ["b64"]}),
    "no kid": _token({"kid": None}),
    "kid is a path": _token({"kid": "../../dev/null"}),
    "kid is a query": _token({"kid": "x' OR '1'='1"}),
    "alg of another curve": _token({"alg": "ES384"}),
    "alg in another case": _token({"alg": "es256"}),
    "no alg": _token({"alg": None}),
    "Ed25519 said of our P-256 key": _token({"alg": "EdDSA"}),
    "payload exchanged": _payload_exchanged,
    "signature in its other form": _signature(lambda raw: raw[:32] + (_ORDER - int.from_bytes(raw[32:])).to_bytes(32)),
    "signature cut": _signature(lambda raw: raw[:-1]),
    "signature empty": _signature(lambda _: b""),
    "signature of zeros": _signature(lambda raw: bytes(len(raw))),
    "signature with a byte behind": _signature(lambda raw: raw + b"\x00"),
    # the token: what kind it is, and for whom
    "no typ": _token({"typ": None}),
    "an ID token": _token({"typ": "JWT"}, nonce="n", auth_time=1),
    "a credential": _token({"typ": "dc+sd-jwt"}),
    "a proof": _token({"typ": "dpop+jwt"}),
    "typ with its prefix": _token({"typ": "application/at+jwt"}),
    "a refresh token": lambda w: w.with_token(secrets.token_urlsafe(48)),
    "another issuer": _token(iss="https://evil.example"),
    "no issuer": _token(iss=None),
    "another audience": _token(aud="https://other.example"),
    "several audiences": lambda w: w.with_token(w.token(aud=[w.issuer, "https://other.example"])),
    "no audience": _token(aud=None),
    "no subject": _token(sub=None),
    "subject is no id": _token(sub="admin"),
    "no session": _token(sid=None),
    "a session nobody opened": _token(sid=str(uuid.UUID(int=7))),
    "scope is a list": _token(scope=["me:read"]),
    "a role nobody has": _token(role="administrator"),
    "no role": _token(role=None),
    # the token: when
    "expired a second ago": _timed(-301, -1),
    "expires now": _timed(-300, 0),
    "never expires": _token(exp=None),
    "expires in a hundred years": _timed(0, 3_000_000_000),
    "a second too long": _timed(0, 301),
    "issued eleven seconds ahead": _timed(12, 100),
    "expires before it is issued": _timed(9, 1),
    "no iat": _token(iat=None),
    "expiry is text": lambda w: w.with_token(w.token(exp=str(w.claims["exp"]))),
    "expiry is a fraction": lambda w: w.with_token(w.token(exp=w.claims["exp"] + 0.5)),
    "expiry is true": _token(exp=True),
    "expiry beyond all numbers": _raw_token(lambda raw: raw.replace(b'"exp": ', b'"exp": 9' + b"9" * 400, 1)),
    "expiry is NaN": lambda w: w.with_token(w.token(exp=float("nan"))),
    "expiry is Infinity": lambda w: w.with_token(w.token(exp=float("inf"))),
    "a claim twice": _raw_token(lambda raw: raw[:-1] + b', "role": "officer"}'),
    "a claim twice, once in other spelling": _raw_token(lambda raw: raw[:-1] + b', "r\\u006fle": "officer"}'),
    # the token: how it is spelled
    "padded": _text(lambda text: text + "="),
    "loose bits at the end": _text(_loose_bits),
    "in standard base64": _text(lambda text: text.replace("-", "+").replace("_", "/") + "+"),
    "a space inside": _text(lambda text: text[:40] + " " + text[40:]),
    "five parts": _text(lambda text: f"{text}.e30.e30"),
    "two parts": _text(lambda text: text.rpartition(".")[0]),
    "payload is a list": _raw_token(lambda _: b"[]"),
    "payload is not JSON": _raw_token(lambda _: b"{"),
    "payload is not UTF-8": _raw_token(lambda _: b'{"iss":"\xff"}'),
    "nested without end": _raw_token(lambda _: b'{"iss":' + b"[" * 2_000 + b"]" * 2_000 + b"}"),
    "longer than any of ours": _token(name="x" * 9_000),
    # how both are sent
    "two tokens": lambda w: [*w.with_token(w.access), ("Authorization", f"DPoP {w.access}")],
    "two proofs": lambda w: [*w.with_token(w.access), ("DPoP", w.proof())],
    "as a bearer token": lambda w: [("Authorization", f"Bearer {w.access}"), ("DPoP", w.proof())],
    "as a bearer token, without a proof": lambda w: [("Authorization", f"Bearer {w.access}")],
    "without a proof": lambda w: [("Authorization", f"DPoP {w.access}")],
    "an empty proof": lambda w: w.with_proof(""),
    "bound to no key": lambda w: w.with_token(w.token(cnf=None)),
    "bound to nothing": lambda w: w.with_token(w.token(cnf={})),
    # the proof: whose
    "proof by another key": _other_key,
    "proof names another key": _foreign_jwk,
    "proof with a private key": _key(d="AAAA"),
    "proof key off the curve": lambda w: _key(y=w.device.jwk["x"])(w),
    "proof key on another curve": _key(crv="P-384"),
    "proof key without y": _key(y=None),
    "proof key of zeros": _key(x=jose.b64(bytes(32)), y=jose.b64(bytes(32))),
    "proof key in loose spelling": lambda w: _key(x=w.device.jwk["x"] + "=")(w),
    "proof by an RSA key": _proof({"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, "alg": "PS256"}),
    "proof by a shared secret": _symmetric_proof,
    "proof without a key": _proof({"jwk": None}),
    "proof unsigned": lambda w: w.with_proof(w.proof(header={"alg": "none"}).rpartition(".")[0] + "."),
    "proof with the signature of another": lambda w: w.with_proof(
        w.proof().rpartition(".")[0] + "." + w.proof().rpartition(".")[2]
    ),
    "proof under another alg": _proof({"alg": "EdDSA"}),
    "proof of no type": _proof({"typ": None}),
    "proof of another type": _proof({"typ": "JWT"}),
    "proof with a critical extension": _proof({"crit": ["exp"]}),
    # the proof: for what
    "another method": _proof(htm="POST"),
    "method in lower case": _proof(htm="get"),
    "no method": _proof(htm=None),
    "another path": lambda w: w.with_proof(w.proof(htu=f"{w.issuer}/v1/cards")),
    "a slash behind": lambda w: w.with_proof(w.proof(htu=f"{w.url}/")),
    "path in other case": lambda w: w.with_proof(w.proof(htu=f"{w.issuer}/V1/me")),
    "another host": _proof(htu=f"https://evil.example{PATH}"),
    "another port": lambda w: w.with_proof(w.proof(htu=f"http://127.0.0.1:8001{PATH}")),
    "another scheme": lambda w: w.with_proof(w.proof(htu=w.url.replace("http:", "https:"))),
    "a user before the host": lambda w: w.with_proof(
        w.proof(htu=w.url.replace("://", "://evil@", 1) + "@evil.example")
    ),
    "target is a path": _proof(htu=PATH),
    "no target": _proof(htu=None),
    "proof for another token": lambda w: w.with_proof(w.proof(token=w.access + "x")),
    "proof for no token": _proof(ath=None),
    # the proof: when, and once
    "a minute old": _made(-62),
    "made in twelve seconds": _made(12),
    "time in milliseconds": lambda w: w.with_proof(w.proof(iat=int(time.time()) * 1_000)),
    "time is text": lambda w: w.with_proof(w.proof(iat=str(int(time.time())))),
    "time is NaN": _proof(iat=float("nan")),
    "no time": _proof(iat=None),
    "no id": _proof(jti=None),
    "empty id": _proof(jti=""),
    "huge id": _proof(jti="x" * 4_000),
    "id is a number": _proof(jti=12_345_678),
    "id with a NUL": _proof(jti="12345678\x00"),
    "no nonce": _proof(nonce=None),
    "empty nonce": _proof(nonce=""),
    "nonce of our own making": _proof(nonce=jose.b64(bytes(18))),
    "nonce is a number": _proof(nonce=1),
    "a claim of the proof twice": _raw_proof(lambda text: text[:-1] + ', "htm": "GET"}'),
    "a claim of the proof twice, spelled otherwise": _raw_proof(lambda text: text[:-1] + ', "\\u0068tm": "GET"}'),
}

#: What nobody can see in the request itself: PostgreSQL says it.
STORED = {"a session nobody opened"}
#: What only we refuse, by the types of our claims and by our own bound.
OURS = {"subject is no id", "a role nobody has", "longer than any of ours"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(app: Litestar, settings: Settings) -> World:
    async with registered(app, settings) as mine:
        assert mine.tokens is not None
        assert mine.nonce is not None
        return World(settings.issuer, house_of(app).keys.access.current(), mine.device, mine.tokens.access, mine.nonce)


def _ground(world: World) -> Ground:
    key = world.by.public_jwk
    return Ground({key["kid"]: key}, world.issuer, "GET", world.url, int(time.time()), {world.nonce})


async def test_the_corpus_is_large_enough() -> None:
    assert len(CASES) >= 50


async def test_what_is_sound_passes(client: httpx.AsyncClient, world: World) -> None:
    for fields in (world.with_token(world.access), world.with_token(world.token())):
        assert (await client.get(PATH, headers=fields)).status_code == 200
        assert Verifier().lets_in(fields, _ground(world))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_forged_request_is_refused_at_once(
    client: httpx.AsyncClient, world: World, case: Callable[[World], Fields]
) -> None:
    fields = case(world)
    started = time.process_time()
    answer = await client.get(PATH, headers=[(name.encode(), _bytes(value)) for name, value in fields])
    elapsed_s = time.process_time() - started

    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"].startswith("DPoP")
    assert elapsed_s < 1


@pytest.mark.parametrize("check", CHECKS)
async def test_a_verifier_without_one_of_its_checks_is_caught(world: World, check: str) -> None:
    ground = _ground(world)

    let_in = [name for name, case in CASES.items() if Verifier(check).lets_in(case(world), ground)]

    assert let_in, "no case would notice"


async def test_the_complete_verifier_agrees_on_every_case(world: World) -> None:
    ground = _ground(world)

    let_in = {name for name, case in CASES.items() if Verifier().lets_in(case(world), ground)}

    assert let_in == STORED | OURS


def _bytes(value: str) -> bytes:
    return value.encode("latin-1", "replace")
