"""Passports for tests: one holder, any authority, and the ways to spoil them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cache

from kyc.chip import certificate, trust
from kyc.chip.passive import verify
from kyc.chip.report import Report
from kyc.chip.trust import Trust
from simulators.passport import Authority, Passport

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@cache
def authority(kind: str = "p256", *, state: str = "UTO", country: str = "UT", digest: str = "sha256") -> Authority:
    return Authority.seeded(1, kind=kind, state=state, country=country, digest=digest)


def passport(
    by: Authority | None = None,
    *,
    number: str = "L898902C3",
    surname: str = "ERIKSSON",
    given: str = "ANNA MARIA",
    born: date = date(1974, 8, 12),
    expires: date = date(2032, 4, 15),
    nationality: str | None = None,
    files: Mapping[int, bytes] | None = None,
) -> Passport:
    return (by or authority()).issue(
        surname=surname,
        given=given,
        born=born,
        sex="F",
        number=number,
        expires=expires,
        nationality=nationality,
        personal_number="ZE184226B",
        files=files,
    )


def trusting(*authorities: Authority) -> Trust:
    return trust.of(certificate.read(each.certificate) for each in authorities)


def read(shown: Passport, believed: Trust | None = None, at: datetime = AT) -> Report:
    return verify(shown.sod, shown.files, trusting(authority()) if believed is None else believed, at)


def grades(report: Report) -> dict[str, str]:
    """Give the grade of each step that is not in order."""
    return {step.check: str(step.grade) for step in report.steps if step.grade != "valid"}


def flipped(data: bytes, places: Iterable[int], bit: int = 1) -> Iterable[bytes]:
    """Give `data` with one bit changed, once for each place."""
    for place in places:
        yield data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
