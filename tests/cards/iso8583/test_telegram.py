"""Telegrams are read as they are written, and nothing else is one."""

import random

import iso8583
import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.iso8583 import field, mac, telegram
from cards.iso8583.field import FIELDS, Kind
from cards.iso8583.telegram import Malformed, Telegram
from simulators import iso8583 as acquirer
from tests.cards.iso8583 import telegrams

_ALPHABETS = {
    Kind.N: "0123456789",
    Kind.AN: "0123456789ABCXYZabcxyz",
    Kind.ANS: " !09AZaz~",
    Kind.Z: "0123456789=D",
    Kind.B: "0123456789ABCDEF",
}


@st.composite
def any_telegram(draw: st.DrawFn) -> Telegram:
    """Make a telegram of any fields that are ours."""
    numbers = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True, min_size=1, max_size=12))
    return Telegram(
        draw(st.sampled_from(("0100", "0421", "0800"))), {each: draw(text(FIELDS[each])) for each in numbers}
    )


def text(of: field.Field) -> st.SearchStrategy[str]:
    if of.kind is Kind.XN:
        return st.tuples(st.sampled_from("CD"), st.text("0123456789", min_size=8, max_size=8)).map("".join)
    letters = _ALPHABETS[of.kind]
    if of.kind is Kind.B:
        least = 1 if of.prefix else of.length
        return st.binary(min_size=least, max_size=of.length).map(lambda raw: raw.hex().upper())
    return st.text(letters, min_size=1 if of.prefix else of.length, max_size=of.length)


@settings(max_examples=60, deadline=None)
@given(any_telegram())
def test_what_is_written_is_read_here_and_by_an_acquirer(told: Telegram) -> None:
    data = telegram.write(told)

    assert telegram.read(data) == told
    assert acquirer.decode(data) == (told.mti, told.fields)
    assert acquirer.encode(told.mti, told.fields) == data


def test_a_telegram_shows_nothing_of_what_it_says() -> None:
    shown = repr(telegrams.telegram())

    assert telegrams.PAN not in shown
    assert shown == f"Telegram(0100, {sorted(telegrams.FIELDS)})"


@pytest.mark.parametrize(
    ("data", "stops_at"),
    [
        (b"", "t"),
        (b"01", "t"),
        (b"01x0" + bytes(8), "t"),
        (b"0100", "p"),
        (b"0100" + bytes(7), "p"),
        (b"0100" + b"\x40" + bytes(7) + b"1", "2"),
        (b"0100" + b"\x40" + bytes(7) + b"99", "2"),
        (b"0100" + b"\x40" + bytes(7) + b"16939801", "2"),
        (b"0100" + b"\x40" + bytes(7) + b"+8" + b"9" * 8, "2"),
        (b"0100" + b"\x40" + bytes(7) + b" 8" + b"9" * 8, "2"),
        (b"0100" + b"\x40" + bytes(7) + b"-1", "2"),
        (b"0100" + b"\x40" + bytes(7) + b"00", "2"),
        (b"0100" + b"\x40" + bytes(7) + b"08" + b"9" * 7 + b"x", "2"),
        (b"0100" + b"\x20" + bytes(7) + b"00000", "3"),
        (b"0100" + b"\x20" + bytes(7) + b"00000\xb2", "3"),
        (b"0100" + b"\x20" + bytes(7) + b"000000 ", "3"),
        (b"0100" + bytes(2) + b"\x80" + bytes(5) + b"0", "17"),
        (b"0100" + b"\x80" + bytes(7), "1"),
        (b"0100" + b"\x80" + bytes(7) + b"\x80" + bytes(7), "1"),
    ],
)
def test_what_is_no_telegram_stops_at_a_field(data: bytes, stops_at: str) -> None:
    with pytest.raises(Malformed) as stopped:
        telegram.read(data)

    assert stopped.value.field == stops_at


def test_the_codec_alone_would_let_a_signed_length_pass() -> None:
    data = b"0100" + b"\x40" + bytes(7) + b"+8" + b"9" * 8

    assert iso8583.decode(data, field.SPEC)[0]["2"] == "9" * 8


def test_a_field_that_stops_the_reading_leaves_what_stood_before_it() -> None:
    data = telegram.write(telegrams.telegram()).replace(b"M-1001 ", b"M-1001\x07")

    with pytest.raises(Malformed) as stopped:
        telegram.read(data)

    assert stopped.value.field == "42"
    assert stopped.value.read is not None
    assert stopped.value.read[11] == telegrams.FIELDS[11]
    assert telegrams.PAN not in repr(stopped.value) + str(stopped.value)
    assert stopped.value.__cause__ is None


def test_a_mistake_of_ours_names_the_field_and_not_what_stands_in_it() -> None:
    with pytest.raises(ValueError, match=r"^field 2 of 0100$"):
        telegram.write(telegrams.telegram(f2="9398 0100"))


def test_a_mac_holds_for_what_it_was_made_over_and_under_its_key_alone() -> None:
    luck = random.Random(8583)
    keys = {name: prover(luck.randbytes(16)) for name in ("ours", "theirs")}
    data = mac.sealed(telegrams.telegram(), keys["ours"])
    long = mac.sealed(telegrams.telegram("0400", f90="0" * 42), keys["ours"])

    assert mac.holds(telegram.read(data), data, keys["ours"])
    assert max(telegram.read(data).fields) == field.MAC_SHORT
    assert max(telegram.read(long).fields) == field.MAC_LONG
    assert not mac.holds(telegram.read(data), data, keys["theirs"])
    for place in range(0, len(data) - 8, 7):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert not mac.holds(telegram.read(data), changed, keys["ours"])
    bare = telegram.write(telegrams.telegram())
    assert not mac.holds(telegram.read(bare), bare, keys["ours"])


def prover(key: bytes) -> mac.Prove:
    def prove(data: bytes) -> bytes:
        made = CMAC(algorithms.AES(key))
        made.update(data)
        return made.finalize()[:8]

    return prove
