"""Where the fields of a zone stand: TD1, TD2, TD3 (ICAO Doc 9303 parts 5, 6, 4), visas MRV-A and MRV-B (part 7).

And the French identity card of before 2021, which has the shape of TD2 and fields of its own.
"""

import re
from collections.abc import Sequence

import msgspec

#: What each field may be written with; `<` fills.
CHARACTERS = {
    "document_code": r"[A-Z][A-Z<]",
    "issuer": r"[A-Z]{1,3}<{0,2}",
    "nationality": r"[A-Z]{1,3}<{0,2}",
    "name": r"(?:<<)?[A-Z][A-Z<]*",  # who has no surname begins with two fillers (India)
    "surname": r"[A-Z][A-Z<]*",
    "given": r"[A-Z<]*",
    "number": r"[A-Z0-9][A-Z0-9<]*",
    "born": r"(?:[0-9]{2}|<<){3}",
    "expires": r"[0-9]{6}",
    "sex": r"[MF<]",
    "optional": r"[A-Z0-9<]*",
    "optional_2": r"[A-Z0-9<]*",
}
#: Fields that hold digits only, and fields that hold none.
DIGITS = frozenset({"born", "expires"})
LETTERS = frozenset({"document_code", "issuer", "nationality", "name", "surname", "given", "sex"})


class Place(msgspec.Struct, frozen=True):
    """Where a field stands, counted from 0: columns start to end (exclusive), and its check digit's column."""

    line: int
    start: int
    end: int
    check: int | None = None

    def of(self, lines: Sequence[str]) -> str:
        """Take the field out of a zone."""
        return lines[self.line][self.start : self.end]


class Layout(msgspec.Struct, frozen=True):
    """A kind of zone. `codes` begin its document codes; `covered` is what the composite check digit runs over."""

    name: str
    codes: str
    places: dict[str, Place]
    composite: Place | None
    covered: tuple[Place, ...]
    runs_over: bool

    @property
    def unguarded(self) -> tuple[str, ...]:
        """The fields that no check digit covers: a misread character there is seen by a comparison only."""
        guarded = [*(place for place in self.places.values() if place.check is not None), *self.covered]
        return tuple(
            name
            for name, place in self.places.items()
            if not any(
                each.line == place.line and each.start <= place.start and place.end <= each.end for each in guarded
            )
        )


def of(lines: Sequence[str]) -> Layout | None:
    """Find the layout of a zone by its shape and, for visas, by its first letter."""
    if not lines or any(len(line) != len(lines[0]) for line in lines):
        return None
    shape = len(lines), len(lines[0])
    if shape == (2, 36) and lines[0].startswith("IDFRA"):
        return _FRENCH
    return _VISAS.get(shape) if lines[0][:1] == "V" and shape in _VISAS else _CARDS.get(shape)


def _two_lines(name: str, codes: str, width: int, optional: Place, *, composite: bool) -> Layout:
    places = {
        "document_code": Place(0, 0, 2),
        "issuer": Place(0, 2, 5),
        "name": Place(0, 5, width),
        "number": Place(1, 0, 9, 9),
        "nationality": Place(1, 10, 13),
        "born": Place(1, 13, 19, 19),
        "sex": Place(1, 20, 21),
        "expires": Place(1, 21, 27, 27),
        "optional": optional,
    }
    last = Place(1, width - 1, width) if composite else None
    covered = (Place(1, 0, 10), Place(1, 13, 20), Place(1, 21, width - 1)) if composite else ()
    return Layout(name, codes, places, last, covered, runs_over=name == "TD2")


_TD1 = Layout(
    "TD1",
    "ACI",
    {
        "document_code": Place(0, 0, 2),
        "issuer": Place(0, 2, 5),
        "number": Place(0, 5, 14, 14),
        "optional": Place(0, 15, 30),
        "born": Place(1, 0, 6, 6),
        "sex": Place(1, 7, 8),
        "expires": Place(1, 8, 14, 14),
        "nationality": Place(1, 15, 18),
        "optional_2": Place(1, 18, 29),
        "name": Place(2, 0, 30),
    },
    Place(1, 29, 30),
    (Place(0, 5, 30), Place(1, 0, 7), Place(1, 8, 15), Place(1, 18, 29)),
    runs_over=True,
)
_FRENCH = Layout(
    "FRA-ID",
    "I",
    {
        "document_code": Place(0, 0, 2),
        "issuer": Place(0, 2, 5),
        "surname": Place(0, 5, 30),
        "optional": Place(0, 30, 36),
        "number": Place(1, 0, 12, 12),
        "given": Place(1, 13, 27),
        "born": Place(1, 27, 33, 33),
        "sex": Place(1, 34, 35),
    },
    Place(1, 35, 36),
    (Place(0, 0, 36), Place(1, 0, 35)),
    runs_over=False,
)
_CARDS = {
    (2, 44): _two_lines("TD3", "P", 44, Place(1, 28, 42, 42), composite=True),
    (2, 36): _two_lines("TD2", "ACI", 36, Place(1, 28, 35), composite=True),
    (3, 30): _TD1,
}
_VISAS = {
    (2, 44): _two_lines("MRV-A", "V", 44, Place(1, 28, 44), composite=False),
    (2, 36): _two_lines("MRV-B", "V", 36, Place(1, 28, 36), composite=False),
}

#: The documents that people travel with and that can carry a chip.
TRAVEL = frozenset({"TD1", "TD2", "TD3"})
#: What a field looks like that is written correctly, compiled.
WRITTEN = {name: re.compile(pattern) for name, pattern in CHARACTERS.items()}
