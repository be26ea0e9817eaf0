"""Bytes of strangers: bounded before they are understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.chip import der
from kyc.chip.der import Malformed


def bounded(data: bytes, size_max: int = 1_000_000) -> bytes:
    return der.bounded(data, "it", size_max=size_max)


@pytest.mark.parametrize(
    "data",
    [
        bytes.fromhex("0500"),
        bytes.fromhex("3003020101"),
        bytes.fromhex("308102" + "0500"),
        bytes.fromhex("5f1f0141"),
        bytes.fromhex("3080020101" + "0000"),
        bytes.fromhex("3080" + "3080020101" + "0000" + "0000"),
        bytes.fromhex("3005" + "3003" + "020101"),
        bytes.fromhex("3000"),
    ],
    ids=bytes.hex,
)
def test_one_whole_element_passes(data: bytes) -> None:
    assert bounded(data) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        bytes.fromhex("0501"),
        bytes.fromhex("050000"),
        bytes.fromhex("05000500"),
        bytes.fromhex("3003020201"),
        bytes.fromhex("3002020101"),
        bytes.fromhex("0580"),
        bytes.fromhex("3080020101"),
        bytes.fromhex("3080020101" + "00"),
        bytes.fromhex("3085" + "0000000001" + "00"),
        bytes.fromhex("3084ffffffff"),
        bytes.fromhex("5f"),
        bytes.fromhex("5f8181818101" + "00"),
        bytes.fromhex("30ff"),
        bytes.fromhex("0600"),
        bytes.fromhex("06022a86"),
    ],
    ids=bytes.hex,
)
def test_what_does_not_end_where_it_says_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        bounded(data)


def nested(levels: int) -> bytes:
    data = b"\x05\x00"
    for _ in range(levels):
        size = len(data)
        data = b"\x30" + (bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")) + data
    return data


def test_depth_and_number_and_size_have_bounds() -> None:
    assert bounded(nested(20))
    with pytest.raises(Malformed):
        bounded(nested(10_000))
    with pytest.raises(Malformed):
        bounded(b"\x30\x80" * 200_000)
    many = b"\x05\x00" * 300_000
    with pytest.raises(Malformed):
        bounded(b"\x30\x83" + len(many).to_bytes(3, "big") + many)
    with pytest.raises(Malformed):
        bounded(bytes.fromhex("3003020101"), size_max=4)


def test_an_element_is_taken_by_its_tag_and_fills_the_file() -> None:
    assert der.element(bytes.fromhex("61045f1f0141"), 0x61, "dg1") == bytes.fromhex("5f1f0141")
    for bad in ("62045f1f0141", "61045f1f014100", "61055f1f0141", "61", ""):
        with pytest.raises(Malformed):
            der.element(bytes.fromhex(bad), 0x61, "dg1")


@given(st.binary(max_size=200))
def test_any_bytes_pass_or_are_malformed(data: bytes) -> None:
    try:
        assert bounded(data) == data
    except Malformed as refused:
        assert refused.what == "it"  # noqa: PT017  either is right
