"""The portrait of a chip as wallets show it: JPEG that fits, whatever the chip holds, or none."""

import io
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.credentials import likeness
from kyc.papers import portrait
from kyc.papers.portrait import Portrait
from simulators.portrait import grey_jpeg
from tests.kyc import reference


def drawn(format_: str, size: tuple[int, int], mode: str = "RGB") -> bytes:
    """Draw noise, which no encoder makes small."""
    pixels = random.Random(1242).randbytes(size[0] * size[1] * len(mode))
    kept = io.BytesIO()
    Image.frombytes(mode, size, pixels).save(kept, format_)
    return kept.getvalue()


def opened(found: bytes | None) -> Image.Image:
    """Read what came out, as a wallet would: JPEG, nothing else."""
    assert found is not None
    assert len(found) <= likeness.BYTES_MAX
    picture = Image.open(io.BytesIO(found), formats=("JPEG",))
    picture.load()
    return picture


def test_a_jpeg_that_fits_stays_as_the_state_made_it() -> None:
    assert likeness.jpeg(Portrait("image/jpeg", grey_jpeg())) == grey_jpeg()


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_jpeg_2000_is_drawn_anew(mode: str) -> None:
    wide = (120, 160)

    assert opened(likeness.jpeg(Portrait("image/jp2", drawn("JPEG2000", wide, mode)))).size == wide


def test_the_portrait_of_the_specimen_is_shown() -> None:
    group = (reference.folder() / "emrtd" / "bsi2008" / "Datagroup2.bin").read_bytes()

    assert opened(likeness.jpeg(portrait.read(group))).size == (413, 531)


def test_a_large_picture_is_made_smaller() -> None:
    assert opened(likeness.jpeg(Portrait("image/jpeg", drawn("JPEG", (900, 1200))))).height <= 960


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "GIF", "PPM"])
def test_another_format_under_the_name_of_one_is_no_portrait(format_: str) -> None:
    assert likeness.jpeg(Portrait("image/jp2", drawn(format_, (20, 20)))) is None


def test_a_picture_of_a_thousand_million_pixels_is_not_decoded() -> None:
    small = drawn("JPEG2000", (20, 20))
    huge = small.replace(struct.pack(">II", 20, 20), struct.pack(">II", 60_000, 60_000))

    assert huge != small
    assert likeness.jpeg(Portrait("image/jp2", huge)) is None


@given(st.data())
def test_whatever_is_damaged_is_a_picture_or_none(data: st.DataObject) -> None:
    image = bytearray(drawn("JPEG2000", (24, 24)))
    for _ in range(data.draw(st.integers(1, 4))):
        image[data.draw(st.integers(0, len(image) - 1))] = data.draw(st.integers(0, 255))
    kept = bytes(image[: data.draw(st.integers(0, len(image)))])

    if (found := likeness.jpeg(Portrait("image/jp2", kept))) is not None:
        opened(found)
