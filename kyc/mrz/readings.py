"""What else a zone may say: every reading that follows from characters that look alike, with what check digits say.

A camera takes O for 0 and G for 6. Which it was is decided by nobody here: the lines as they were read come first, then
the others that pass every check digit, for a comparison with the chip or the eye of an officer. G and 6 weigh the same
modulo 10, and so do L and 1: no check digit tells them apart, not even in a zone that is in order.
"""

import itertools
from collections.abc import Iterator, Sequence
from datetime import date

import msgspec

from kyc.mrz import layout, zone
from kyc.mrz.layout import DIGITS, LETTERS, Layout, Place
from kyc.mrz.zone import Mrz

#: Characters of OCR-B that are taken for each other.
LOOKALIKES = ("0ODQ", "1IL", "2Z", "5S", "6G", "8B")
READINGS_MAX = 16

_FREE_MAX, _WAYS_MAX, _COMBINED_MAX = 2, 8, 256
_ALIKE = {char: group.replace(char, "") for group in LOOKALIKES for char in group}
_NUMERALS = frozenset("0123456789<")
_ALPHABETS = (
    dict.fromkeys(DIGITS, _NUMERALS)
    | dict.fromkeys(LETTERS, frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ<"))
    | dict.fromkeys(("number", "optional", "optional_2"), frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"))
)


class Change(msgspec.Struct, frozen=True, order=True):
    """One character taken for another; line and column count from 1."""

    line: int
    column: int
    read: str
    instead: str


class Reading(msgspec.Struct, frozen=True):
    """One way to read the lines: whether each check digit is right, and what they say, None where they say nothing."""

    lines: tuple[str, ...]
    changes: tuple[Change, ...]
    checks: dict[str, bool]
    says: Mrz | None


_Way = tuple[Change, ...]


def of(lines: Sequence[str], on: date) -> tuple[Reading, ...]:
    """Give the reading as it is, then the others that say something, fewest changes first; at most READINGS_MAX."""
    read, found = tuple(lines), layout.of(lines)
    if found is None:
        return (Reading(read, (), {}, None),)
    given = _reading(found, read, (), on)
    free_max = _FREE_MAX if given.says is None else 1
    others = [each for each in _others(found, read, on, free_max) if each.says is not None]
    others.sort(key=lambda each: len(each.changes))
    return (given, *others[: READINGS_MAX - 1])


def _others(found: Layout, lines: tuple[str, ...], on: date, free_max: int) -> Iterator[Reading]:
    """Combine the ways to read each field; the composite check digit then speaks for all of them."""
    ways = [_ways(found, name, lines, free_max) for name in found.places]
    if found.composite is not None:
        ways.append(_forced(found.composite, lines, _NUMERALS))
    for combined in itertools.islice(itertools.product(*ways), _COMBINED_MAX):
        if way := tuple(sorted(itertools.chain(*combined))):
            yield _reading(found, _changed(lines, way), way, on)


def _ways(found: Layout, name: str, lines: tuple[str, ...], free_max: int) -> list[_Way]:
    """Give the ways to read one field: what its alphabet forces, and some changes that its own check digit allows.

    In a field without a check digit of its own nothing is changed that need not be: no change has more for it.
    """
    place, alphabet = found.places[name], _ALPHABETS[name]
    forced = _forced(place, lines, alphabet)
    if place.check is None:
        return forced
    of_digit = _forced(Place(place.line, place.check, place.check + 1), lines, _NUMERALS)
    forced = [(*way, *digit) for way in forced for digit in of_digit]
    free = [each for each in _alike(place, lines, alphabet) if each.read in alphabet]
    ways = [
        (*way, *chosen)
        for count in range(free_max + 1)
        for chosen in itertools.combinations(free, count)
        for way in forced
        if len({each.column for each in chosen}) == count and zone.fits(found, _changed(lines, (*way, *chosen)), name)
    ]
    return ways[:_WAYS_MAX] or forced


def _forced(place: Place, lines: tuple[str, ...], alphabet: frozenset[str]) -> list[_Way]:
    """Change what can't stand in this field, a digit among letters or a letter among digits, in every way."""
    columns: dict[int, list[Change]] = {}
    for change in _alike(place, lines, alphabet):
        if change.read not in alphabet:
            columns.setdefault(change.column, []).append(change)
    return list(itertools.islice(itertools.product(*columns.values()), _WAYS_MAX))


def _alike(place: Place, lines: tuple[str, ...], alphabet: frozenset[str]) -> Iterator[Change]:
    for column in range(place.start, place.end):
        read = lines[place.line][column]
        for instead in _ALIKE.get(read, ""):
            if instead in alphabet:
                yield Change(place.line + 1, column + 1, read, instead)


def _changed(lines: tuple[str, ...], way: _Way) -> tuple[str, ...]:
    written = [list(line) for line in lines]
    for change in way:
        written[change.line - 1][change.column - 1] = change.instead
    return tuple("".join(line) for line in written)


def _reading(found: Layout, lines: tuple[str, ...], way: _Way, on: date) -> Reading:
    says = zone.parse(lines, on)
    return Reading(lines, way, zone.checked(found, lines), says if isinstance(says, Mrz) else None)


def alike(read: str, instead: str) -> bool:
    """Whether one character is taken for the other."""
    return instead in _ALIKE.get(read, "")
