"""What the credentials say. One table of claims drives both documents, both formats and both descriptions of them.

Names are those of the EU's person identification data (PID rulebook 1.7) and of ISO 18013-5 for names in their own
letters, so that a verifier built for those reads ours; the types are our own, for theirs are reserved for others. Only
what is the same for everybody is always shown.
"""

import base64
import calendar as gregorian
import enum
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from residency.credential.disclosure import ABSENT, Sd

AUTHORITY = "e-Residency of the Republic of Kazakhstan"
COUNTRY = "KZ"
#: The ages people are asked for: driving, majority, alcohol in the USA, car hire, reduced fares, pension (KZ: 63).
AGES = (14, 16, 18, 21, 25, 63)
LANGUAGES = ("en", "ru", "kk")
_LAST_MONTH = 12

Path = tuple[str, ...]
Says = Callable[["Resident", date], object]


class Kind(enum.StrEnum):
    """Which document. The resident ID is equal to a citizen's identity card, and Altyn holders' alone (D2.6)."""

    E_RESIDENT = "e_resident"
    RESIDENT_ID = "resident_id"


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where somebody was born, as far as it is known; `country` is ISO 3166-1 alpha-2."""

    country: str | None = None
    region: str | None = None
    locality: str | None = None


class Sources(msgspec.Struct, frozen=True):
    """What the facts rest on, by id: where it becomes another, what was issued is issued anew."""

    document: UUID
    iin: UUID | None = None


class Resident(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about one person on the day of issue: names in Latin script, as in the travel document.

    `national_family_name` and `national_given_name` are in the person's own letters. `birthdate` is ISO 8601-2 as
    passports know it: 1990-03-14, 1990-03-XX, 1990-XX-XX, XXXX-XX-XX. `nationalities` are ISO 3166-1 alpha-2, none for
    the stateless. `portrait` is a JPEG. `iin` is there only where the state assigned one. `expires_on` is the last day
    of the status, None where it has no end.
    """

    number: str
    family_name: str
    given_name: str
    birthdate: str
    nationalities: tuple[str, ...]
    since: date
    expires_on: date | None
    national_family_name: str | None = None
    national_given_name: str | None = None
    birth_place: Place | None = None
    portrait: bytes | None = None
    iin: str | None = None
    sources: Sources | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One claim: where it stands in an SD-JWT, how an mdoc calls it, what it says on the day of issue (None: left out).

    `says` answers JSON, `holds` what an mdoc holds where that differs: a full date, bytes. `labels` are what people
    call it, in the order of `LANGUAGES`.
    """

    path: Path
    element: str
    says: Says
    holds: Says | None = None
    labels: tuple[str, str, str]
    mandatory: bool = True
    always_shown: bool = False


def _age_claim(years: int) -> Claim:
    return Claim(
        path=("age_equal_or_over", str(years)),
        element=f"age_over_{years}",
        says=lambda who, on: is_of_age(who.birthdate, years, on),
        labels=(f"{years} or older", f"{years} лет или старше", f"{years} жаста немесе одан үлкен"),
        mandatory=False,
    )


def _whole_date(text: str) -> date | None:
    """Read a date of which no part is left open."""
    return None if "X" in text else date.fromisoformat(text)


CLAIMS = (
    Claim(
        path=("document_number",),
        element="document_number",
        says=lambda who, _: who.number,
        labels=("Number", "Номер", "Нөмірі"),
    ),
    Claim(
        path=("family_name",),
        element="family_name",
        says=lambda who, _: who.family_name,
        labels=("Family name", "Фамилия", "Тегі"),
    ),
    Claim(
        path=("given_name",),
        element="given_name",
        says=lambda who, _: who.given_name,
        labels=("Given name", "Имя", "Аты"),
    ),
    Claim(
        path=("family_name_national_character",),
        element="family_name_national_character",
        says=lambda who, _: who.national_family_name,
        labels=("Family name in own letters", "Фамилия на родном языке", "Тегі ана тілінде"),
        mandatory=False,
    ),
    Claim(
        path=("given_name_national_character",),
        element="given_name_national_character",
        says=lambda who, _: who.national_given_name,
        labels=("Given name in own letters", "Имя на родном языке", "Аты ана тілінде"),
        mandatory=False,
    ),
    Claim(
        path=("birthdate",),
        element="birth_date",
        says=lambda who, _: who.birthdate.partition("X")[0].rstrip("-") or None,
        holds=lambda who, _: _whole_date(who.birthdate),
        labels=("Date of birth", "Дата рождения", "Туған күні"),
        mandatory=False,
    ),
    Claim(
        path=("place_of_birth",),
        element="place_of_birth",
        says=lambda who, _: msgspec.to_builtins(who.birth_place) or None,
        labels=("Place of birth", "Место рождения", "Туған жері"),
        mandatory=False,
    ),
    Claim(
        path=("nationalities",),
        element="nationality",
        says=lambda who, _: list(who.nationalities) or None,
        labels=("Nationalities", "Гражданство", "Азаматтығы"),
        mandatory=False,
    ),
    Claim(
        path=("picture",),
        element="portrait",
        says=lambda who, _: who.portrait and "data:image/jpeg;base64," + base64.b64encode(who.portrait).decode(),
        holds=lambda who, _: who.portrait,
        labels=("Portrait", "Фотография", "Фотосурет"),
        mandatory=False,
    ),
    Claim(
        path=("personal_administrative_number",),
        element="personal_administrative_number",
        says=lambda who, _: who.iin,
        labels=("Individual identification number", "ИИН", "ЖСН"),
        mandatory=False,
    ),
    Claim(
        path=("date_of_issuance",),
        element="issuance_date",
        says=lambda who, _: who.since.isoformat(),
        holds=lambda who, _: who.since,
        labels=("Holds the status since", "Имеет статус с", "Мәртебе алған күні"),
    ),
    Claim(
        path=("date_of_expiry",),
        element="expiry_date",
        says=lambda who, _: who.expires_on.isoformat() if who.expires_on else None,
        holds=lambda who, _: who.expires_on,
        labels=("Status valid until", "Статус действует до", "Мәртебенің мерзімі"),
        mandatory=False,
    ),
    Claim(
        path=("issuing_authority",),
        element="issuing_authority",
        says=lambda *_: AUTHORITY,
        labels=("Issued by", "Кем выдан", "Берген орган"),
        always_shown=True,
    ),
    Claim(
        path=("issuing_country",),
        element="issuing_country",
        says=lambda *_: COUNTRY,
        labels=("Issuing country", "Страна выдачи", "Берген ел"),
        always_shown=True,
    ),
    *map(_age_claim, AGES),
)
_STATUS_LABELS = ("Status", "Статус", "Мәртебе")


def of_kind(kind: Kind) -> tuple[Claim, ...]:
    """Give the claims of a document: which status it proves, and all the others."""
    status = Claim(
        path=("residency_status",), element="residency_status", says=lambda *_: kind.value, labels=_STATUS_LABELS
    )
    return (status, *CLAIMS)


def claims(resident: Resident, kind: Kind, *, on: date, filled: bool = False) -> dict[str, object]:
    """Write the claims of an SD-JWT as of the day `on`, what the holder may keep to himself marked with `Sd`.

    Ages are those of the day of issue: a false may have become true since, never the other way. What is not known is
    left out, or, where it is to be `filled`, marked so that nobody counts what somebody does not have.
    """
    told: dict[str, Any] = {}
    for claim in of_kind(kind):
        value = claim.says(resident, on)
        if value is None and not filled:
            continue
        *above, name = claim.path
        within = told
        for step in above:
            within = within.setdefault(step, {})
        within[name] = ABSENT if value is None else value if claim.always_shown else Sd(value)
    return told


def elements(resident: Resident, kind: Kind, *, on: date) -> dict[str, object]:
    """Write the elements of an mdoc as of the day `on`; every one is the holder's to show."""
    told = {claim.element: (claim.holds or claim.says)(resident, on) for claim in of_kind(kind)}
    return {name: value for name, value in told.items() if value is not None}


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
