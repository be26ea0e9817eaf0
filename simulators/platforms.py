"""What the makers of phones say of an app: Google's decoder of integrity tokens, Apple's certificates. Both invented.

    python -m simulators.platforms --port 8096 --folder .data/platforms

POST /android/tokens and POST /ios/attestations make what a phone would get from its platform, good or bad (`flaw`), for
a challenge and a device key; POST /v1/{package}:decodeIntegrityToken is what Google's server answers the house. Apple's
root certificate is written to the folder, for the house to trust.
"""

import argparse
import hashlib
import json
import secrets
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import cbor2
import msgspec
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from litestar import Litestar, Response, get, post
from litestar.params import FromPath, JSONBody

from simulators.passkey import b64, unb64

PACKAGE, APP_ID = "kz.gov.eresidency", "0000000000.kz.gov.eresidency"

AndroidFlaw = Literal["app", "device", "package", "request", "age"]
IosFlaw = Literal["chain", "nonce", "key", "app", "fresh_production_key"]

_NONCE = x509.ObjectIdentifier("1.2.840.113635.100.8.2")


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The challenge of the house and the thumbprint of the device key; `flaw` is what shall be wrong."""

    challenge: str
    jkt: str
    flaw: str | None = None


def client_hash(challenge: str, jkt: str) -> bytes:
    """Hash what the house wants to be attested."""
    return hashlib.sha256(f"{challenge}.{jkt}".encode()).digest()


def play_token(hashed: bytes, *, flaw: AndroidFlaw | None = None) -> str:
    """Make an integrity token; Google's are encrypted, ours is base64."""
    made_at_s = time.time() - (3_600 if flaw == "age" else 0)
    payload = {
        "requestDetails": {
            "requestPackageName": "com.example.copy" if flaw == "package" else PACKAGE,
            "requestHash": b64(bytes(32) if flaw == "request" else hashed),
            "timestampMillis": str(int(made_at_s * 1_000)),
        },
        "appIntegrity": {"appRecognitionVerdict": "UNRECOGNIZED_VERSION" if flaw == "app" else "PLAY_RECOGNIZED"},
        "deviceIntegrity": {"deviceRecognitionVerdict": [] if flaw == "device" else ["MEETS_DEVICE_INTEGRITY"]},
        "accountDetails": {"appLicensingVerdict": "LICENSED"},
    }
    return b64(json.dumps(payload).encode())


def decoded(token: str) -> dict[str, Any] | None:
    """Decode a token as Google would answer; None for what is none."""
    try:
        return {"tokenPayloadExternal": json.loads(unb64(token))}
    except ValueError:
        return None


class Apple:
    """A root that certifies keys of phones, through one intermediate authority."""

    def __init__(self) -> None:
        self._root_key, self._key = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
        self.root = _certificate("App Attestation Root CA (simulated)", self._root_key, None, self._root_key)
        self._intermediate = _certificate("App Attestation CA 1 (simulated)", self._key, self.root, self._root_key)

    def attest(self, hashed: bytes, *, flaw: IosFlaw | None = None) -> tuple[bytes, bytes]:
        """Make a key and its attestation: the id of the key, and the object."""
        key = ec.generate_private_key(ec.SECP256R1())
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        key_id = hashlib.sha256(point).digest()
        app = hashlib.sha256(b"com.example.copy" if flaw == "app" else APP_ID.encode()).digest()
        kind = b"appattestdevelop" if flaw == "fresh_production_key" else b"appattest" + bytes(7)
        data = app + struct.pack(">BI", 0x40, 0) + kind + struct.pack(">H", len(key_id)) + key_id + cbor2.dumps({})
        nonce = hashlib.sha256(data + (bytes(32) if flaw == "nonce" else hashed)).digest()
        by = ec.generate_private_key(ec.SECP384R1()) if flaw == "chain" else self._key
        leaf = _certificate("Key of a phone", key, self._intermediate, by, nonce=nonce)
        chain = [each.public_bytes(Encoding.DER) for each in (leaf, self._intermediate)]
        made = {"fmt": "apple-appattest", "attStmt": {"x5c": chain, "receipt": b""}, "authData": data}
        return (secrets.token_bytes(32) if flaw == "key" else key_id), cbor2.dumps(made)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    by: ec.EllipticCurvePrivateKey,
    *,
    nonce: bytes | None = None,
) -> x509.Certificate:
    now, subject = datetime.now(UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3_650))
        .add_extension(x509.BasicConstraints(ca=nonce is None, path_length=None), critical=True)
    )
    if nonce is not None:
        extension = x509.UnrecognizedExtension(_NONCE, bytes.fromhex("3024a1220420") + nonce)
        made = made.add_extension(extension, critical=False)
    return made.sign(by, hashes.SHA256())


def build(apple: Apple) -> Litestar:
    """Compose the process around one Apple."""

    @get("/health/ready")
    async def ready() -> str:
        return "ready"

    @post("/android/tokens")
    async def token(data: JSONBody[Asked]) -> dict[str, str]:
        flaw: Any = data.flaw
        return {"platform": "android", "token": play_token(client_hash(data.challenge, data.jkt), flaw=flaw)}

    @post("/ios/attestations")
    async def attestation(data: JSONBody[Asked]) -> dict[str, str]:
        flaw: Any = data.flaw
        key_id, made = apple.attest(client_hash(data.challenge, data.jkt), flaw=flaw)
        return {"platform": "ios", "key_id": b64(key_id), "attestation": b64(made)}

    @post("/v1/{call:str}", status_code=200)
    async def decode(call: FromPath[str], data: JSONBody[dict[str, str]]) -> Response[Any]:
        found = decoded(data.get("integrity_token", ""))
        if call != f"{PACKAGE}:decodeIntegrityToken" or found is None:
            return Response({"error": {"code": 400, "status": "INVALID_ARGUMENT"}}, status_code=400)
        return Response(found)

    return Litestar([ready, token, attestation, decode], openapi_config=None)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    apple = Apple()
    given.folder.mkdir(parents=True, exist_ok=True)
    (given.folder / "apple-root.pem").write_bytes(apple.root.public_bytes(Encoding.PEM))
    uvicorn.run(build(apple), host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
