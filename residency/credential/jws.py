"""Compact JWS (RFC 7515) signed with ES256, and the public keys that go with it (RFC 7517).

Reading is stricter than the RFCs ask, so that one signed meaning has one spelling: duplicate keys, padding and stray
bits in base64url are refused. ES256 is the only algorithm; `none` and keyed hashes are not known here at all.
"""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from proof.signer import Signer

ALGORITHM = "ES256"
_COORDINATE_BYTES = 32
_ECDSA = ec.ECDSA(hashes.SHA256())
#: Beyond it a float skips numbers, and far beyond an int becomes none.
_TIME_MAX = 2**53
#: Everything RFC 7518 section 6 calls private, for any key type.
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

#: What is base64 and not base64url becomes padding, which is refused where it stands; so does what JSON would escape.
_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b'-_+/"\\', b"+/====")
_PADDING = (b'"', b'==="', b'=="', b'="')
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#: How a text may end, by its length modulo 4: where bits are left over they are zero.
_LAST = (_ALPHABET, "", _ALPHABET[::16], _ALPHABET[::4])

#: As a JSON string of bytes, which msgspec reads and writes three times as fast as binascii does base64.
_to_base64, _from_base64 = msgspec.json.Encoder().encode, msgspec.json.Decoder(bytes).decode

Json = dict[str, Any]


class Unreadable(Exception):
    """The text is not a compact JWS, or a part of it is not the JSON object it must be."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadKey(Exception):
    """A JWK that is no public P-256 key."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Token(msgspec.Struct, frozen=True):
    """A compact JWS taken apart. Nothing in it is true until `signed_by` says so."""

    header: Json
    payload: Json
    signing_input: bytes
    signature: bytes

    def signed_by(self, key: ec.EllipticCurvePublicKey) -> bool:
        """Tell whether `key` made the signature; never for a header that names another algorithm than ES256."""
        if self.header.get("alg") != ALGORITHM or len(self.signature) != 2 * _COORDINATE_BYTES:
            return False
        r = int.from_bytes(self.signature[:_COORDINATE_BYTES])
        s = int.from_bytes(self.signature[_COORDINATE_BYTES:])
        try:
            key.verify(encode_dss_signature(r, s), self.signing_input, _ECDSA)
        except InvalidSignature:
            return False
        return True


def parse(text: str) -> Token:
    """Take a compact JWS apart; raises Unreadable."""
    parts = text.split(".")
    if len(parts) != 3:  # noqa: PLR2004  header, payload, signature
        raise Unreadable("not three parts")
    header, payload, signature = parts
    return Token(
        header=read_object(unb64(header)),
        payload=read_object(unb64(payload)),
        signing_input=f"{header}.{payload}".encode("ascii"),
        signature=unb64(signature),
    )


def sign(signer: Signer, header: Mapping[str, object], payload: Mapping[str, object]) -> str:
    """Write a compact JWS over `payload`."""
    return sign_encoded(signer, b64(msgspec.json.encode(header)), payload)


def sign_encoded(signer: Signer, header: str, payload: Mapping[str, object]) -> str:
    """Write a compact JWS whose header is base64url already: it is the same for every credential of one signer."""
    assert signer.alg == ALGORITHM, "credentials are signed with ES256"
    signing_input = f"{header}.{b64(msgspec.json.encode(payload))}"
    return f"{signing_input}.{b64(signer.sign(signing_input.encode('ascii')))}"


def b64(data: bytes) -> str:
    """Encode base64url without padding."""
    return _to_base64(data).translate(_TO_URL, b'"=').decode("ascii")


def unb64(text: str) -> bytes:
    """Decode base64url, only as `b64` would have written it; raises Unreadable."""
    try:
        data = _from_base64(b'"' + text.encode("ascii").translate(_FROM_URL) + _PADDING[len(text) % 4])
    except (ValueError, msgspec.DecodeError) as error:
        raise Unreadable("not base64url") from error
    if text and text[-1] not in _LAST[len(text) % 4]:
        raise Unreadable("not canonical base64url")
    return data


def read_object(raw: bytes) -> Json:
    """Read a JSON object, with no key given twice; raises Unreadable."""
    value = read_json(raw)
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    return value


def read_json(raw: bytes) -> Any:  # noqa: ANN401  # JSON is anything
    """Read JSON with no key given twice, no NaN, no infinite depth and no half of a character; raises Unreadable."""
    try:
        # Without an object there is no key to be given twice, and most disclosures hold none: the fast way is safe.
        if b"{" not in raw:
            return msgspec.json.decode(raw)
        value = _decoder.decode(raw.decode())
        if b"\\u" in raw:  # the standard library reads half of a surrogate pair, a text that nobody can write
            json.dumps(value, ensure_ascii=False).encode()
        return value  # noqa: TRY300  what the lines above raise is one refusal
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise Unreadable("not JSON") from error


def _once(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("a key is given twice")
    return found


def _no_constant(_: str) -> NoReturn:
    raise Unreadable("not JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


def is_time(value: object) -> bool:
    """Tell whether a claim is a NumericDate (RFC 7519 section 2), and one that can be reckoned with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _TIME_MAX


def public_key(jwk: object) -> ec.EllipticCurvePublicKey:
    """Read a public P-256 JWK; raises BadKey, for private members too."""
    if not isinstance(jwk, dict):
        raise BadKey("not an object")
    if private := _PRIVATE & jwk.keys():
        raise BadKey(f"has the private member {min(private)}")
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        raise BadKey("not an EC key on P-256")
    try:
        x, y = (_coordinate(jwk.get(name)) for name in ("x", "y"))
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except (Unreadable, ValueError) as error:
        raise BadKey("not a point on P-256") from error


def _coordinate(text: object) -> int:
    raw = unb64(text) if isinstance(text, str) else b""
    if len(raw) != _COORDINATE_BYTES:
        raise Unreadable("not a coordinate")
    return int.from_bytes(raw)


def public_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """Write a public P-256 key as the members RFC 7638 requires, in its order, and no others."""
    numbers = key.public_numbers()
    x, y = (b64(number.to_bytes(_COORDINATE_BYTES)) for number in (numbers.x, numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}
