"""The machine readable zone of a travel document or a visa (ICAO Doc 9303 parts 3 to 7), as it was read.

Nothing is corrected. Of misread characters 7 % pass the check digits (weights work modulo 10, so A, K, U and 0 weigh
the same), and names, nationality and sex have none: what else the characters may be is told by kyc/mrz/readings.py, and
what the zone says is compared with the chip (kyc/identify.py).
"""

from collections.abc import Iterator, Sequence
from datetime import date

import msgspec

from kyc import states
from kyc.mrz import birth, digit, layout
from kyc.mrz.birth import Birth
from kyc.mrz.layout import Layout, Place


class Mrz(msgspec.Struct, frozen=True, kw_only=True):
    """What a zone says. Names are in its alphabet, blanks for fillers.

    `truncated` where the name filled its field, so that it may have been cut. `optional` is what the issuer added, a
    personal number for instance; `expires` is None where the document does not say (the former French card).
    """

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
    expires: date | None
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


def parse(lines: Sequence[str], on: date) -> Mrz | Unreadable:
    """Read a zone on the day `on`, which decides the century of its two-digit years."""
    found = layout.of(lines)
    if found is None:
        return Unreadable((Problem("zone", "shape", 1, 1, max(map(len, lines), default=1) or 1),))
    problems = tuple(_problems(found, lines, on))
    return Unreadable(problems) if problems else _read(found, lines, on)


def checked(found: Layout, lines: Sequence[str]) -> dict[str, bool]:
    """Compare every check digit of a zone of this layout, by field; `composite` runs over most of them."""
    answers = {name: fits(found, lines, name) for name, place in found.places.items() if place.check is not None}
    if found.composite is not None:
        covered = "".join([place.of(lines) for place in found.covered])
        answers["composite"] = digit.fits(covered, found.composite.of(lines))
    return answers


def _problems(found: Layout, lines: Sequence[str], on: date) -> Iterator[Problem]:
    sound = True
    for name, place in found.places.items():
        if not layout.WRITTEN[name].fullmatch(place.of(lines)):
            sound = False
            yield _problem(name, "characters", place)
    for name, right in checked(found, lines).items():
        if not right:
            failed = found.places.get(name, found.composite)
            assert failed is not None, "it was checked"
            sound = sound and name == "composite"
            yield _problem(name, "check_digit", failed)
    if sound:
        yield from _meaningless(found, lines, on)


def _meaningless(found: Layout, lines: Sequence[str], on: date) -> Iterator[Problem]:
    """Find fields that are written correctly and mean nothing."""
    text = {name: place.of(lines) for name, place in found.places.items()}
    if text["document_code"][0] not in found.codes:
        yield _problem("document_code", "document_code", found.places["document_code"])
    for name in ("issuer", "nationality"):
        if name in text and not states.known(text[name].rstrip("<")):
            yield _problem(name, "state", found.places[name])
    if birth.born(text["born"], on) is None:
        yield _problem("born", "date", found.places["born"])
    if "expires" in text and birth.expiry(text["expires"], on) is None:
        yield _problem("expires", "date", found.places["expires"])


def fits(found: Layout, lines: Sequence[str], name: str) -> bool:
    """Compare the check digit of one field, which has one."""
    place = found.places[name]
    assert place.check is not None, "asked of fields that have one"
    text, given = place.of(lines), lines[place.line][place.check]
    if name == "number" and given == "<" and found.runs_over:
        text, given = _long_number(found, lines)
        # Belgium counts the filler between the two parts as well.
        return digit.fits(text, given) or digit.fits(f"{text[:9]}<{text[9:]}", given)
    if name == "optional" and not text.strip("<"):
        return given in "<0"  # 9303-4, 4.2.2: zero or a filler where there is no optional data
    return digit.fits(text, given)


def _long_number(found: Layout, lines: Sequence[str]) -> tuple[str, str]:
    """Join a number over nine characters, which goes on in the optional data up to its check digit (9303-5, note j)."""
    tail = found.places["optional"].of(lines).partition("<")[0]
    return found.places["number"].of(lines) + tail[:-1], tail[-1:]


def _read(found: Layout, lines: Sequence[str], on: date) -> Mrz:
    text = {name: place.of(lines) for name, place in found.places.items()}
    number, optional = text["number"], text["optional"]
    if found.runs_over and lines[found.places["number"].line][found.places["number"].end] == "<":
        number, _ = _long_number(found, lines)
        optional = optional.partition("<")[2]
    name = text["name"] if "name" in text else f"{text['surname'].rstrip('<')}<<{text['given']}"
    surname, _, given = name.rstrip("<").partition("<<")
    born = birth.born(text["born"], on)
    assert born is not None, "checked in _meaningless"
    return Mrz(
        format=found.name,
        document_code=text["document_code"].rstrip("<"),
        issuer=text["issuer"].rstrip("<"),
        surname=_blanks(surname),
        given=_blanks(given),
        truncated=not name.endswith("<"),
        number=number.rstrip("<"),
        nationality=text.get("nationality", text["issuer"]).rstrip("<"),
        born=born,
        sex=text["sex"],
        expires=birth.expiry(text["expires"], on) if "expires" in text else None,
        optional=_blanks(optional + text.get("optional_2", "")),
    )


def _blanks(text: str) -> str:
    return " ".join(text.replace("<", " ").split())


def _problem(field: str, rule: str, place: Place) -> Problem:
    end = place.end if place.check is None else max(place.end, place.check + 1)
    return Problem(field, rule, place.line + 1, place.start + 1, end)
