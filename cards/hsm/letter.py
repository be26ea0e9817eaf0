"""A letter to the house: a JWE that only the machine opens (RFC 7516; ECDH-ES on P-256 and A256GCM, nothing else).

The phone makes it with the public key of GET /v1/card-keys. What is in it is read here and nowhere else, so a PIN is
never a value of the code that carries it.
"""

import base64
import binascii
import json
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

_PARTS = 5
_MAX = 2_048
_KEY_BYTES = 32
_COORDINATE = 32


class BadLetter(Exception):
    """It is no letter of this form, not to this key, or was changed on the way."""


class _Sender(msgspec.Struct, frozen=True):
    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: Literal["ECDH-ES"]
    enc: Literal["A256GCM"]
    kid: str
    epk: _Sender
    typ: str = "JOSE"


def kid(letter: str) -> str:
    """Say which key a letter is to; raises BadLetter."""
    return _header(letter).kid


def open_(key: ec.EllipticCurvePrivateKey, letter: str) -> bytes:
    """Answer what is in a letter to this key; raises BadLetter."""
    header = _header(letter)
    protected, wrapped, nonce, sealed, tag = letter.split(".")
    if wrapped:
        raise BadLetter
    shared = key.exchange(ec.ECDH(), _point(header.epk))
    try:
        opened = AESGCM(_derived(shared)).decrypt(_bytes(nonce), _bytes(sealed) + _bytes(tag), protected.encode())
    except (InvalidTag, ValueError) as error:
        raise BadLetter from error
    return opened


def public(key: ec.EllipticCurvePrivateKey, name: str) -> dict[str, str]:
    """Write the public half as a JWK."""
    numbers = key.public_key().public_numbers()
    x, y = (
        base64.urlsafe_b64encode(each.to_bytes(_COORDINATE)).rstrip(b"=").decode() for each in (numbers.x, numbers.y)
    )
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": name, "use": "enc", "alg": "ECDH-ES"}


def _header(letter: str) -> _Header:
    if len(letter) > _MAX or letter.count(".") != _PARTS - 1:
        raise BadLetter
    try:
        raw = _bytes(letter.partition(".")[0])
        json.loads(raw, object_pairs_hook=_once)
        return msgspec.json.decode(raw, type=_Header)
    except (msgspec.DecodeError, ValueError) as error:
        raise BadLetter from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)


def _derived(shared: bytes) -> bytes:
    # RFC 7518, 4.6.2: the content is encrypted under the derived key itself, and nobody is named.
    text = b"A256GCM"
    info = len(text).to_bytes(4) + text + bytes(4) + bytes(4) + (8 * _KEY_BYTES).to_bytes(4)
    return ConcatKDFHash(SHA256(), _KEY_BYTES, info).derive(shared)


def _point(sender: _Sender) -> ec.EllipticCurvePublicKey:
    try:
        x, y = int.from_bytes(_bytes(sender.x)), int.from_bytes(_bytes(sender.y))
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError as error:  # not on the curve
        raise BadLetter from error


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadLetter from error
