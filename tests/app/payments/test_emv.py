"""Payment codes: read as they were written, by other people's readers too, and nothing else is one."""

import base64
import struct
import zlib

import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st

from app.http.mobile import payees
from app.payments import emv
from app.payments.emv import BadCode, Code
from law.money import KZT, Money
from wallet import address

IBAN = address.compose("999", "0000000000001")
REQUEST = "money_request_06AVZR0TKB7Z8M2Q3R4S5T6V7W"
CODES = st.builds(
    Code,
    iban=st.just(IBAN),
    name=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=25),
    money=st.none() | st.builds(Money, st.integers(1, 10**12 - 1), st.just(KZT)),
    request=st.none() | st.just(REQUEST),
)


@given(CODES)
def test_what_is_written_is_read(code: Code) -> None:
    assert emv.read(emv.write(code)) == code


@given(CODES, st.data())
def test_a_changed_character_is_noticed(code: Code, data: st.DataObject) -> None:
    text = emv.write(code)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(min_codepoint=32, max_codepoint=126))

    if other.upper() != text[place].upper():
        with pytest.raises(BadCode):
            emv.read(text[:place] + other + text[place + 1 :])


@given(st.text(max_size=600))
def test_whatever_is_scanned_is_a_code_or_refused(text: str) -> None:
    for asked in (text, f"{text}6304", _closed(text)):
        with pytest.raises(BadCode):
            emv.read(asked)


def _closed(text: str) -> str:
    """Give a text a check sum that fits, so that what is within is what is judged."""
    try:
        return f"{text}6304{emv.crc(f'{text}6304')}"
    except UnicodeEncodeError:
        return text


def test_the_check_sum_is_that_of_the_specification() -> None:
    assert emv.crc("123456789") == "29B1"  # CRC-16/CCITT-FALSE, the catalogue's check value


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("000201", ""),  # no format
        ("000201", "000202"),  # of another version
        ("5303398", "5303999"),  # in a currency there is none of
        ("5303398", "53033x8"),
        ("5802KZ", "5802KZ5802KZ"),  # twice
        ("5802KZ", "5800"),  # empty
        ("5802KZ", "5899KZ"),  # beyond the end
        ("kz.gov.eresidency", "kz.gov.eresidencz"),  # somebody else's
        (IBAN, IBAN[:-1] + "2"),  # no IBAN
        ("54071500.00", "540600.000"),
        ("54071500.00", "54071e50.00"),
        ("54071500.00", "5407-500.00"),
        ("54071500.00", "54071500,00"),
        ("54071500.00", "540800000.00"),
    ],
)
def test_a_code_that_is_wrong_within_is_refused(was: str, becomes: str) -> None:
    text = emv.write(Code(iban=IBAN, name="AYSE D.", money=Money(1500_00, KZT)))[:-8]
    assert was in text
    assert emv.read(_closed(text)).iban == IBAN

    with pytest.raises(BadCode):
        emv.read(_closed(text.replace(was, becomes)))


def pixels(png: bytes) -> memoryview:
    """Read a picture as segno writes it, of one bit a pixel: a byte a pixel."""
    width, height, depth = struct.unpack(">IIB", png[16:25])
    assert depth == 1
    packed, place = b"", 8
    while place < len(png):
        size = int.from_bytes(png[place : place + 4])
        packed += png[place + 8 : place + 8 + size] if png[place + 4 : place + 8] == b"IDAT" else b""
        place += size + 12
    raw, stride = zlib.decompress(packed), (width + 7) // 8
    grey, above = bytearray(), bytes(stride)
    for line in range(height):
        kind, *row = raw[line * (stride + 1) : (line + 1) * (stride + 1)]
        above = bytes((byte + up) & 255 for byte, up in zip(row, above, strict=True)) if kind else bytes(row)
        grey += bytes(255 * (above[x // 8] >> (7 - x % 8) & 1) for x in range(width))
    return memoryview(grey).cast("B", shape=[height, width])


def test_the_picture_says_what_the_text_says() -> None:
    code = Code(iban=IBAN, name="AYSE D.", money=Money(1500_00, KZT), request=REQUEST)

    drawn = payees.drawn(code)

    [seen] = zxingcpp.read_barcodes(pixels(base64.b64decode(drawn.png)))
    assert seen.text == drawn.text
    assert emv.read(seen.text) == code
    assert drawn.svg.startswith("<svg")
