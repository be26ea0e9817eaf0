"""Standard Webhooks 1.0.0: who sent these bytes, and when? Both schemes, `v1` (HMAC-SHA256) and `v1a` (ed25519).

What is signed is `id.timestamp.body`, over the raw bytes that travel, so verify before any parsing. Several signatures
may stand in one header: that is how a key is rotated without a lost message. Whatever a stranger puts into the headers
is answered with BadSignature, nothing else.

source     https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

TOLERANCE = timedelta(minutes=5)
SIGNATURES_MAX = 8  # a rotation needs two; the bound keeps one request from buying thousands of ed25519 checks

_SECRET_BYTES = range(24, 65)  # "between 24 bytes (192 bits) and 64 bytes (512 bits)"
_ED25519_KEY_BYTES = 32
# A full stop would let an id swallow the timestamp: "a.1" + "2" and "a" + "1.2" sign the same text.
_ID = re.compile(r"[!-\-/-~]{1,255}", re.ASCII)
_TIMESTAMP = re.compile(r"[0-9]{1,11}", re.ASCII)


class BadSignature(Exception):
    """The headers don't prove who sent the body. `reason` is for the log; the sender learns only that it failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadKey(Exception):
    """The text is no key of the form it claims; its value is never shown."""


class Shared(msgspec.Struct, frozen=True):
    """A secret both sides hold, for `v1`: 24 to 64 bytes."""

    secret: bytes

    def __repr__(self) -> str:
        return "Shared(…)"


class Public(msgspec.Struct, frozen=True):
    """The sender's ed25519 public key, 32 bytes, for `v1a`. Prefer it: a shared secret lets the receiver forge."""

    key: bytes


Key = Shared | Public


class Received(msgspec.Struct, frozen=True):
    """A message whose sender is proved. `id` stays the same over its repetitions; `at` is the time of this attempt."""

    id: str
    at: datetime


def verify(headers: Mapping[str, str], body: bytes, *, keys: Iterable[Key], now: datetime) -> Received:
    """Prove that one of `keys` signed `body` within five minutes of `now` (the real clock); raises BadSignature.

    `headers` looks names up in lower case, as every ASGI server delivers them.
    """
    message_id = _header(headers, ID_HEADER)
    if not _ID.fullmatch(message_id):
        raise BadSignature("id_malformed")
    stamp = _header(headers, TIMESTAMP_HEADER)
    if not _TIMESTAMP.fullmatch(stamp):
        raise BadSignature("timestamp_malformed")
    if abs(int(stamp) - now.timestamp()) > TOLERANCE.total_seconds():
        raise BadSignature("timestamp_outside_tolerance")
    text = b".".join((message_id.encode(), stamp.encode(), body))
    given = _signatures(_header(headers, SIGNATURE_HEADER))
    if not any(_matches(key, text, given) for key in keys):
        raise BadSignature("no_signature_matches")
    return Received(id=message_id, at=datetime.fromtimestamp(int(stamp), tz=UTC))


def signed_text(message_id: str, at: datetime, body: bytes) -> bytes:
    """Build the bytes a signature covers. `at` is aware and is cut to the second."""
    if not _ID.fullmatch(message_id):
        raise ValueError(message_id)
    return b".".join((message_id.encode(), str(int(at.timestamp())).encode(), body))


def headers(message_id: str, at: datetime, signatures: Sequence[str]) -> dict[str, str]:
    """Write the three headers of one attempt; `signatures` come from `hmac_sha256` and `ed25519` below."""
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(int(at.timestamp())),
        SIGNATURE_HEADER: " ".join(signatures),
    }


def hmac_sha256(key: Shared, text: bytes) -> str:
    """Sign `text` under the scheme `v1`."""
    return "v1," + base64.b64encode(_mac(key, text)).decode()


def ed25519(signature: bytes) -> str:
    """Write a raw 64-byte signature of `signed_text(…)` under the scheme `v1a`; the key stays with its signer."""
    return "v1a," + base64.b64encode(signature).decode()


def shared_key(text: str) -> Shared:
    """Read `whsec_…`; raises BadKey."""
    secret = _key_bytes("whsec_", text)
    if len(secret) not in _SECRET_BYTES:
        raise BadKey("whsec_ holds 24 to 64 bytes")
    return Shared(secret)


def public_key(text: str) -> Public:
    """Read `whpk_…`; raises BadKey."""
    key = _key_bytes("whpk_", text)
    if len(key) != _ED25519_KEY_BYTES:
        raise BadKey("whpk_ holds 32 bytes")
    return Public(key)


def private_key(text: str) -> Ed25519PrivateKey:
    """Read `whsk_…`, the seed or the seed followed by its public key, as implementations differ; raises BadKey."""
    key = _key_bytes("whsk_", text)
    if len(key) not in {_ED25519_KEY_BYTES, 2 * _ED25519_KEY_BYTES}:
        raise BadKey("whsk_ holds 32 or 64 bytes")
    return Ed25519PrivateKey.from_private_bytes(key[:_ED25519_KEY_BYTES])


def show_public(key: bytes) -> str:
    """Write a raw ed25519 public key as `whpk_…`."""
    return "whpk_" + base64.b64encode(key).decode()


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise BadSignature(f"{name}_missing")
    return value


def _signatures(header: str) -> list[tuple[str, bytes]]:
    """Read what can be read; an unknown scheme or a broken entry proves nothing and hides nothing beside it."""
    entries = header.split(" ")
    if len(entries) > SIGNATURES_MAX:
        raise BadSignature("too_many_signatures")
    found = []
    for entry in entries:
        scheme, _, encoded = entry.partition(",")
        try:
            found.append((scheme, base64.b64decode(encoded, validate=True)))
        except (binascii.Error, ValueError):  # ValueError: letters outside ASCII
            continue
    return found


def _matches(key: Key, text: bytes, given: list[tuple[str, bytes]]) -> bool:
    if isinstance(key, Shared):
        expected = _mac(key, text)
        return any(scheme == "v1" and hmac.compare_digest(signature, expected) for scheme, signature in given)
    public = Ed25519PublicKey.from_public_bytes(key.key)
    return any(scheme == "v1a" and _signed(public, signature, text) for scheme, signature in given)


def _signed(public: Ed25519PublicKey, signature: bytes, text: bytes) -> bool:
    try:
        public.verify(signature, text)
    except InvalidSignature:
        return False
    return True


def _mac(key: Shared, text: bytes) -> bytes:
    return hmac.new(key.secret, text, hashlib.sha256).digest()


def _key_bytes(prefix: str, text: str) -> bytes:
    if not text.startswith(prefix):
        raise BadKey(f"a key of this kind starts with {prefix}")
    encoded = text.removeprefix(prefix)
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadKey(f"{prefix} is followed by base64") from error
