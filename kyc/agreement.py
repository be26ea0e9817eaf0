"""What the page, the chip and the form say, each against the others: letter by letter, and none corrects another.

Which fields differ is named, what they say is not. A camera may have taken one character for a look-alike: then the
page can be read as the chip says, and an officer sees where (kyc/mrz/readings.py). No check digit covers names, the
nationality or the sex: these comparisons are what covers them.
"""

from collections.abc import Sequence
from datetime import date

import msgspec

from kyc import mrz, names, states
from kyc.check import Finding, Verdict
from kyc.chip.report import Report
from kyc.mrz import Mrz, layout, readings

FORM = "document.matches_form"

# ICAO Doc 9303-3, section 6, table A, where it has two letters for one.
_TWO_LETTERS = str.maketrans({"ä": "ae", "å": "aa", "ö": "oe", "ø": "oe", "ü": "ue"})


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What applicants say of themselves, in letters of their own; what they left out is None.

    `nationality` is the ISO 3166 code of three letters.
    """

    surname: str
    given: str
    born: date
    nationality: str | None = None
    number: str | None = None
    expires: date | None = None


def printed(zone: Mrz | mrz.Unreadable, lines: Sequence[str], on: date) -> Finding:
    """Judge the printed lines by themselves: how else they may be read is counted, what no check digit covers named."""
    found = layout.of(lines)
    if isinstance(zone, mrz.Unreadable) or zone.format not in mrz.TRAVEL or found is None:
        alternatives = readings.of(lines, on)[1:] if isinstance(zone, mrz.Unreadable) else ()
        told = {"alternatives": str(len(alternatives))} if alternatives else {}
        return Finding("mrz.read", Verdict.FAIL, {"wrong": wrong(zone), **told})
    return Finding("mrz.read", Verdict.PASS, {"format": zone.format, "unguarded": ", ".join(found.unguarded)})


def wrong(zone: Mrz | mrz.Unreadable) -> str:
    """Name what is wrong with a zone that is of no use here; a visa is read, and is no document of identity."""
    if isinstance(zone, Mrz):
        return "document_code: document_code"
    return ", ".join(f"{problem.field}: {problem.rule}" for problem in zone.problems)


def page_and_chip(
    lines: Sequence[str], zone: Mrz | mrz.Unreadable, report: Report, *, dg1: bool
) -> tuple[Finding, ...]:
    """Compare the printed lines with those of DG1; where `dg1` was read and says nothing, other checks say why."""
    if report.zone is None:
        return () if dg1 else (Finding("document.matches_chip", Verdict.FAIL, {"differs": "dg1"}),)
    if tuple(lines) == report.lines:
        return (Finding("document.matches_chip", Verdict.PASS),)
    differing = ["zone"]
    if isinstance(zone, Mrz):
        differing = _differing(zone, report.zone) or differing
    return (Finding("document.matches_chip", Verdict.FAIL, {"differs": ", ".join(differing), **_alike(lines, report)}),)


def form(given: Form | None, zone: Mrz) -> tuple[Finding, ...]:
    """Compare what the applicant said with the document; people misspell themselves, so an officer looks."""
    if given is None:
        return ()
    pairs = {
        "surname": _same_name(given.surname, zone.surname, cut=zone.truncated and not zone.given),
        "given": _same_name(given.given, zone.given, cut=zone.truncated),
        "born": _born(given.born, zone.born),
        "nationality": given.nationality is None or given.nationality == states.alpha3(zone.nationality),
        "number": given.number is None or _bare(given.number) == _bare(zone.number),
        "expires": given.expires is None or given.expires == zone.expires,
    }
    differing = [name for name, same in pairs.items() if not same]
    params = {"differs": ", ".join(differing)} if differing else {}
    return (Finding(FORM, Verdict.REVIEW if differing else Verdict.PASS, params),)


def _differing(zone: Mrz, chip: Mrz) -> list[str]:
    return [name for name in Mrz.__struct_fields__ if getattr(zone, name) != getattr(chip, name)]


def _alike(lines: Sequence[str], report: Report) -> dict[str, str]:
    """Say where the page may be read as the chip, if every character that differs is a look-alike."""
    if [len(line) for line in lines] != [len(line) for line in report.lines]:
        return {}
    places = [
        (row, column, read, instead)
        for row, (line, other) in enumerate(zip(lines, report.lines, strict=True), 1)
        for column, (read, instead) in enumerate(zip(line, other, strict=True), 1)
        if read != instead
    ]
    if not all(readings.alike(read, instead) for _, _, read, instead in places):
        return {}
    return {"look_alikes": ", ".join(f"line {row} column {column}" for row, column, _, _ in places)}


def _same_name(said: str, read: str, *, cut: bool) -> bool:
    """Compare without blanks and marks; an umlaut may be written with two letters, as passports do, or without."""
    theirs = _plain(read)
    spellings = {_plain(said), _plain(said.casefold().translate(_TWO_LETTERS))}
    return any(mine.startswith(theirs) if cut else mine == theirs for mine in spellings)


def _plain(name: str) -> str:
    return names.normalise(name).replace(" ", "")


def _born(said: date, read: mrz.Birth) -> bool:
    known = ((read.year, said.year), (read.month, said.month), (read.day, said.day))
    return all(part in (None, mine) for part, mine in known)


def _bare(number: str) -> str:
    return "".join(char for char in number.upper() if char.isalnum())
