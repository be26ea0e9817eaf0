"""Requests and answers of the issuing endpoints, encrypted beyond TLS (OpenID4VCI 1.0 section 10).

Requests are encrypted to a key of ours. It is another one each day, derived from a secret that all processes share, so
nothing is stored and none waits for another; yesterday's and tomorrow's are taken too, for metadata are kept for an
hour and clocks differ. Answers are encrypted to the wallet's key, which must have come inside an encrypted request: who
could put another key into an open one would read the answer.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from residency.credential import jws

ALGORITHM, ENCODINGS, COMPRESSION = "ECDH-ES", ("A128GCM", "A256GCM"), "DEF"
#: A batch with an attestation of each key comes nowhere near it; what swells beyond 250 KiB joserfc refuses.
REQUEST_BYTES_MAX = 200_000
_DAY_S = 86_400
_PURPOSE = b"openid4vci request encryption\x00"
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ALGORITHMS = [ALGORITHM, *ENCODINGS]


class Undecipherable(Exception):
    """What came is not encrypted to a key of ours: `reason` says what is wrong with it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadParameters(Exception):
    """An answer can't be encrypted as the wallet wants: `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Sealing(msgspec.Struct, frozen=True):
    """How an answer is encrypted. Make it with `parameters`."""

    key: ECKey
    header: dict[str, str]

    def encrypt(self, plain: bytes) -> str:
        """Write the compact JWE."""
        return jwe.encrypt_compact(self.header, plain, self.key, algorithms=_algorithms(self.header))


def published(secret: bytes, *, at: datetime) -> list[dict[str, str]]:
    """Describe the key that requests are encrypted to today."""
    return [_described(*_key(secret, _day(at)))]


def decrypt(secret: bytes, body: bytes, *, at: datetime) -> bytes:
    """Open a request; raises Undecipherable."""
    if len(body) > REQUEST_BYTES_MAX:
        raise Undecipherable("too long")
    try:
        text = body.decode("ascii").strip()
        header = jws.read_object(jws.unb64(text.partition(".")[0]))
    except (UnicodeDecodeError, jws.Unreadable) as error:
        raise Undecipherable("not a JWE") from error
    if header.get("alg") != ALGORITHM or header.get("enc") not in ENCODINGS:
        raise Undecipherable(f"alg is not {ALGORITHM}, or enc is none of {' '.join(ENCODINGS)}")
    if header.get("zip", COMPRESSION) != COMPRESSION or "crit" in header:
        raise Undecipherable(f"zip is not {COMPRESSION}, or crit is there")
    days = (_day(at) + beside for beside in (0, -1, 1))
    keys = dict(_key(secret, day) for day in days)
    kid = header.get("kid")
    if not isinstance(kid, str) or (private := keys.get(kid)) is None:
        raise Undecipherable("kid is not that of a key in the metadata")
    try:
        opened = jwe.decrypt_compact(text, ECKey.import_key(private), algorithms=_algorithms(header))
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise Undecipherable("it does not decrypt with the key of this kid") from error
    return opened.plaintext or b""


class _Wanted(msgspec.Struct, frozen=True):
    jwk: jws.Json
    enc: str
    zip: str | None = None


def parameters(told: object) -> Sealing:
    """Read `credential_response_encryption`; raises BadParameters."""
    try:
        wanted = msgspec.convert(told, _Wanted)
    except msgspec.ValidationError as error:
        raise BadParameters(f"jwk, enc or zip is missing or malformed: {error}") from error
    if wanted.jwk.get("alg") != ALGORITHM:
        raise BadParameters(f"the alg of jwk is not {ALGORITHM}")
    if wanted.enc not in ENCODINGS:
        raise BadParameters(f"enc is none of {' '.join(ENCODINGS)}")
    if wanted.zip not in (None, COMPRESSION):
        raise BadParameters(f"zip is not {COMPRESSION}")
    try:
        public = jws.public_key(wanted.jwk)
    except jws.BadKey as error:
        raise BadParameters(f"jwk is {error.reason}") from error
    header = {"alg": ALGORITHM, "enc": wanted.enc}
    if isinstance(kid := wanted.jwk.get("kid"), str):
        header["kid"] = kid
    if wanted.zip is not None:
        header["zip"] = wanted.zip
    return Sealing(ECKey.import_key(public), header)


def _algorithms(header: jws.Json) -> Sequence[str]:
    return [*_ALGORITHMS, COMPRESSION] if "zip" in header else _ALGORITHMS


def _day(at: datetime) -> int:
    return int(at.timestamp()) // _DAY_S


def _key(secret: bytes, day: int) -> tuple[str, ec.EllipticCurvePrivateKey]:
    """Derive the key of a day, and its name, which tells nothing of either."""
    seed = hmac.digest(secret, _PURPOSE + day.to_bytes(8), "sha512")
    # 512 bits over an order of 256: no scalar is likelier than another (FIPS 186-5, appendix A.2.1).
    private = ec.derive_private_key(int.from_bytes(seed) % (_ORDER - 1) + 1, ec.SECP256R1())
    named = msgspec.json.encode(jws.public_jwk(private.public_key()))
    return jws.b64(hashlib.sha256(named).digest()), private


def _described(kid: str, private: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    return {**jws.public_jwk(private.public_key()), "kid": kid, "use": "enc", "alg": ALGORITHM}
