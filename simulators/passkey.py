"""A software passkey: sign in and call the API from a script, with nothing of ours but HTTP.

Needs this one file, Python 3.11 and `pip install cryptography httpx`. The keys it makes are kept in `--keys`
(default `passkey.json`, readable by its owner only), so one file is one person.

    python simulators/passkey.py http://127.0.0.1:8000 register
    python simulators/passkey.py http://127.0.0.1:8000 register --invitation …     # a further device
    python simulators/passkey.py http://127.0.0.1:8000 sign-in
    python simulators/passkey.py http://127.0.0.1:8000 refresh
    python simulators/passkey.py http://127.0.0.1:8000 call GET /v1/me
    python simulators/passkey.py http://127.0.0.1:8000 call POST /v1/cards '{"…": "…"}'
    python simulators/passkey.py http://127.0.0.1:8000 step-up invest.confirm '{"…": "…"}'
    python simulators/passkey.py http://127.0.0.1:8000 proof POST /v1/cards        # the two headers, for curl

    python simulators/passkey.py http://127.0.0.1:8000 --keys new.json ask POST /v1/auth/recoveries '{"…": "…"}'
    python simulators/passkey.py http://127.0.0.1:8000 --keys new.json ask POST /v1/auth/recoveries/…/code '{"…": "…"}'
    python simulators/passkey.py http://127.0.0.1:8000 --keys new.json recover recovery_…

It plays both halves of a phone: the authenticator (`Passkey`, WebAuthn level 3 with user verification, attestation
"none") and the device key (`DeviceKey`, RFC 9449) that access and refresh tokens are bound to. The base URL must be the
installation's public one: a proof is made for exactly one URL. `--origin` is what the server's list of origins must
hold; by default it is the base URL with the relying party's name for its host.
"""

import argparse
import base64
import hashlib
import json
import secrets
import struct
import sys
import time
import uuid
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Json = dict[str, Any]

_USER_PRESENT, _USER_VERIFIED, _BACKUP_ELIGIBLE, _BACKED_UP, _ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
_ES256 = -7


def b64(raw: bytes) -> str:
    """Write bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Read base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class DeviceKey:
    """The phone's hardware key, played by a P-256 key in memory; proves possession per request (DPoP)."""

    def __init__(self, private: ec.EllipticCurvePrivateKey | None = None) -> None:
        self._private = private or ec.generate_private_key(ec.SECP256R1())
        point = self._private.public_key().public_numbers()
        self.jwk = {
            "crv": "P-256",
            "kty": "EC",
            "x": b64(point.x.to_bytes(32, "big")),
            "y": b64(point.y.to_bytes(32, "big")),
        }

    def jws(self, header: Json, claims: Json) -> str:
        """Sign `claims` as a compact JWS, ES256."""
        signed = ".".join(b64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        return f"{signed}.{b64(self.sign(signed.encode()))}"

    def sign(self, message: bytes) -> bytes:
        """Sign a message, ES256: r and s, 64 bytes."""
        r, s = decode_dss_signature(self._private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def proof(self, method: str, url: str, *, token: str | None = None, nonce: str | None = None) -> str:
        """Make the `DPoP` header for one request: `url` without query; `token` when the request carries one."""
        claims: Json = {"jti": str(uuid.uuid4()), "htm": method, "htu": url.partition("?")[0], "iat": int(time.time())}
        if token is not None:
            claims["ath"] = b64(hashlib.sha256(token.encode()).digest())
        if nonce is not None:
            claims["nonce"] = nonce
        return self.jws({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk}, claims)

    def save(self) -> str:
        """Write the private key as text."""
        return _save(self._private)

    @classmethod
    def load(cls, saved: str) -> Self:
        """Read back what `save` wrote."""
        return cls(_load(saved))


class Passkey:
    """One passkey of one person at one relying party."""

    def __init__(self, rp_id: str, user_handle: str, *, uses: int = 0) -> None:
        self.rp_id = rp_id
        self.user_handle = user_handle
        self.uses = uses
        self.id = secrets.token_bytes(32)
        self._private = ec.generate_private_key(ec.SECP256R1())

    @classmethod
    def create(cls, options: Json, origin: str, *, user_verified: bool = True) -> tuple[Self, Json]:
        """Answer `navigator.credentials.create(options)`: the new passkey and its RegistrationResponseJSON."""
        if _ES256 not in [offered["alg"] for offered in options["pubKeyCredParams"]]:
            raise ValueError("the relying party does not take ES256")
        passkey = cls(options["rp"]["id"], options["user"]["id"])
        point = passkey._private.public_key().public_numbers()
        cose = {1: 2, 3: _ES256, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        attested = bytes(16) + struct.pack(">H", len(passkey.id)) + passkey.id + cbor(cose)
        data = passkey._authenticator_data(user_verified=user_verified, attested=attested)
        response = {
            "clientDataJSON": _client_data("webauthn.create", options["challenge"], origin),
            "attestationObject": b64(cbor({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["internal"],
        }
        return passkey, passkey._credential(response)

    def sign(self, options: Json, origin: str, *, user_verified: bool = True) -> Json:
        """Answer `navigator.credentials.get(options)`: an AuthenticationResponseJSON."""
        if options["rpId"] != self.rp_id:
            raise ValueError(f"this passkey belongs to {self.rp_id}")
        self.uses += 1
        data = self._authenticator_data(user_verified=user_verified)
        client_data = _client_data("webauthn.get", options["challenge"], origin)
        signed = data + hashlib.sha256(unb64(client_data)).digest()
        response = {
            "clientDataJSON": client_data,
            "authenticatorData": b64(data),
            "signature": b64(self._private.sign(signed, ec.ECDSA(hashes.SHA256()))),
            "userHandle": self.user_handle,
        }
        return self._credential(response)

    def _authenticator_data(self, *, user_verified: bool, attested: bytes = b"") -> bytes:
        flags = _USER_PRESENT | _BACKUP_ELIGIBLE | _BACKED_UP
        flags |= (_USER_VERIFIED if user_verified else 0) | (_ATTESTED if attested else 0)
        return hashlib.sha256(self.rp_id.encode()).digest() + struct.pack(">BI", flags, self.uses) + attested

    def _credential(self, response: Json) -> Json:
        return {
            "id": b64(self.id),
            "rawId": b64(self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }

    def save(self) -> Json:
        """Write everything this passkey is, its private key included."""
        return {
            "rp_id": self.rp_id,
            "user_handle": self.user_handle,
            "uses": self.uses,
            "id": b64(self.id),
            "private": _save(self._private),
        }

    @classmethod
    def load(cls, saved: Json) -> Self:
        """Read back what `save` wrote."""
        passkey = cls(saved["rp_id"], saved["user_handle"], uses=saved["uses"])
        passkey.id = unb64(saved["id"])
        passkey._private = _load(saved["private"])
        return passkey


def challenge_of(step_up: Json) -> str:
    """Compute the challenge a step-up must carry, from what it says it shows: the phone trusts no other hash."""
    covered = {name: step_up[name] for name in ("nonce", "operation", "shown", "text_version")}
    canonical = json.dumps(covered, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return b64(hashlib.sha256(canonical.encode()).digest())


def origin_of(base_url: str, rp_id: str) -> str:
    """Name the origin a browser would report for the relying party served at `base_url`."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{rp_id}" + (f":{parts.port}" if parts.port else "")


def cbor(value: object) -> bytes:
    """Encode the few shapes WebAuthn needs (RFC 8949): integers, bytes, text, maps."""
    match value:
        case int() if value >= 0:
            return _cbor_head(0, value)
        case int():
            return _cbor_head(1, -1 - value)
        case bytes():
            return _cbor_head(2, len(value)) + value
        case str():
            return _cbor_head(3, len(value.encode())) + value.encode()
        case dict():
            return _cbor_head(5, len(value)) + b"".join(cbor(key) + cbor(inner) for key, inner in value.items())
        case _:
            raise TypeError(type(value).__name__)


def _cbor_head(major: int, count: int) -> bytes:
    if count < 24:  # noqa: PLR2004  RFC 8949 section 3: below 24 the count sits in the head itself
        return struct.pack(">B", major << 5 | count)
    if count < 1 << 8:
        return struct.pack(">BB", major << 5 | 24, count)
    return struct.pack(">BH", major << 5 | 25, count)


def _client_data(kind: str, challenge: str, origin: str) -> str:
    data = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}
    return b64(json.dumps(data, separators=(",", ":")).encode())


def _save(private: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return b64(private.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption()))


def _load(saved: str) -> ec.EllipticCurvePrivateKey:
    private = serialization.load_der_private_key(unb64(saved), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("not an EC key")
    return private


class Script:
    """What the command line does, over one file of keys."""

    def __init__(self, base_url: str, keys: Path, origin: str | None) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=30)
        self._base_url = base_url.rstrip("/")
        self._keys = keys
        self._origin = origin
        self._state: Json = json.loads(keys.read_text()) if keys.exists() else {}
        self._device = DeviceKey.load(self._state["device"]) if "device" in self._state else DeviceKey()

    def register(self, invitation: str | None = None) -> Json:
        """Become a new person, or with an invitation a further device of one: passkey, device key, first tokens."""
        invited = {"invitation": invitation} if invitation else {}
        begun = self._send("POST", "/v1/auth/registrations", invited)
        passkey, credential = self._created(begun["options"])
        body = {"credential": credential, **invited}
        return self._keep(passkey, self._send("POST", f"/v1/auth/registrations/{begun['id']}/passkey", body))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """Call an operation as nobody yet, with the device key alone: the steps of a recovery."""
        self._state["device"] = self._device.save()
        return self._send(method, path, body)

    def recover(self, recovery: str) -> Json:
        """Finish a recovery whose code and document were taken: a new passkey, then sign in with it."""
        where = f"/v1/auth/recoveries/{recovery}"
        asked = self._send("POST", f"{where}/registrations")
        passkey, credential = self._created(asked["options"])
        self._send("POST", f"{where}/passkey", {"registration_id": asked["id"], "credential": credential})
        self._state["passkey"] = passkey.save()
        return self.sign_in()

    def sign_in(self) -> Json:
        """Open a new session with the passkey of the file."""
        passkey = self._passkey()
        begun = self._send("POST", "/v1/auth/assertions")
        credential = passkey.sign(begun["options"], self._origin_for(passkey.rp_id))
        return self._keep(passkey, self._send("POST", f"/v1/auth/assertions/{begun['id']}", {"credential": credential}))

    def refresh(self) -> Json:
        """Exchange the refresh token; the old one is spent."""
        form = {"grant_type": "refresh_token", "refresh_token": self._state["tokens"]["refresh_token"]}
        return self._keep(self._passkey(), _body(self._proven("POST", "/oauth/token", {}, data=form)))

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """Call any operation as the person of the file."""
        return self._send(method, path, body, token=self._state["tokens"]["access_token"])

    def step_up(self, operation: str, shown: Json) -> Json:
        """Confirm `shown` with the passkey; what is printed goes into the `step_up` field of the confirming call."""
        passkey = self._passkey()
        begun = self.call("POST", "/v1/auth/step-ups", {"operation": operation, "shown": shown})
        if begun["shown"] != shown or begun["options"]["challenge"] != challenge_of(begun):
            raise SystemExit("the server asks to sign something else than what is shown")
        credential = passkey.sign(begun["options"], self._origin_for(passkey.rp_id))
        self._keep(passkey, self._state["tokens"])
        return {"id": begun["id"], "credential": credential}

    def proof(self, method: str, path: str) -> Json:
        """Make the headers of one request for another client: valid for a minute, once.

        The nonce is that of the last answer seen here; where it is over, the refusal's DPoP-Nonce is the next.
        """
        token = self._state["tokens"]["access_token"]
        return {"Authorization": f"DPoP {token}", "DPoP": self._proof(method, path, token)}

    def _send(self, method: str, path: str, body: Json | None = None, *, token: str | None = None) -> Json:
        headers = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}
        if token is not None:
            headers["Authorization"] = f"DPoP {token}"
        return _body(self._proven(method, path, headers, token, json=body))

    def _proven(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        token: str | None = None,
        **sent: Any,  # noqa: ANN401  httpx's own arguments
    ) -> httpx.Response:
        """Send with a proof, and once more where the server wants its newest nonce in it (RFC 9449 section 8)."""
        answer = self._sent(method, path, headers, token, **sent)
        if answer.is_error and "use_dpop_nonce" in answer.headers.get("www-authenticate", "") + answer.text:
            answer = self._sent(method, path, headers, token, **sent)
        return answer

    def _sent(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        token: str | None,
        **sent: Any,  # noqa: ANN401  httpx's own arguments
    ) -> httpx.Response:
        proven = headers | {"DPoP": self._proof(method, path, token)}
        answer = self._http.request(method, path, headers=proven, **sent)
        if "dpop-nonce" in answer.headers:
            self._state["nonce"] = answer.headers["dpop-nonce"]
            self._write()
        return answer

    def _proof(self, method: str, path: str, token: str | None) -> str:
        return self._device.proof(method, self._base_url + path, token=token, nonce=self._state.get("nonce"))

    def _created(self, options: Json) -> tuple[Passkey, Json]:
        return Passkey.create(options, self._origin_for(options["rp"]["id"]))

    def _origin_for(self, rp_id: str) -> str:
        return self._origin or origin_of(self._base_url, rp_id)

    def _passkey(self) -> Passkey:
        if "passkey" not in self._state:
            raise SystemExit(f"{self._keys} holds no passkey: register first")
        return Passkey.load(self._state["passkey"])

    def _keep(self, passkey: Passkey, tokens: Json) -> Json:
        self._state |= {"passkey": passkey.save(), "device": self._device.save(), "tokens": tokens}
        self._write()
        return tokens

    def _write(self) -> None:
        self._keys.touch(mode=0o600)
        self._keys.write_text(json.dumps(self._state, indent=1))


def _body(answer: httpx.Response) -> Json:
    if answer.is_error:
        raise SystemExit(f"{answer.status_code} {answer.text}")
    return answer.json() if answer.content else {"status": answer.status_code}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A software passkey for the e-Residency API.")
    parser.add_argument("base_url", help="public address of the installation, such as http://127.0.0.1:8000")
    parser.add_argument("--keys", type=Path, default=Path("passkey.json"), help="file of this person's keys")
    parser.add_argument("--origin", help="WebAuthn origin to report")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("sign-in", "refresh"):
        verbs.add_parser(verb)
    verbs.add_parser("register").add_argument("--invitation", help="of a further device, or of staff")
    verbs.add_parser("recover").add_argument("recovery")
    call, ask, proof = (verbs.add_parser(verb) for verb in ("call", "ask", "proof"))
    for verb_of_path in (call, ask, proof):
        verb_of_path.add_argument("method", type=str.upper)
        verb_of_path.add_argument("path")
    for verb_of_body in (call, ask):
        verb_of_body.add_argument("body", nargs="?", type=json.loads)
    step_up = verbs.add_parser("step-up")
    step_up.add_argument("operation")
    step_up.add_argument("shown", type=json.loads)
    return parser.parse_args()


def main() -> None:
    """Run one verb and print its answer as JSON."""
    arguments = vars(_arguments())
    script = Script(arguments.pop("base_url"), arguments.pop("keys"), arguments.pop("origin"))
    verb = getattr(script, arguments.pop("verb").replace("-", "_"))
    sys.stdout.write(json.dumps(verb(**arguments), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
