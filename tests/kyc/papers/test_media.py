"""What is taken and what is not: by the bytes alone, part by part, freed of what tells on the person."""

import zlib
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.papers import media, pdf, picture
from kyc.papers.media import Media
from kyc.papers.refusal import NotTaken, Why
from simulators.portrait import grey_jpeg
from tests.kyc.papers import files
from tests.planted import planted

JPEG, PNG, PDF = grey_jpeg(600, 800), files.png(), files.pdf()
_SCRIPT = b"91 0 obj\n<< /S /JavaScript /JS (app.alert(1)) >>\nendobj\n"
_COMMENT = "a PDF in a comment"
_MPF = files.segment(0xE2, b"MPF\0II*\0")

#: Each is refused, and named.
HOSTILE: dict[str, tuple[bytes, Why]] = {
    "nothing": (b"", Why.EMPTY),
    "more than fits": (b"\xff\xd8\xff" + bytes(media.BYTES_MAX), Why.TOO_LARGE),
    "a text": (b"hello", Why.UNKNOWN),
    "a page of the web": (b"<!doctype html><script>1</script>", Why.UNKNOWN),
    "a drawing with a script": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Why.UNKNOWN),
    "an archive": (b"PK\x03\x04" + bytes(40), Why.UNKNOWN),
    "a GIF": (b"GIF89a" + bytes(40), Why.UNKNOWN),
    "a WebP": (b"RIFF\x00\x00\x00\x00WEBPVP8 ", Why.UNKNOWN),
    "a program": (b"MZ" + bytes(200), Why.UNKNOWN),
    "what iPhones store": (b"\x00\x00\x00\x18ftypheic" + bytes(40), Why.HEIC),
    "AVIF": (b"\x00\x00\x00\x18ftypavif" + bytes(40), Why.HEIC),
    "a film": (b"\x00\x00\x00\x18ftypisom" + bytes(40), Why.UNKNOWN),
    "half a JPEG": (JPEG[: len(JPEG) // 2], Why.DAMAGED),
    "a JPEG without a picture": (b"\xff\xd8\xff\xd9", Why.DAMAGED),
    "a JPEG that says two sizes": (files.into_jpeg(JPEG, JPEG[JPEG.find(b"\xff\xc0") :][:13]), Why.DAMAGED),
    "an arithmetic JPEG": (JPEG.replace(b"\xff\xc0", b"\xff\xc9"), Why.DAMAGED),
    "a JPEG of no height": (grey_jpeg(600, 800).replace(b"\x03\x20\x02\x58", b"\x00\x00\x02\x58"), Why.DAMAGED),
    "a part longer than the file": (b"\xff\xd8\xff\xe1\xff\xff" + bytes(60), Why.DAMAGED),
    "a JPEG and an archive": (JPEG + b"PK\x03\x04" + bytes(40) + b"PK\x05\x06" + bytes(18), Why.POLYGLOT),
    "a JPEG and another one": (JPEG + JPEG, Why.POLYGLOT),
    "further pictures and then something": (files.into_jpeg(JPEG, _MPF) + JPEG + b"PK", Why.POLYGLOT),
    _COMMENT: (files.into_jpeg(JPEG, files.segment(0xFE, b"\n%PDF-1.7\n")), Why.POLYGLOT),
    "PHP in the notes": (files.into_jpeg(JPEG, files.segment(0xE1, b"Exif\0\0<?php 1;")), Why.POLYGLOT),
    "an archive in a profile": (files.into_jpeg(JPEG, files.segment(0xE2, b"ICC_PROFILE\0PK\x03\x04")), Why.POLYGLOT),
    "a stamp": (grey_jpeg(100, 100), Why.TOO_SMALL),
    "a PNG of a million by a million": (files.png(1_000_000, 1_000_000), Why.TOO_MANY_PIXELS),
    "a PNG bomb": (files.png(11_999, 11_999), Why.TOO_MANY_PIXELS),
    "a PNG with a wrong sum": (PNG[:-1] + b"\x00", Why.DAMAGED),
    "a PNG without its end": (PNG[:-12], Why.DAMAGED),
    "a PNG that goes on": (PNG + b"more", Why.POLYGLOT),
    "a PNG of an impossible depth": (files.png(depth=3), Why.DAMAGED),
    "a PNG with a part nobody knows": (files.png(300, 400, files.chunk(b"ABCD", b"")), Why.DAMAGED),
    "a page in the text of a PNG": (files.png(300, 400, files.chunk(b"tEXt", b"c\0<script>1")), Why.POLYGLOT),
    "two heads": (files.png(300, 400, files.chunk(b"IHDR", bytes(13))), Why.DAMAGED),
    "a PDF that runs": (files.pdf(_SCRIPT), Why.ACTIVE),
    "a PDF that runs, spelt otherwise": (files.pdf(_SCRIPT.replace(b"/JavaScript", b"/J#61vaScript")), Why.ACTIVE),
    "a PDF that runs out of sight": (files.pdf(files.packed(_SCRIPT)), Why.ACTIVE),
    "the same, its dictionary padded": (files.pdf(files.packed(_SCRIPT, pad=b" " * 9_000)), Why.ACTIVE),
    "the same, its kind spelt otherwise": (files.pdf(files.packed(_SCRIPT, kind=b"/Obj#53tm")), Why.ACTIVE),
    "packed twice": (files.pdf(files.packed(_SCRIPT, filters=b"[/ASCIIHexDecode /FlateDecode]")), Why.ACTIVE),
    "packed by reference": (files.pdf(files.packed(_SCRIPT, filters=b"7 0 R")), Why.ACTIVE),
    "packed with a predictor": (files.pdf(files.packed(_SCRIPT, pad=b"/DecodeParms << /Predictor 12 >> ")), Why.ACTIVE),
    "a stream that is none": (
        files.pdf(b"90 0 obj\n<< /Type /ObjStm /Filter /FlateDecode >>\nstream\nxx"),
        Why.DAMAGED,
    ),
    "a PDF that starts programs": (files.pdf(b"<< /S /Launch /F (cmd.exe) >>"), Why.ACTIVE),
    "a PDF with a file in it": (files.pdf(b"<< /Type /EmbeddedFile >>"), Why.ACTIVE),
    "a PDF with a form that is a program": (files.pdf(b"<< /XFA 9 0 R >>"), Why.ACTIVE),
    "a PDF bomb": (files.pdf(files.packed(bytes(60_000_000))), Why.TOO_LARGE),
    "a locked PDF": (files.pdf(trailer=b"/Encrypt 9 0 R"), Why.LOCKED),
    "a PDF without pages": (files.pdf(pages=0), Why.NO_PAGES),
    "a book": (files.pdf(pages=pdf.PAGES_MAX + 1), Why.TOO_MANY_PAGES),
    "a PDF and an archive": (PDF + b"PK\x05\x06" + bytes(18), Why.POLYGLOT),
    "an archive before the end of a PDF": (files.pdf(b"PK\x05\x06" + bytes(18)), Why.POLYGLOT),
    "PHP in a PDF": (files.pdf(b"% <?php 1;\n"), Why.POLYGLOT),
    "a PDF of a version to come": (files.pdf(version=b"9.9"), Why.POLYGLOT),
    "half a PDF": (PDF[:60], Why.DAMAGED),
}


@pytest.mark.parametrize(("content", "why"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_and_named(content: bytes, why: Why) -> None:
    with pytest.raises(NotTaken) as refused:
        media.take(content)

    assert refused.value.why is why


#: Each is taken: as what, how large, freed of what.
SOUND: dict[str, tuple[bytes, Media, tuple[int | None, int | None, int | None], tuple[str, ...]]] = {
    "a JPEG": (JPEG, Media.JPEG, (600, 800, None), ()),
    "a photo": (files.photo(), Media.JPEG, (600, 800, None), ("location",)),
    "a photo without a place": (files.photo(located=False), Media.JPEG, (600, 800, None), ("metadata",)),
    "a photo of the other byte order": (files.photo(order=">"), Media.JPEG, (600, 800, None), ("location",)),
    "a photo with more pictures behind": (
        files.into_jpeg(JPEG, _MPF) + grey_jpeg(), Media.JPEG, (600, 800, None), ("metadata",)
    ),
    "a PNG": (PNG, Media.PNG, (300, 400, None), ()),
    "a PNG with a place": (
        files.png(300, 400, files.chunk(b"eXIf", files.exif()[6:])), Media.PNG, (300, 400, None), ("location",)
    ),
    "a PNG that moves": (
        files.png(300, 400, files.chunk(b"acTL", bytes(8))), Media.PNG, (300, 400, None), ("metadata",)
    ),
    "a PDF": (files.pdf(pages=3), Media.PDF, (None, None, 3), ()),
    "a PDF with packed objects": (files.pdf(files.packed(b"1 0 << /Type /Page >>")), Media.PDF, (None, None, 2), ()),
    "a PDF with a picture": (files.pdf(files.packed(b"grey", kind=b"/XObject")), Media.PDF, (None, None, 1), ()),
    "a PDF 2.0": (files.pdf(version=b"2.0"), Media.PDF, (None, None, 1), ()),
}  # fmt: skip


@pytest.mark.parametrize(("content", "kind", "size", "removed"), SOUND.values(), ids=SOUND)
def test_a_sound_file_is_taken_as_what_it_is(
    content: bytes, kind: Media, size: tuple[int | None, int | None, int | None], removed: tuple[str, ...]
) -> None:
    taken = media.take(content)

    assert (taken.media, (taken.width, taken.height, taken.pages), taken.removed) == (kind, size, removed)
    again = media.take(taken.content)
    assert (again.content, again.sha256) == (taken.content, taken.sha256)
    assert again.removed in {(), ("metadata",)}, "a turned picture keeps which way is up, and nothing else"


def test_a_photo_is_kept_without_where_and_with_what_it_was_taken() -> None:
    sent = files.photo(orientation=6)

    kept = media.take(sent).content

    assert files.PHONE in sent
    assert b"51.1605" in sent
    assert files.PHONE not in kept
    assert b"51.1605" not in kept
    assert picture._exif(kept[kept.find(b"Exif\0\0") + 6 :]) == (6, False)  # noqa: SLF001  which way is up stays


def test_the_pixels_stay_as_they_were() -> None:
    """What a decoder sees is the same: only notes are left behind."""
    kept = media.take(files.photo(orientation=1)).content

    assert kept == media.take(JPEG).content
    assert zlib.decompress(PNG[PNG.find(b"IDAT") + 4 : -16]) == zlib.decompress(
        (taken := media.take(PNG).content)[taken.find(b"IDAT") + 4 : -16]
    )


@given(st.data())
def test_whatever_is_sent_is_taken_or_refused(data: st.DataObject) -> None:
    """Nothing else happens to any file of one changed place, and what is taken is a file that is taken again."""
    sound = data.draw(st.sampled_from([files.photo(), PNG, files.pdf(files.packed(b"1 0 << /Type /Page >>"))]))
    place = data.draw(st.integers(0, len(sound) - 1))
    spoilt = sound[:place] + data.draw(st.binary(max_size=6)) + sound[place + data.draw(st.integers(0, 3)) :]

    try:
        taken = media.take(spoilt)
    except NotTaken:
        return

    assert media.take(taken.content).content == taken.content
    assert b"51.1605" not in taken.content or taken.media is Media.PDF


#: What keeps a file honest, and what stands in its place in a copy.
DEFECTS: dict[str, tuple[ModuleType, str, str, str]] = {
    "tails are kept": (picture, "    while tail:\n", "    while False:\n", "a JPEG and another one"),
    "notes are not read": (picture, "NOTES:\n            if FOREIGN.search", "NOTES:\n            if not", _COMMENT),
    "pixels are not counted": (picture, "width * height > PIXELS_MAX", "False", "a PNG bomb"),
    "sums are not checked": (picture, "zlib.crc32(whole[4:-4]) != int", "False and 0 != int", "a PNG with a wrong sum"),
    "spelling is not undone": (pdf, "int(code[1], 16)]), part)", "35]), part)", "a PDF that runs, spelt otherwise"),
    "nothing is unpacked": (pdf, "in (content, *_unpacked(content))", "in (content,)", "a PDF that runs out of sight"),
}  # fmt: skip


@pytest.mark.parametrize(("module", "check", "instead", "case"), DEFECTS.values(), ids=DEFECTS)
def test_a_look_that_passes_over_something_is_caught(module: ModuleType, check: str, instead: str, case: str) -> None:
    lax = planted(module, check, instead)
    content = HOSTILE[case][0]
    ways = {b"%P": "pages", b"\xff\xd8": "jpeg", b"\x89P": "png"}

    getattr(lax, ways[content[:2]])(content)
