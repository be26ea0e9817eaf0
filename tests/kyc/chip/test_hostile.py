"""Whatever a stranger sends, the answer is a grade or a named refusal."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from asn1crypto import keys
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from kyc.chip import certificate, der, lds, masterlist, signature
from kyc.chip.passive import verify
from kyc.chip.report import Grade, Report
from simulators.portrait import tlv
from tests.kyc.passports import AT, authority, passport, read, trusting

SHOWN = passport()
TRUST = trusting(authority())

#: How many are tried with every change, and how many nightly.
examples = pytest.mark.parametrize("count", [50, pytest.param(400, marks=pytest.mark.nightly)])


def tried(count: int, data: SearchStrategy[bytes], test: Callable[[bytes], None]) -> None:
    """Let `count` of `data` pass through a test."""
    settings(max_examples=count, deadline=None)(given(data)(test))()


@st.composite
def spoiled(draw: st.DrawFn, data: bytes) -> bytes:
    """Give `data` with a few bytes changed, a slice cut out, doubled or replaced."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(changed) - 1)) if changed else 0
        match draw(st.sampled_from(("set", "cut", "double", "insert"))):
            case "set" if changed:
                changed[place] = draw(st.integers(0, 255))
            case "cut":
                del changed[place : place + draw(st.integers(1, 40))]
            case "double":
                changed[place:place] = changed[place : place + draw(st.integers(1, 40))]
            case _:
                changed[place:place] = draw(st.binary(max_size=8))
    return bytes(changed)


@st.composite
def asn1(draw: st.DrawFn) -> bytes:
    """Give well-formed DER that means nothing."""
    element = st.recursive(
        st.builds(
            tlv, st.sampled_from((0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x17, 0x18, 0x80)), st.binary(max_size=12)
        ),
        lambda inner: st.builds(
            lambda tag, parts: tlv(tag, b"".join(parts)),
            st.sampled_from((0x30, 0x31, 0xA0, 0xA1, 0x61, 0x77)),
            st.lists(inner, max_size=5),
        ),
        max_leaves=20,
    )
    return draw(element)


@examples
def test_any_security_object_is_graded(count: int) -> None:
    def graded(sod: bytes) -> None:
        report = read(replace(SHOWN, sod=sod), TRUST)
        assert isinstance(report, Report)
        assert report.steps
        assert report.grade in Grade

    tried(count, spoiled(SHOWN.sod) | spoiled(SHOWN.sod[4:]) | asn1() | st.binary(max_size=64), graded)


@examples
def test_any_dg1_is_graded(count: int) -> None:
    def graded(group: bytes) -> None:
        report = verify(SHOWN.sod, {1: group}, TRUST, AT)
        assert report.grade is not Grade.VALID or group == SHOWN.files[1]

    tried(count, spoiled(SHOWN.files[1]) | asn1() | st.binary(max_size=64), graded)


@examples
def test_any_certificate_is_read_or_malformed(count: int) -> None:
    genuine = [authority(kind).certificate for kind in ("brainpool256", "rsa2048")]
    keys_ = {certificate.read(each).key for each in genuine}

    def verified(data: bytes) -> None:
        try:
            found = certificate.read(data)
            signature.verify(key=found.key, algorithm=found.algorithm, signature=found.signature, message=found.body)
        except (signature.BadSignature, signature.Unsupported, der.Malformed):
            return
        assert found.key in keys_

    tried(count, spoiled(genuine[0]) | spoiled(genuine[1]) | asn1(), verified)


@examples
def test_any_master_list_is_refused_by_name(count: int) -> None:
    @example(b"\x30\x80" * 10_000)
    def refused(data: bytes) -> None:
        with pytest.raises((der.Malformed, masterlist.UntrustedList)):
            masterlist.read(data)

    tried(count, spoiled(SHOWN.sod[4:]) | asn1() | st.binary(max_size=64), refused)


@pytest.mark.parametrize(
    "sod",
    [b"", b"\x77", b"\x77\x00", b"\x30\x80" * 16_000, b"\x30" * 30_000, bytes(lds.SOD_BYTES_MAX), SHOWN.sod * 30],
    ids=lambda sod: f"{len(sod)} bytes",
)
def test_bytes_made_to_exhaust_are_malformed(sod: bytes) -> None:
    assert read(replace(SHOWN, sod=sod), TRUST).grade is Grade.MALFORMED


def test_an_enormous_rsa_key_is_not_calculated_with() -> None:
    numbers = keys.RSAPublicKey({"modulus": (1 << 16_383) | 1, "public_exponent": (1 << 16_000) | 1})
    info = keys.PublicKeyInfo({"algorithm": {"algorithm": "rsa"}, "public_key": numbers})
    algorithm = authority("rsa2048").key.algorithm.dump()

    with pytest.raises(signature.Unsupported):
        signature.verify(key=info.dump(), algorithm=algorithm, signature=bytes(2048), message=b"")
