"""Which jurisdictions FATF's statements name on a day, as dated rows with source (kyc/risk/jurisdictions.toml).

AIFC AML Rules, 12.2.1: what FATF finds is to be known and complied with. A code is that of a travel document (ICAO
9303-3); subjects and overseas citizens of a state count as the state's.
"""

from datetime import date
from functools import cache
from importlib import resources

import msgspec

from kyc import states
from kyc.risk.facts import Listing


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one statement names: from the day `since` to the day before `until`."""

    listing: Listing
    since: date
    until: date | None = None
    codes: tuple[str, ...]
    source: str
    url: str
    checked_on: date

    def holds(self, on: date) -> bool:
        """Whether it holds on the day `on`."""
        return self.since <= on and (self.until is None or on < self.until)


class BadStatement(Exception):
    """A row names a code there is not, no source, or what another row of the same days names."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def listing(code: str, on: date) -> Listing:
    """Say where a jurisdiction is named on a day; UNKNOWN of a code nobody issues."""
    if not states.known(code):
        return Listing.UNKNOWN
    state = _SAME.get(code, code)
    named = [each.listing for each in statements() if state in each.codes and each.holds(on)]
    return named[0] if named else Listing.NONE


@cache
def statements() -> tuple[Statement, ...]:
    """Read the rows; raises BadStatement where they contradict themselves or each other."""
    text = resources.files(__package__).joinpath("jurisdictions.toml").read_bytes()
    return checked(msgspec.toml.decode(text, type=dict[str, tuple[Statement, ...]])["statement"])


def checked(rows: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Refuse rows that can't be right; raises BadStatement."""
    seen: dict[str, list[Statement]] = {}
    for row in rows:
        if not (row.source and row.url and row.codes):
            raise BadStatement(f"{row.since}: no source, or nothing named")
        if row.until is not None and row.until <= row.since:
            raise BadStatement(f"{row.since}: ends before it begins")
        for code in row.codes:
            if not states.known(code):
                raise BadStatement(f"{code} is no code")
            if any(row.holds(each.since) or each.holds(row.since) for each in seen.get(code, [])):
                raise BadStatement(f"{code} is named twice")
            seen.setdefault(code, []).append(row)
    return rows


_SAME = {"GBD": "GBR", "GBN": "GBR", "GBO": "GBR", "GBP": "GBR", "GBS": "GBR"}
