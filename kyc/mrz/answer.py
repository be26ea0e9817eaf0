"""All that can be said about the lines of a zone, as one value: what `eresidency mrz` prints."""

from collections.abc import Sequence
from datetime import date

import msgspec

from kyc.mrz import layout, readings, zone
from kyc.mrz.layout import Place
from kyc.mrz.readings import Change
from kyc.mrz.zone import Mrz, Problem


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field as it was read, where it stands, and whether its check digit is right; None where it has none.

    `unguarded` where no check digit covers it at all, not even the composite one.
    """

    field: str
    text: str
    line: int
    start: int
    end: int
    check_digit: bool | None
    unguarded: bool


class Alternative(msgspec.Struct, frozen=True):
    """Another reading that passes every check digit, by characters that look alike."""

    lines: tuple[str, ...]
    changes: tuple[Change, ...]
    says: Mrz


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`says` is what the lines say as they were read, None where `problems` forbid it; nothing is corrected.

    `born` in it may lack parts; `composite` is the digit over most of the zone, None where the format has none.
    """

    format: str | None
    valid: bool
    says: Mrz | None
    fields: tuple[Field, ...]
    composite: bool | None
    problems: tuple[Problem, ...]
    alternatives: tuple[Alternative, ...]


def of(lines: Sequence[str], on: date) -> Answer:
    """Say everything about the lines on the day `on`."""
    found, read = layout.of(lines), zone.parse(lines, on)
    says = read if isinstance(read, Mrz) else None
    checks = zone.checked(found, lines) if found else {}
    others = readings.of(lines, on)[1:] if found else ()
    unguarded = found.unguarded if found else ()
    places = found.places if found else {}
    return Answer(
        format=found.name if found else None,
        valid=says is not None,
        says=says,
        fields=tuple(_field(name, place, lines, checks, name in unguarded) for name, place in places.items()),
        composite=checks.get("composite"),
        problems=() if isinstance(read, Mrz) else read.problems,
        alternatives=tuple(Alternative(each.lines, each.changes, each.says) for each in others if each.says),
    )


def _field(name: str, place: Place, lines: Sequence[str], checks: dict[str, bool], unguarded: bool) -> Field:  # noqa: FBT001  # one of the values
    return Field(
        field=name,
        text=place.of(lines),
        line=place.line + 1,
        start=place.start + 1,
        end=place.end,
        check_digit=checks.get(name),
        unguarded=unguarded,
    )
