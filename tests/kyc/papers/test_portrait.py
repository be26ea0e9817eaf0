"""The portrait in a chip: cut out as it lies there, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.chip import der
from kyc.papers import portrait
from simulators.portrait import face, grey_jpeg
from tests.kyc import reference

FACE = face()


def test_the_portrait_of_a_chip_is_cut_out() -> None:
    assert portrait.read(FACE) == portrait.Portrait("image/jpeg", grey_jpeg())


def test_the_portrait_of_the_specimen_is_jpeg_2000() -> None:
    group = (reference.folder() / "emrtd" / "bsi2008" / "Datagroup2.bin").read_bytes()

    found = portrait.read(group)

    assert (found.media, len(found.image)) == ("image/jp2", 14_999)


@pytest.mark.parametrize("group", [b"", b"\x75", FACE[:200], FACE[:-1], FACE.replace(b"FAC\0", b"FACE"), b"\x75\x00"])
def test_what_holds_no_portrait_is_malformed(group: bytes) -> None:
    with pytest.raises(der.Malformed):
        portrait.read(group)


@given(st.integers(0, len(FACE) - 1), st.integers(0, 255))
def test_any_changed_byte_gives_a_picture_or_is_malformed(place: int, byte: int) -> None:
    spoilt = FACE[:place] + bytes([byte]) + FACE[place + 1 :]

    try:
        found = portrait.read(spoilt)
    except der.Malformed:
        return

    assert found.image.startswith((b"\xff\xd8\xff", b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51"))
