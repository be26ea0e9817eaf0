"""The elliptic curves of passports, matched by every parameter, and ECDSA on the two curves OpenSSL does not offer.

Passport certificates spell out their curve (ICAO Doc 9303-12, section 4.4 asks for it), and OpenSSL and `cryptography`
refuse to load such keys. A spelled-out curve is taken for a known one only when p, a, b, G, n and h are all equal:
whoever may choose G can make a second private key for a trusted public key (CVE-2020-0601). A curve that is not in the
table is refused and no arithmetic is done on it.
"""

from collections.abc import Iterator

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec


class Curve(msgspec.Struct, frozen=True):
    """y² = x³ + ax + b over the prime p, with base point (x, y) of prime order n; every cofactor here is 1."""

    name: str
    oid: str
    native: type[ec.EllipticCurve] | None
    p: int
    a: int
    b: int
    x: int
    y: int
    n: int

    @property
    def bits(self) -> int:
        """The size of the field."""
        return self.p.bit_length()

    @property
    def group_order(self) -> int:
        """The order of the base point, by the name `cryptography` gives it."""
        return self.n

    @property
    def octets(self) -> int:
        """How many bytes one coordinate takes."""
        return (self.bits + 7) // 8


class Point(msgspec.Struct, frozen=True):
    """A public key on a curve that `cryptography` does not offer."""

    curve: Curve
    x: int
    y: int


class UnknownCurve(Exception):
    """The curve is none of the known ones, in every parameter."""


class NotOnCurve(Exception):
    """The encoded point is no point of its curve."""


def named(oid: str) -> Curve:
    """Find a curve by its object identifier; raises UnknownCurve."""
    if (curve := _BY_OID.get(oid)) is None:
        raise UnknownCurve(oid)
    return curve


def matching(*, p: int, a: int, b: int, base: bytes, n: int, h: int | None) -> Curve:
    """Find the known curve that has all these parameters; `h` may be left out of a certificate. Raises UnknownCurve."""
    for curve in CURVES:
        if (p, a, b, n) == (curve.p, curve.a, curve.b, curve.n) and h in (None, 1) and base in _encodings(curve):
            return curve
    raise UnknownCurve("explicit parameters")


def point(curve: Curve, encoded: bytes) -> Point:
    """Read an uncompressed point of `curve`; raises NotOnCurve."""
    size = curve.octets
    if len(encoded) != 1 + 2 * size or encoded[0] != _UNCOMPRESSED:
        raise NotOnCurve
    x, y = int.from_bytes(encoded[1 : 1 + size], "big"), int.from_bytes(encoded[1 + size :], "big")
    if x >= curve.p or y >= curve.p or (y * y - x * x * x - curve.a * x - curve.b) % curve.p:
        raise NotOnCurve
    return Point(curve, x, y)


def verify(key: Point, digest: bytes, r: int, s: int) -> bool:
    """Whether (r, s) is an ECDSA signature of `key` over `digest` (FIPS 186-5, section 6.4.2).

    Works on public values only, so its running time may depend on them.
    """
    curve = key.curve
    if not (0 < r < curve.n and 0 < s < curve.n):
        return False
    wanted = int.from_bytes(digest, "big") >> max(0, 8 * len(digest) - curve.n.bit_length())
    inverse = pow(s, -1, curve.n)
    found = _sum_of_multiples(curve, wanted * inverse % curve.n, r * inverse % curve.n, (key.x, key.y))
    return found is not None and found[0] % curve.n == r


_UNCOMPRESSED = 4

_Affine = tuple[int, int]
_Jacobian = tuple[int, int, int]  # (x, y, z) is the point (x / z², y / z³), so that adding takes no division
_INFINITY = (1, 1, 0)


def _sum_of_multiples(curve: Curve, first: int, second: int, key: _Affine) -> _Affine | None:
    """Compute first * G + second * key, bit by bit together (Shamir's trick); None is the point at infinity."""
    base = (curve.x, curve.y)
    both = _affine(curve, _added(curve, (*base, 1), key))
    addends = (None, base, key, both)
    total: _Jacobian = _INFINITY
    for bit in range(max(first.bit_length(), second.bit_length()) - 1, -1, -1):
        total = _doubled(curve, total)
        addend = addends[(first >> bit & 1) | (second >> bit & 1) << 1]
        if addend is not None:
            total = _added(curve, total, addend)
    return _affine(curve, total)


def _doubled(curve: Curve, point: _Jacobian) -> _Jacobian:
    x, y, z = point
    p, square = curve.p, y * y % curve.p
    middle = 4 * x * square % p
    slope = (3 * x * x + curve.a * pow(z, 4, p)) % p
    found = (slope * slope - 2 * middle) % p
    return found, (slope * (middle - found) - 8 * square * square) % p, 2 * y * z % p


def _added(curve: Curve, left: _Jacobian, right: _Affine) -> _Jacobian:
    x, y, z = left
    p, square = curve.p, z * z % curve.p
    if z == 0:
        return (*right, 1)
    across = (right[0] * square - x) % p
    rise = (right[1] * z * square - y) % p
    if across == 0:
        return _INFINITY if rise else _doubled(curve, left)
    second = across * across % p
    third, scaled = across * second % p, x * second % p
    found = (rise * rise - third - 2 * scaled) % p
    return found, (rise * (scaled - found) - y * third) % p, z * across % p


def _affine(curve: Curve, point: _Jacobian) -> _Affine | None:
    x, y, z = point
    if z == 0:
        return None
    inverse = pow(z, -1, curve.p)
    return x * inverse * inverse % curve.p, y * pow(inverse, 3, curve.p) % curve.p


def _encodings(curve: Curve) -> Iterator[bytes]:
    x = curve.x.to_bytes(curve.octets, "big")
    yield b"\x04" + x + curve.y.to_bytes(curve.octets, "big")
    yield bytes([2 + curve.y % 2]) + x


def _curve(name: str, oid: str, native: type[ec.EllipticCurve] | None, **parameters: str) -> Curve:
    return Curve(name, oid, native, **{letter: int(digits, 16) for letter, digits in parameters.items()})


# SEC 2 version 2 (secp) and RFC 5639 (brainpool).
CURVES = (
    _curve(
        "secp224r1",
        "1.3.132.0.33",
        ec.SECP224R1,
        p="ffffffffffffffffffffffffffffffff000000000000000000000001",
        a="fffffffffffffffffffffffffffffffefffffffffffffffffffffffe",
        b="b4050a850c04b3abf54132565044b0b7d7bfd8ba270b39432355ffb4",
        x="b70e0cbd6bb4bf7f321390b94a03c1d356c21122343280d6115c1d21",
        y="bd376388b5f723fb4c22dfe6cd4375a05a07476444d5819985007e34",
        n="ffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3d",
    ),
    _curve(
        "secp256r1",
        "1.2.840.10045.3.1.7",
        ec.SECP256R1,
        p="ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        a="ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
        b="5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
        x="6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
        y="4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        n="ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    ),
    _curve(
        "secp384r1",
        "1.3.132.0.34",
        ec.SECP384R1,
        p="fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
        a="fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000fffffffc",
        b="b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
        x="aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
        y="3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
        n="ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    ),
    _curve(
        "secp521r1",
        "1.3.132.0.35",
        ec.SECP521R1,
        p="01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        a="01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc",
        b="0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109"
        "e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
        x="00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3d"
        "baa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
        y="011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e66"
        "2c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
        n="01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        "fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    ),
    _curve(
        "brainpoolP224r1",
        "1.3.36.3.3.2.8.1.1.5",
        None,
        p="d7c134aa264366862a18302575d1d787b09f075797da89f57ec8c0ff",
        a="68a5e62ca9ce6c1c299803a6c1530b514e182ad8b0042a59cad29f43",
        b="2580f63ccfe44138870713b1a92369e33e2135d266dbb372386c400b",
        x="0d9029ad2c7e5cf4340823b2a87dc68c9e4ce3174c1e6efdee12c07d",
        y="58aa56f772c0726f24c6b89e4ecdac24354b9e99caa3f6d3761402cd",
        n="d7c134aa264366862a18302575d0fb98d116bc4b6ddebca3a5a7939f",
    ),
    _curve(
        "brainpoolP256r1",
        "1.3.36.3.3.2.8.1.1.7",
        ec.BrainpoolP256R1,
        p="a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377",
        a="7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9",
        b="26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6",
        x="8bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262",
        y="547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997",
        n="a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7",
    ),
    _curve(
        "brainpoolP320r1",
        "1.3.36.3.3.2.8.1.1.9",
        None,
        p="d35e472036bc4fb7e13c785ed201e065f98fcfa6f6f40def4f92b9ec7893ec28fcd412b1f1b32e27",
        a="3ee30b568fbab0f883ccebd46d3f3bb8a2a73513f5eb79da66190eb085ffa9f492f375a97d860eb4",
        b="520883949dfdbc42d3ad198640688a6fe13f41349554b49acc31dccd884539816f5eb4ac8fb1f1a6",
        x="43bd7e9afb53d8b85289bcc48ee5bfe6f20137d10a087eb6e7871e2a10a599c710af8d0d39e20611",
        y="14fdd05545ec1cc8ab4093247f77275e0743ffed117182eaa9c77877aaac6ac7d35245d1692e8ee1",
        n="d35e472036bc4fb7e13c785ed201e065f98fcfa5b68f12a32d482ec7ee8658e98691555b44c59311",
    ),
    _curve(
        "brainpoolP384r1",
        "1.3.36.3.3.2.8.1.1.11",
        ec.BrainpoolP384R1,
        p="8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53",
        a="7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826",
        b="04a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc9943ab78696fa504c11",
        x="1d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3db7fcafe0cbd10e8e826e03436d646aaef87b2e247d4af1e",
        y="8abe1d7520f9c2a45cb1eb8e95cfd55262b70b29feec5864e19c054ff99129280e4646217791811142820341263c5315",
        n="8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565",
    ),
    _curve(
        "brainpoolP512r1",
        "1.3.36.3.3.2.8.1.1.13",
        ec.BrainpoolP512R1,
        p="aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330871"
        "7d4d9b009bc66842aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3",
        a="7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc"
        "2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94ca",
        b="3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a7"
        "2bf2c7b9e7c1ac4d77fc94cadc083e67984050b75ebae5dd2809bd638016f723",
        x="81aee4bdd82ed9645a21322e9c4c6a9385ed9f70b5d916c1b43b62eef4d0098e"
        "ff3b1f78e2d0d48d50d1687b93b97d5f7c6d5047406a5e688b352209bcb9f822",
        y="7dde385d566332ecc0eabfa9cf7822fdf209f70024a57b1aa000c55b881f8111"
        "b2dcde494a5f485e5bca4bd88a2763aed1ca2b2fa8f0540678cd1e0f3ad80892",
        n="aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870"
        "553e5c414ca92619418661197fac10471db1d381085ddaddb58796829ca90069",
    ),
)
_BY_OID = {curve.oid: curve for curve in CURVES}
