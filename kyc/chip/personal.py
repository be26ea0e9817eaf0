"""What a chip says of its holder beyond the MRZ (EF.DG11, ICAO Doc 9303-10, section 4.7.11): own letters, birth place.

Nothing here is made up: what the file does not say, or says in a way nobody can read, is not there.
"""

import unicodedata
from collections.abc import Mapping

import msgspec

from kyc import states
from kyc.chip import der

_DG11, _TAGS = 0x6B, 0x5C
_NAME, _BIRTH_PLACE = 0x5F0E, 0x5F11
#: Texts of people are short; of a longer one nobody knows what it is.
_TEXT_MAX = 200
_BETWEEN_NAMES, _FILLER = "<<", "<"


class BirthPlace(msgspec.Struct, frozen=True):
    """As far as the chip says: `country` is ISO 3166-1 alpha-2."""

    country: str | None = None
    region: str | None = None
    locality: str | None = None


class Personal(msgspec.Struct, frozen=True):
    """The name in the holder's own letters, as the state writes it there, and the place of birth."""

    surname: str | None = None
    given: str | None = None
    birth_place: BirthPlace | None = None


def read(group: bytes) -> Personal:
    """Read EF.DG11; raises der.Malformed."""
    inside = dict(der.elements(der.element(group, _DG11, "dg11"), "dg11"))
    if _TAGS not in inside:
        raise der.Malformed("dg11")
    surname, given = _names(inside)
    return Personal(surname, given, _place(_text(inside, _BIRTH_PLACE)))


def _names(inside: Mapping[int, bytes]) -> tuple[str | None, str | None]:
    """Part a name as the MRZ does; who has one name has no given one."""
    surname, _, given = _text(inside, _NAME).partition(_BETWEEN_NAMES)
    return _spaced(surname), _spaced(given)


def _place(text: str) -> BirthPlace | None:
    """Read a place: parts between fillers, the country last where its code is one of Doc 9303-3."""
    parts = [part for part in map(_spaced, text.split(_FILLER)) if part]
    country = states.letters(parts[-1]) if parts else None
    if country:
        parts.pop()
    locality = parts[0] if parts else None
    return BirthPlace(country, ", ".join(parts[1:]) or None, locality) if country or locality else None


def _text(inside: Mapping[int, bytes], tag: int) -> str:
    """Decode a text; one that is no printable UTF-8 says nothing."""
    try:
        text = unicodedata.normalize("NFC", inside.get(tag, b"").decode())
    except UnicodeDecodeError:
        return ""
    return text if len(text) <= _TEXT_MAX and text.isprintable() else ""


def _spaced(text: str) -> str | None:
    return " ".join(text.replace(_FILLER, " ").split()) or None
