"""The machine readable zone of a travel document: TD3 (passports), TD1 and TD2 (cards), ICAO Doc 9303 parts 3 to 6.

Nothing is corrected. Of misread characters 7 % pass the check digits (weights work modulo 10, so A, K, U and 0 weigh
the same), and names, nationality and sex have none: a zone that does not read is read again by the phone, and what it
says is compared with the chip (kyc/identify.py).
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date

import msgspec

from kyc import states

_VALUE = {char: value for value, char in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}
_MONTHS, _DAYS = range(1, 13), range(1, 32)
_WEIGHTS = (7, 3, 1)


class Birth(msgspec.Struct, frozen=True):
    """A date of birth as the document knows it; what is unknown is None."""

    year: int | None
    month: int | None
    day: int | None

    def text(self) -> str:
        """Write it as ISO 8601-2 does: 1990-08-12, 1990-08-XX, XXXX-XX-XX."""
        year = "XXXX" if self.year is None else f"{self.year:04}"
        return "-".join((year, *("XX" if part is None else f"{part:02}" for part in (self.month, self.day))))

    @classmethod
    def read(cls, text: str) -> "Birth":
        """Read what `text` wrote."""
        parts = (None if "X" in part else int(part) for part in text.split("-"))
        return cls(*parts)


class Mrz(msgspec.Struct, frozen=True, kw_only=True):
    """What a zone says. Names are in its alphabet, blanks for fillers; `truncated` where the name filled its field."""

    format: str
    document_code: str
    issuer: str
    surname: str
    given: str
    truncated: bool
    number: str
    nationality: str
    born: Birth
    sex: str
    expires: date
    optional: str


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with one field: `line` and `start` count from 1, `end` is the last column. Carries no content."""

    field: str
    rule: str
    line: int
    start: int
    end: int


class Unreadable(msgspec.Struct, frozen=True):
    """The zone is refused, with everything that is wrong with it."""

    problems: tuple[Problem, ...]


class _Place(msgspec.Struct, frozen=True):
    """Where a field stands, counted from 0: columns start to end (exclusive), and its check digit's column."""

    line: int
    start: int
    end: int
    check: int | None = None


class _Layout(msgspec.Struct, frozen=True):
    name: str
    codes: str
    places: dict[str, _Place]
    composite: _Place
    covered: tuple[tuple[int, int, int], ...]  # what the composite check digit runs over: line, start, end


_TD3 = _Layout(
    "TD3",
    "P",
    {
        "document_code": _Place(0, 0, 2),
        "issuer": _Place(0, 2, 5),
        "name": _Place(0, 5, 44),
        "number": _Place(1, 0, 9, 9),
        "nationality": _Place(1, 10, 13),
        "born": _Place(1, 13, 19, 19),
        "sex": _Place(1, 20, 21),
        "expires": _Place(1, 21, 27, 27),
        "optional": _Place(1, 28, 42, 42),
    },
    _Place(1, 43, 44),
    ((1, 0, 10), (1, 13, 20), (1, 21, 43)),
)
_TD2 = _Layout(
    "TD2",
    "ACI",
    {
        "document_code": _Place(0, 0, 2),
        "issuer": _Place(0, 2, 5),
        "name": _Place(0, 5, 36),
        "number": _Place(1, 0, 9, 9),
        "nationality": _Place(1, 10, 13),
        "born": _Place(1, 13, 19, 19),
        "sex": _Place(1, 20, 21),
        "expires": _Place(1, 21, 27, 27),
        "optional": _Place(1, 28, 35),
    },
    _Place(1, 35, 36),
    ((1, 0, 10), (1, 13, 20), (1, 21, 35)),
)
_TD1 = _Layout(
    "TD1",
    "ACI",
    {
        "document_code": _Place(0, 0, 2),
        "issuer": _Place(0, 2, 5),
        "number": _Place(0, 5, 14, 14),
        "optional": _Place(0, 15, 30),
        "born": _Place(1, 0, 6, 6),
        "sex": _Place(1, 7, 8),
        "expires": _Place(1, 8, 14, 14),
        "nationality": _Place(1, 15, 18),
        "optional_2": _Place(1, 18, 29),
        "name": _Place(2, 0, 30),
    },
    _Place(1, 29, 30),
    ((0, 5, 30), (1, 0, 7), (1, 8, 15), (1, 18, 29)),
)
_SHAPES = {(2, 44): _TD3, (2, 36): _TD2, (3, 30): _TD1}

_CHARACTERS = {
    "document_code": re.compile(r"[A-Z][A-Z<]"),
    "issuer": re.compile(r"[A-Z]{1,3}<{0,2}"),
    "nationality": re.compile(r"[A-Z]{1,3}<{0,2}"),
    "name": re.compile(r"[A-Z][A-Z<]*"),
    "number": re.compile(r"[A-Z0-9][A-Z0-9<]*"),
    "born": re.compile(r"(?:\d\d|<<){3}", re.ASCII),
    "expires": re.compile(r"\d{6}", re.ASCII),
    "sex": re.compile(r"[MF<]"),
    "optional": re.compile(r"[A-Z0-9<]*"),
    "optional_2": re.compile(r"[A-Z0-9<]*"),
}


def parse(lines: Sequence[str], on: date) -> Mrz | Unreadable:
    """Read a zone on the day `on`, which decides the century of its two-digit years."""
    layout = _SHAPES.get((len(lines), len(lines[0]) if lines else 0))
    if layout is None or any(len(line) != len(lines[0]) for line in lines):
        return Unreadable((Problem("zone", "shape", 1, 1, max(map(len, lines), default=1) or 1),))
    problems = tuple(_problems(layout, lines, on))
    return Unreadable(problems) if problems else _read(layout, lines, on)


def check_digit(text: str) -> int:
    """Compute the check digit over `text` (9303-3, 4.9): weights 7, 3, 1, modulo 10."""
    return sum(_VALUE[char] * _WEIGHTS[place % 3] for place, char in enumerate(text)) % 10


def _problems(layout: _Layout, lines: Sequence[str], on: date) -> Iterator[Problem]:
    sound = True
    for name, place in layout.places.items():
        text = lines[place.line][place.start : place.end]
        if not _CHARACTERS[name].fullmatch(text):
            sound = False
            yield _problem(name, "characters", place)
    for name, place in layout.places.items():
        if place.check is not None and not _checks(layout, lines, name):
            sound = False
            yield _problem(name, "check_digit", place)
    covered = "".join(lines[line][start:end] for line, start, end in layout.covered)
    if not _digit_fits(covered, lines[layout.composite.line][layout.composite.start]):
        yield _problem("composite", "check_digit", layout.composite)
    if sound:
        yield from _meaningless(layout, lines, on)


def _meaningless(layout: _Layout, lines: Sequence[str], on: date) -> Iterator[Problem]:
    """Find fields that are written correctly and mean nothing."""
    text = {name: lines[place.line][place.start : place.end] for name, place in layout.places.items()}
    if text["document_code"][0] not in layout.codes:
        yield _problem("document_code", "document_code", layout.places["document_code"])
    for name in ("issuer", "nationality"):
        if not states.known(text[name].rstrip("<")):
            yield _problem(name, "state", layout.places[name])
    if _birth(text["born"], on) is None:
        yield _problem("born", "date", layout.places["born"])
    if _expiry(text["expires"], on) is None:
        yield _problem("expires", "date", layout.places["expires"])


def _checks(layout: _Layout, lines: Sequence[str], name: str) -> bool:
    place = layout.places[name]
    assert place.check is not None
    text, digit = lines[place.line][place.start : place.end], lines[place.line][place.check]
    if name == "number" and digit == "<" and layout is not _TD3:
        text, digit = _long_number(layout, lines)
    if name == "optional" and not text.strip("<"):
        return digit in "<0"  # 9303-4, 4.2.2: zero or a filler where there is no optional data
    return _digit_fits(text, digit)


def _digit_fits(text: str, digit: str) -> bool:
    return set(text) <= _VALUE.keys() and digit == str(check_digit(text))


def _long_number(layout: _Layout, lines: Sequence[str]) -> tuple[str, str]:
    """Join a number over nine characters, which goes on in the optional data up to its check digit (9303-5, note j)."""
    place, rest = layout.places["number"], layout.places["optional"]
    tail = lines[rest.line][rest.start : rest.end].partition("<")[0]
    return lines[place.line][place.start : place.end] + tail[:-1], tail[-1:]


def _read(layout: _Layout, lines: Sequence[str], on: date) -> Mrz:
    text = {name: lines[place.line][place.start : place.end] for name, place in layout.places.items()}
    number, optional = text["number"], text["optional"]
    if lines[layout.places["number"].line][layout.places["number"].end] == "<":
        number, _ = _long_number(layout, lines)
        optional = optional.partition("<")[2]
    surname, _, given = text["name"].rstrip("<").partition("<<")
    born, expires = _birth(text["born"], on), _expiry(text["expires"], on)
    assert born is not None, "checked in _meaningless"
    assert expires is not None, "checked in _meaningless"
    return Mrz(
        format=layout.name,
        document_code=text["document_code"].rstrip("<"),
        issuer=text["issuer"].rstrip("<"),
        surname=_blanks(surname),
        given=_blanks(given),
        truncated=not text["name"].endswith("<"),
        number=number.rstrip("<"),
        nationality=text["nationality"].rstrip("<"),
        born=born,
        sex=text["sex"],
        expires=expires,
        optional=_blanks(optional + text.get("optional_2", "")),
    )


def _birth(text: str, on: date) -> Birth | None:
    """Nobody is born after `on`: the latest century that is not in the future. None where there is no such date."""
    year, month, day = (None if part == "<<" else int(part) for part in (text[:2], text[2:4], text[4:]))
    if (month is not None and month not in _MONTHS) or (day is not None and day not in _DAYS):
        return None
    if year is None:
        return Birth(None, month, day)
    century = on.year - on.year % 100
    for full in (century + year, century - 100 + year):
        try:
            earliest = date(full, month or 1, day or 1)
        except ValueError:
            continue
        if earliest <= on:
            return Birth(full, month, day)
    return None


def _expiry(text: str, on: date) -> date | None:
    """Take the century that puts the date nearest to `on`: documents run for ten years or so."""
    century = on.year - on.year % 100
    for full in sorted(
        (century + shift + int(text[:2]) for shift in (-100, 0, 100)), key=lambda year: abs(year - on.year)
    ):
        try:
            return date(full, int(text[2:4]), int(text[4:]))
        except ValueError:
            continue
    return None


def _blanks(text: str) -> str:
    return " ".join(text.replace("<", " ").split())


def _problem(field: str, rule: str, place: _Place) -> Problem:
    end = place.end if place.check is None else max(place.end, place.check + 1)
    return Problem(field, rule, place.line + 1, place.start + 1, end)
