"""The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header-06) and what a repeat is recognised by."""

import hashlib
import re

import msgspec

# The draft says a structured-field string, `"…"`; bare tokens are what most clients send, so both are read.
_QUOTED = re.compile(r'^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"$')
_BARE = re.compile(r"^[A-Za-z0-9_\-.:~+/=]+$")
_LENGTH_MAX = 255

#: Both forms, for the contract.
PATTERN = f"{_QUOTED.pattern}|{_BARE.pattern}"


class Missing(Exception):
    """The operation creates or moves and was sent without Idempotency-Key."""


class Malformed(Exception):
    """The key is empty, too long or holds characters a key can't have."""


class Reused(Exception):
    """The key was used before with another request."""


class InProgress(Exception):
    """The first request with this key is still running."""


class Claim(msgspec.Struct, frozen=True):
    """Whose key it is, the key, and the hash of the request it was sent with (32 bytes)."""

    principal: str
    key: str
    request_hash: bytes


class Stored(msgspec.Struct, frozen=True):
    """An answer as it left: status, the encoded body, and the headers that belong to it."""

    status: int
    body: bytes
    headers: dict[str, str] = {}


def read(header: str | None) -> str:
    """Read the header's key; raises Missing, Malformed."""
    if header is None or not header.strip():
        raise Missing
    text = header.strip()
    if match := _QUOTED.match(text):
        text = re.sub(r'\\(["\\])', r"\1", match.group(1))
    elif not _BARE.match(text):
        raise Malformed
    if len(text) > _LENGTH_MAX:
        raise Malformed
    return text


def claim(principal: str, header: str | None, *, method: str, path: str, body: bytes) -> Claim:
    """Name a request: the same claim twice is a repeat; raises Missing, Malformed."""
    digest = hashlib.sha256(b"\x00".join((method.encode(), path.encode(), body))).digest()
    return Claim(principal, read(header), digest)
