"""The hashes, a second time: written from what proof/ describes, with hashlib, json and cryptography alone."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Key = Ed25519PublicKey
Keys = Mapping[str, Key]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS = 3


class Unwritten(Exception):
    """The row holds what was never written: its hash can't be computed."""


class Forged(Exception):
    """The signature is not of a trusted key; `why` says how that shows."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Chain:
    """The links of one chain, by its name."""

    def __init__(self, name: str) -> None:
        self._tag = hashlib.sha256(b"eresidency/chain/" + name.encode()).digest()
        self.genesis = hashlib.sha256(b"\x02" + self._tag).digest()

    def link(self, head: bytes, entry: bytes) -> bytes:
        """Compute the hash of `entry` behind `head`."""
        return hashlib.sha256(b"\x03" + self._tag + head + entry).digest()


def _microseconds(at: datetime) -> bytes:
    since = at - _EPOCH
    return b"%d" % ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


_WRITE: dict[str, tuple[bytes, Callable[[Any], bytes]]] = {
    "i": (b"i", lambda number: b"%d" % number),
    "?": (b"?", lambda flag: b"1" if flag else b"0"),
    "s": (b"s", str.encode),
    "b": (b"b", bytes),
    "u": (b"u", lambda uuid: uuid.bytes),
    "d": (b"d", _microseconds),
    "j": (b"b", lambda value: canonical(value)),  # noqa: PLW0108  written further down
}
_LENGTHS = [number.to_bytes(4, "big") for number in range(1_024)]
_NONE = b"n" + _LENGTHS[0]

Encoder = Callable[[Sequence[Any]], bytes]


def encoder(letters: str) -> Encoder:
    """Give the function that writes rows whose columns are of the types `letters` (`j` is JSON, written canonically).

    Each field is its letter, its length as 4 bytes and its content; `n` stands for none.
    """
    writers = [_WRITE[letter] for letter in letters]

    def encode(row: Sequence[Any]) -> bytes:
        parts = []
        for value, (letter, write) in zip(row, writers, strict=True):
            if value is None:
                parts.append(_NONE)
                continue
            content = write(value)
            size = len(content)
            parts += (letter, _LENGTHS[size] if size < len(_LENGTHS) else size.to_bytes(4, "big"), content)
        return b"".join(parts)

    return encode


def canonical(value: Any) -> bytes:  # noqa: ANN401  whatever the database's JSON holds
    """Write JSON by RFC 8785; raises Unwritten for a fraction."""
    try:
        text = _JSON.encode(value)
        # Keys sort by UTF-16 code units, which for ASCII are what Python sorts by.
        return text.encode() if text.isascii() else _JSON_AS_IS.encode(_sorted(value)).encode()
    except (TypeError, UnicodeEncodeError) as error:
        raise Unwritten from error


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
_JSON_AS_IS = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _sorted(value: Any) -> Any:  # noqa: ANN401  whatever the database's JSON holds
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def leaf(entry: bytes) -> bytes:
    """Hash an entry as a leaf of a Merkle tree (RFC 6962)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Compute the Merkle root over hashed leaves."""
    level = list(leaves) or [hashlib.sha256(b"").digest()]
    while len(level) > 1:
        above = [node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = above + level[len(above) * 2 :]
    return level[0]


def node(left: bytes, right: bytes) -> bytes:
    """Hash two nodes that lie side by side to the one above them."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def keys(*trusted: Mapping[str, str]) -> Keys:
    """Read the public keys (JWK, Ed25519) that may sign, by their RFC 7638 thumbprints."""
    found = {}
    for jwk in trusted:
        raw = base64.urlsafe_b64decode(jwk["x"] + "=" * (-len(jwk["x"]) % 4))
        told = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": jwk["x"]}, separators=(",", ":"))
        found[_text(hashlib.sha256(told.encode()).digest())] = Ed25519PublicKey.from_public_bytes(raw)
    return found


def signed(trusted: Keys, kid: str, message: bytes, signature: bytes) -> None:
    """Check a signature; raises Forged."""
    if kid not in trusted:
        raise Forged(f"is signed by {kid}, which is not trusted")
    try:
        trusted[kid].verify(signature, message)
    except InvalidSignature as error:
        raise Forged("has a signature that is not of it") from error


def statement(jws: str, trusted: Keys) -> dict[str, Any]:
    """Read the payload of an anchor; raises Forged."""
    parts = jws.split(".")
    try:
        header, payload, signature = (_bytes(part) for part in parts)
        told, said = json.loads(header), json.loads(payload)
        kid, alg, typ = told["kid"], told["alg"], told["typ"]
    except (ValueError, TypeError, KeyError) as error:
        raise Forged("is no JWS") from error
    if (alg, typ) != ("EdDSA", "anchor+jws") or len(parts) != _PARTS or not isinstance(said, dict):
        raise Forged("is the JWS of something else")
    signed(trusted, kid, f"{parts[0]}.{parts[1]}".encode(), signature)
    return said


def _bytes(text: str) -> bytes:
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _text(raw) != text:  # the last letter has bits that say nothing: one content, one text
        raise binascii.Error
    return raw


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
