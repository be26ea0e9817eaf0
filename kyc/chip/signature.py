"""One signature of the passport PKI: RSA PKCS#1 v1.5, RSA-PSS or ECDSA, on named or spelled-out curves.

What verifies may still be weak: `verify` answers with what is weak about it, so that an old passport is graded and not
just refused.
"""

import hashlib

import msgspec
from asn1crypto import algos, keys
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from kyc.chip import curves, der

_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,  # verified and then called weak
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
DIGESTS = frozenset(_HASHES)
WEAK_DIGESTS = frozenset({"sha1"})
# Below 112 bits of security (NIST SP 800-57 part 1, table 2) a signature is weak; above the upper bound of RSA a
# stranger's key costs more to check than any real one (the published lists end at 6144).
# Chips have keys a little under 1024, which the library refuses.
_RSA_BITS, _RSA_BITS_NATIVE, RSA_BITS_STRONG = range(1000, 8193), 1024, 2048
_RSA_EXPONENTS = range(3, 2**33)
_EC_BITS_STRONG = 224
_SALT = range(513)
_NAMED_BY_HABIT = frozenset({"sha256_ecdsa", "sha256_rsa"})


class BadSignature(Exception):
    """The signature was not made by this key over this message."""


class Unsupported(Exception):
    """An algorithm, key or curve that this house can't check; says nothing about the signature."""

    def __init__(self, algorithm: str) -> None:
        super().__init__(algorithm)
        self.algorithm = algorithm


class Scheme(msgspec.Struct, frozen=True):
    """How a signature was made: `kind` is rsa, pss or ecdsa."""

    kind: str
    digest: str
    mask_digest: str = ""
    salt: int = 0


def verify(
    *, key: bytes, algorithm: bytes, signature: bytes, message: bytes, digest: str | None = None
) -> frozenset[str]:
    """Check `signature` over `message`; answers what is weak about it, such as {"sha1", "rsa_1024"}.

    `key` is a SubjectPublicKeyInfo, `algorithm` an AlgorithmIdentifier, both DER; `digest` is used where the algorithm
    does not name one. Raises BadSignature, Unsupported, der.Malformed.
    """
    with der.reading("signature algorithm"):
        scheme = _scheme(algos.SignedDigestAlgorithm.load(algorithm), digest)
    if scheme.digest not in _HASHES:
        raise Unsupported(scheme.digest)
    with der.reading("public key"):
        info = keys.PublicKeyInfo.load(key)
        public = _public(info)
        if info["algorithm"]["algorithm"].native == "rsassa_pss" and scheme.kind != "pss":
            raise BadSignature  # such a key signs no other way (RFC 4055, 1.2)
    try:
        weak = _check(public, scheme, signature, message)
    except InvalidSignature as error:
        raise BadSignature from error
    except UnsupportedAlgorithm as error:
        raise Unsupported(scheme.digest) from error
    return weak | WEAK_DIGESTS & {scheme.digest}


def rsa_numbers(key: bytes) -> tuple[int, int]:
    """Read modulus and exponent of an RSA key within the bounds of this house; raises Unsupported, der.Malformed."""
    with der.reading("public key"):
        return _numbers(keys.PublicKeyInfo.load(key))


def ecdsa(digest: str) -> bytes:
    """Give the AlgorithmIdentifier of ECDSA with `digest`."""
    encoded: bytes = algos.SignedDigestAlgorithm({"algorithm": f"{digest}_ecdsa"}).dump()
    return encoded


def usable(key: bytes) -> bool:
    """Whether signatures of this key can be checked here."""
    try:
        with der.reading("public key"):
            _public(keys.PublicKeyInfo.load(key))
    except (Unsupported, der.Malformed):
        return False
    return True


def misnamed(algorithm: bytes, digest: str) -> bool:
    """Whether `algorithm` names SHA-256 beside a `digest` that is another: some issuers write it always.

    Raises der.Malformed.
    """
    with der.reading("signature algorithm"):
        name = algos.SignedDigestAlgorithm.load(algorithm)["algorithm"].native
    return name in _NAMED_BY_HABIT and digest in DIGESTS - {"sha256"}


def renamed(algorithm: bytes, digest: str) -> bytes:
    """Give a misnamed `algorithm` with the digest that was used; raises der.Malformed."""
    with der.reading("signature algorithm"):
        _, _, kind = algos.SignedDigestAlgorithm.load(algorithm)["algorithm"].native.partition("_")
        given: bytes = algos.SignedDigestAlgorithm({"algorithm": f"{digest}_{kind}"}).dump()
    return given


def _scheme(algorithm: algos.SignedDigestAlgorithm, digest: str | None) -> Scheme:
    name = algorithm["algorithm"].native
    if name == "rsassa_pss":
        parameters = algorithm["parameters"]
        if parameters["salt_length"].native not in _SALT:
            raise Unsupported(name)
        return Scheme(
            "pss",
            parameters["hash_algorithm"]["algorithm"].native,
            parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native,
            parameters["salt_length"].native,
        )
    if name in ("rsassa_pkcs1v15", "ecdsa"):
        return Scheme("rsa" if name == "rsassa_pkcs1v15" else name, digest or "")
    made_with, _, kind = name.partition("_")
    if kind not in ("rsa", "ecdsa"):
        raise Unsupported(name)
    return Scheme(kind, made_with)


def _public(info: keys.PublicKeyInfo) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey | curves.Point:
    kind = info["algorithm"]["algorithm"].native
    if kind in ("rsa", "rsassa_pss"):
        modulus, exponent = _numbers(info)
        if modulus.bit_length() < _RSA_BITS_NATIVE:
            raise Unsupported(f"rsa_{modulus.bit_length()}")
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    if kind != "ec":
        raise Unsupported(kind)
    encoded = bytes(info["public_key"])
    try:
        curve = _curve(info["algorithm"]["parameters"])
        if curve.native is None:
            return curves.point(curve, encoded)
    except curves.UnknownCurve as error:
        raise Unsupported("unknown_curve") from error
    except curves.NotOnCurve as error:
        raise der.Malformed("public key") from error
    return ec.EllipticCurvePublicKey.from_encoded_point(curve.native(), encoded)


def _numbers(info: keys.PublicKeyInfo) -> tuple[int, int]:
    numbers = info["public_key"].parsed
    modulus, exponent = numbers["modulus"].native, numbers["public_exponent"].native
    if modulus.bit_length() not in _RSA_BITS or exponent not in _RSA_EXPONENTS:
        raise Unsupported(f"rsa_{modulus.bit_length()}")
    return modulus, exponent


def _curve(parameters: keys.ECDomainParameters) -> curves.Curve:
    if parameters.name == "named":
        return curves.named(parameters.chosen.dotted)
    if parameters.name != "specified" or parameters.chosen["field_id"]["field_type"].native != "prime_field":
        raise curves.UnknownCurve(parameters.name)
    spelled = parameters.chosen
    return curves.matching(
        p=spelled["field_id"]["parameters"].native,
        a=int.from_bytes(spelled["curve"]["a"].native, "big"),
        b=int.from_bytes(spelled["curve"]["b"].native, "big"),
        base=bytes(spelled["base"]),
        n=spelled["order"].native,
        h=spelled["cofactor"].native,
    )


def _check(
    public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | curves.Point,
    scheme: Scheme,
    signature: bytes,
    message: bytes,
) -> frozenset[str]:
    """Check, or raise InvalidSignature; a key of another kind than the scheme's can't have signed."""
    digest = _HASHES[scheme.digest]()
    if isinstance(public, rsa.RSAPublicKey):
        if scheme.kind == "ecdsa":
            raise InvalidSignature
        public.verify(signature, message, _padding(scheme), digest)
        return frozenset({f"rsa_{public.key_size}"} if public.key_size < RSA_BITS_STRONG else ())
    if scheme.kind != "ecdsa":
        raise InvalidSignature
    r, s = _pair(signature, (public.curve.group_order.bit_length() + 7) // 8)
    if isinstance(public, curves.Point):
        if not curves.verify(public, hashlib.new(scheme.digest, message).digest(), r, s):
            raise InvalidSignature
        return frozenset({f"ec_{public.curve.bits}"} if public.curve.bits < _EC_BITS_STRONG else ())
    public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(digest))
    return frozenset()


def _pair(signature: bytes, octets: int) -> tuple[int, int]:
    """Read (r, s) as X9.62 writes it, or "plain", one behind the other (BSI TR-03111, 4.2.1)."""
    try:
        return utils.decode_dss_signature(signature)
    except ValueError as error:
        if len(signature) != 2 * octets:
            raise InvalidSignature from error
    return int.from_bytes(signature[:octets], "big"), int.from_bytes(signature[octets:], "big")


def _padding(scheme: Scheme) -> padding.AsymmetricPadding:
    if scheme.kind == "rsa":
        return padding.PKCS1v15()
    if scheme.mask_digest not in _HASHES:
        raise Unsupported(scheme.mask_digest)
    return padding.PSS(padding.MGF1(_HASHES[scheme.mask_digest]()), scheme.salt)
