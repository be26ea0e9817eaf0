"""Dates with two-digit years: when somebody was born, and until when a document lasts."""

from datetime import date

import msgspec

_MONTHS, _DAYS = range(1, 13), range(1, 32)


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


def born(text: str, on: date) -> Birth | None:
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


def expiry(text: str, on: date) -> date | None:
    """Take the century that puts the date nearest to `on`: documents run for ten years or so."""
    year, month, day = on.year - on.year % 100 + int(text[:2]), int(text[2:4]), int(text[4:])
    nearest = sorted((year - 100, year, year + 100), key=lambda full: abs(full - on.year))
    for full in nearest:
        try:
            return date(full, month, day)
        except ValueError:
            continue
    return None
