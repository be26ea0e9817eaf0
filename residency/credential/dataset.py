"""What the e-resident credential says. One table of claims drives the credential and both descriptions of it.

Names are those of the EU's person identification data (PID rulebook 1.7), so that a verifier built for it reads ours;
the type is our own, for theirs is reserved for its members. Only what is the same for everybody is always shown.
"""

import calendar as gregorian
import enum
from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec

from residency.credential.disclosure import Sd

AUTHORITY = "e-Residency of the Republic of Kazakhstan"
COUNTRY = "KZ"
#: The ages people are asked for: driving, majority, alcohol in the USA, car hire, reduced fares, pension (KZ: 63).
AGES = (14, 16, 18, 21, 25, 63)
LANGUAGES = ("en", "ru", "kk")
_LAST_MONTH = 12

Path = tuple[str, ...]


class Kind(enum.StrEnum):
    """Which credential; the resident ID of Altyn holders (D2.6) joins when its rule is in force."""

    E_RESIDENT = "e_resident"


class EResident(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about one e-resident on the day of issue: names in Latin script, as in the travel document.

    `birthdate` is ISO 8601-2 as passports know it: 1990-03-14, 1990-03-XX, 1990-XX-XX, XXXX-XX-XX. `nationalities` are
    ISO 3166-1 alpha-2, none for the stateless. `expires_on` is the last day of the status, None where it has no end.
    """

    number: str
    family_name: str
    given_name: str
    birthdate: str
    nationalities: tuple[str, ...]
    since: date
    expires_on: date | None


class Claim(msgspec.Struct, frozen=True):
    """One claim: where it stands, what it says on the day of issue (None: left out), what people call it."""

    path: Path
    says: Callable[[EResident, date], object]
    labels: tuple[str, str, str]
    mandatory: bool = True
    always_shown: bool = False


def _age_claim(years: int) -> Claim:
    labels = (f"{years} or older", f"{years} лет или старше", f"{years} жаста немесе одан үлкен")
    path = ("age_equal_or_over", str(years))
    return Claim(path, lambda who, on: is_of_age(who.birthdate, years, on), labels, mandatory=False)


CLAIMS = (
    Claim(("residency_status",), lambda *_: Kind.E_RESIDENT.value, ("Status", "Статус", "Мәртебе")),
    Claim(
        ("document_number",), lambda who, _: who.number, ("e-Resident number", "Номер э-резидента", "Э-резидент нөмірі")
    ),
    Claim(("family_name",), lambda who, _: who.family_name, ("Family name", "Фамилия", "Тегі")),
    Claim(("given_name",), lambda who, _: who.given_name, ("Given name", "Имя", "Аты")),
    Claim(
        ("birthdate",),
        lambda who, _: who.birthdate.partition("X")[0].rstrip("-") or None,
        ("Date of birth", "Дата рождения", "Туған күні"),
        mandatory=False,
    ),
    Claim(
        ("nationalities",),
        lambda who, _: list(who.nationalities) or None,
        ("Nationalities", "Гражданство", "Азаматтығы"),
        mandatory=False,
    ),
    Claim(
        ("date_of_issuance",),
        lambda who, _: who.since.isoformat(),
        ("e-Resident since", "Э-резидент с", "Э-резидент болған күні"),
    ),
    Claim(
        ("date_of_expiry",),
        lambda who, _: who.expires_on.isoformat() if who.expires_on else None,
        ("Status valid until", "Статус действует до", "Мәртебенің мерзімі"),
        mandatory=False,
    ),
    Claim(("issuing_authority",), lambda *_: AUTHORITY, ("Issued by", "Кем выдан", "Берген орган"), always_shown=True),
    Claim(
        ("issuing_country",), lambda *_: COUNTRY, ("Issuing country", "Страна выдачи", "Берген ел"), always_shown=True
    ),
    *map(_age_claim, AGES),
)


def claims(resident: EResident, *, on: date) -> dict[str, object]:
    """Write the claims as of the day `on`, what the holder may keep to himself marked with `Sd`.

    Ages are those of the day of issue: a false may have become true since, never the other way.
    """
    told: dict[str, Any] = {}
    for claim in CLAIMS:
        value = claim.says(resident, on)
        if value is None:
            continue
        *above, name = claim.path
        within = told
        for step in above:
            within = within.setdefault(step, {})
        within[name] = value if claim.always_shown else Sd(value)
    return told


def is_of_age(birthdate: str, years: int, on: date) -> bool | None:
    """Tell whether somebody born on `birthdate` has lived `years` by `on`; None where the passport leaves it open."""
    if birthdate.startswith("X"):
        return None
    year, month, day = (None if part.startswith("X") else int(part) for part in birthdate.split("-"))
    assert year is not None, "the year is known"
    first = date(year, month or 1, day or 1)
    last = date(year, month or _LAST_MONTH, day or gregorian.monthrange(year, month or _LAST_MONTH)[1])
    surely, possibly = age(last, on) >= years, age(first, on) >= years
    return surely if surely == possibly else None


def age(birthdate: date, on: date) -> int:
    """Count full years; who was born on 29 February is a year older on 1 March of a common year."""
    return on.year - birthdate.year - ((on.month, on.day) < (birthdate.month, birthdate.day))
