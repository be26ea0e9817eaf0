"""The curves' constants, and the verifier for the two curves OpenSSL does not offer."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.chip import curves
from kyc.chip.curves import CURVES, Curve, Point

OURS = [curve for curve in CURVES if curve.native is None]
DIGEST = hashlib.sha256(b"a passport").digest()

by_name = pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
by_ours = pytest.mark.parametrize("curve", OURS, ids=lambda curve: curve.name)


def multiple(curve: Curve, times: int) -> tuple[int, int] | None:
    return curves._sum_of_multiples(curve, times, 0, (curve.x, curve.y))  # noqa: SLF001  the arithmetic under test


def key(curve: Curve, secret: int) -> Point:
    found = multiple(curve, secret)
    assert found is not None
    return Point(curve, *found)


def sign(curve: Curve, secret: int, digest: bytes, nonce: int) -> tuple[int, int]:
    """Sign as FIPS 186-5 says; for tests only, its time depends on the secret."""
    found = multiple(curve, nonce)
    assert found is not None
    wanted = int.from_bytes(digest, "big") >> max(0, 8 * len(digest) - curve.n.bit_length())
    r = found[0] % curve.n
    return r, pow(nonce, -1, curve.n) * (wanted + r * secret) % curve.n


@by_name
def test_the_base_point_lies_on_its_curve_and_has_the_order_given(curve: Curve) -> None:
    assert (curve.y**2 - curve.x**3 - curve.a * curve.x - curve.b) % curve.p == 0
    assert multiple(curve, curve.n) is None
    assert multiple(curve, curve.n + 1) == (curve.x, curve.y)


@pytest.mark.parametrize("curve", [curve for curve in CURVES if curve.native], ids=lambda curve: curve.name)
def test_the_constants_are_those_of_openssl(curve: Curve) -> None:
    assert curve.native is not None
    numbers = ec.derive_private_key(7, curve.native()).public_key().public_numbers()

    assert multiple(curve, 7) == (numbers.x, numbers.y)
    assert curve.native().group_order == curve.n


@by_name
def test_a_curve_is_found_by_its_identifier_and_by_all_its_parameters(curve: Curve) -> None:
    size = curve.octets
    whole = b"\x04" + curve.x.to_bytes(size, "big") + curve.y.to_bytes(size, "big")
    short = bytes([2 + curve.y % 2]) + curve.x.to_bytes(size, "big")

    assert curves.named(curve.oid) is curve
    for base in (whole, short):
        for cofactor in (1, None):
            found = curves.matching(p=curve.p, a=curve.a, b=curve.b, base=base, n=curve.n, h=cofactor)
            assert found is curve


@by_name
@pytest.mark.parametrize("changed", ["p", "a", "b", "n", "h", "base"])
def test_a_curve_that_differs_in_one_parameter_is_unknown(curve: Curve, changed: str) -> None:
    """A base point of one's own choice is how trusted keys were forged (CVE-2020-0601)."""
    double = multiple(curve, 2)
    assert double is not None
    base = b"\x04" + b"".join(part.to_bytes(curve.octets, "big") for part in double)
    good = b"\x04" + b"".join(part.to_bytes(curve.octets, "big") for part in (curve.x, curve.y))
    given = {"p": curve.p, "a": curve.a, "b": curve.b, "n": curve.n, "h": 1}
    if changed != "base":
        given[changed] += 1

    with pytest.raises(curves.UnknownCurve):
        curves.matching(**given, base=base if changed == "base" else good)


@by_ours
@settings(max_examples=15, deadline=None)  # each example computes nine points in pure Python
@given(secret=st.integers(1, 2**220), nonce=st.integers(1, 2**220), message=st.binary(max_size=64))
def test_a_signature_verifies_and_no_changed_one_does(curve: Curve, secret: int, nonce: int, message: bytes) -> None:
    digest = hashlib.sha512(message).digest()
    r, s = sign(curve, secret, digest, nonce)

    assert curves.verify(key(curve, secret), digest, r, s)
    assert not curves.verify(key(curve, secret), digest, r, s % (curve.n - 1) + 1)
    assert not curves.verify(key(curve, secret), digest, r % (curve.n - 1) + 1, s)
    assert not curves.verify(key(curve, secret + 1), digest, r, s)
    assert not curves.verify(key(curve, secret), hashlib.sha512(message + b".").digest(), r, s)


@by_ours
def test_a_signature_of_numbers_out_of_range_is_none(curve: Curve) -> None:
    r, s = sign(curve, 3, DIGEST, 5)

    for pair in ((0, s), (r, 0), (curve.n, s), (r, curve.n), (r + curve.n, s), (-r, s), (0, 0)):
        assert not curves.verify(key(curve, 3), DIGEST, *pair)


@by_ours
def test_a_point_off_the_curve_is_no_key(curve: Curve) -> None:
    size = curve.octets
    good = b"\x04" + curve.x.to_bytes(size, "big") + curve.y.to_bytes(size, "big")

    assert curves.point(curve, good) == Point(curve, curve.x, curve.y)
    for bad in (
        good[:-1] + bytes([good[-1] ^ 1]),
        good[:-1],
        good + b"\0",
        b"\x02" + good[1 : 1 + size],
        b"\x00",
        b"",
        b"\x04" + curve.p.to_bytes(size, "big") + good[1 + size :],
    ):
        with pytest.raises(curves.NotOnCurve):
            curves.point(curve, bad)
