"""A paper held against the rules of its country, on the day it is filed."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from kyc.check import Verdict
from kyc.packs import catalogue
from kyc.packs.catalogue import Catalogue
from kyc.packs.pack import Claim, Kind, Mark
from kyc.papers import check
from kyc.papers.file import File, Scan
from kyc.papers.media import Media
from kyc.papers.paper import Accepted, Details, Paper, Reason
from kyc.papers.paper import Verdict as Judgement
from tests.planted import planted

FILED = date(2026, 11, 22)
AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
PACKS = catalogue.shipped()
DETAILS = Details(issuer="FBI", holder="ANNA")


def file(scan: Scan = Scan.CLEAN) -> File:
    return File(
        id=uuid.uuid4(), resident=uuid.uuid4(), media=Media.JPEG, size=1, width=1, height=1, pages=None,
        sha256=bytes(32), sent_sha256=bytes(32), removed=(), scan=scan, at=AT,
    )  # fmt: skip


def paper(kind: Kind = Kind.DIPLOMA, country: str = "DE", **given: Any) -> Paper:  # noqa: ANN401  what a paper takes
    told: dict[str, Any] = {
        "id": uuid.uuid4(), "resident": uuid.uuid4(), "issued_on": date(2019, 6, 30), "mark": Mark.APOSTILLE,
        "language": "en", "translated_to": "ru", "notarised": True, "details": b"", "at": AT, "files": (file(),),
    }  # fmt: skip
    return Paper(kind=kind, country=country, **(told | given))


def unread(*countries: str) -> Catalogue:
    """Give the packs as they would be if nobody had read up how papers of these countries are legalised."""
    packs = dict(PACKS.packs)
    for country in countries:
        rules = tuple(
            msgspec.structs.replace(each, claims=(Claim(source="knowledge"),)) for each in packs[country].legalisation
        )
        packs[country] = msgspec.structs.replace(packs[country], legalisation=rules)
    return msgspec.structs.replace(PACKS, packs=packs)


UNREAD = unread("PL", "EG")


def looks(
    shown: Paper, filed_on: date = FILED, details: Details = DETAILS, packs: Catalogue = PACKS
) -> dict[str, Verdict]:
    found = check.check(packs, shown, details, filed_on, "paper_1")
    return {each.check.rpartition(".")[2]: each.verdict for each in found}


@pytest.mark.parametrize(
    ("country", "mark", "verdict"),
    [
        ("DE", Mark.APOSTILLE, "pass"),
        ("DE", Mark.NONE, "fail"),
        ("DE", Mark.CONSULAR, "review"),
        ("UZ", Mark.NONE, "pass"),
        ("RU", Mark.NONE, "pass"),
        ("AE", Mark.CONSULAR, "pass"),
        ("AE", Mark.NONE, "fail"),
        ("AE", Mark.APOSTILLE, "review"),
        # Sources disagree: without a mark nobody fails and nobody passes.
        ("GE", Mark.NONE, "review"),
        ("GE", Mark.APOSTILLE, "pass"),
        ("MD", Mark.NONE, "review"),
        ("UA", Mark.NONE, "review"),
        ("UA", Mark.APOSTILLE, "pass"),
        ("TM", Mark.NONE, "review"),
        ("TM", Mark.CONSULAR, "pass"),
        ("LT", Mark.NONE, "review"),
        ("PL", Mark.APOSTILLE, "pass"),
        ("PL", Mark.NONE, "fail"),
        ("EG", Mark.CONSULAR, "pass"),
        ("EG", Mark.NONE, "fail"),
        ("VN", Mark.APOSTILLE, "pass"),
        # Both: nobody has read up the rule, and who was read says another thing.
        ("XK", Mark.NONE, "review"),
        ("XK", Mark.APOSTILLE, "review"),
        # Nothing is known of it.
        ("ZW", Mark.APOSTILLE, "review"),
        ("ZW", Mark.CONSULAR, "review"),
    ],
)
def test_a_paper_counts_by_the_mark_its_country_needs(country: str, mark: Mark, verdict: str) -> None:
    assert looks(paper(country=country, mark=mark))["legalised"] == verdict


@pytest.mark.parametrize(
    ("country", "mark", "verdict"),
    [
        ("PL", Mark.APOSTILLE, "review"),
        ("PL", Mark.NONE, "review"),
        ("PL", Mark.CONSULAR, "review"),
        ("EG", Mark.CONSULAR, "pass"),
        ("EG", Mark.NONE, "review"),
    ],
)
def test_by_a_rule_nobody_read_up_only_what_is_enough_whatever_it_is_passes(
    country: str, mark: Mark, verdict: str
) -> None:
    assert looks(paper(country=country, mark=mark), packs=UNREAD)["legalised"] == verdict


def test_viet_nam_needs_an_apostille_since_it_joined() -> None:
    days = (date(2026, 9, 10), date(2026, 9, 11))

    assert [looks(paper(country="VN"), day)["legalised"] for day in days] == ["review", "pass"]
    assert [looks(paper(country="VN", mark=Mark.CONSULAR), day)["legalised"] for day in days] == ["pass", "review"]


def test_china_needs_an_apostille_since_it_joined() -> None:
    before, after = (looks(paper(country="CN"), day)["legalised"] for day in (date(2023, 11, 6), date(2023, 11, 7)))

    assert (before, after) == ("review", "pass")


@pytest.mark.parametrize(
    ("kind", "days", "verdict"),
    [
        (Kind.POLICE, 180, "pass"),
        (Kind.POLICE, 181, "fail"),
        (Kind.POLICE, 0, "pass"),
        (Kind.POLICE, -1, "fail"),
        (Kind.ADDRESS, 90, "pass"),
        (Kind.ADDRESS, 91, "fail"),
        (Kind.DIPLOMA, 9_000, "not_applicable"),
        (Kind.BIRTH, 9_000, "not_applicable"),
    ],
)
def test_a_paper_is_as_old_as_on_the_day_it_is_filed(kind: Kind, days: int, verdict: str) -> None:
    shown = paper(kind, issued_on=FILED - timedelta(days=days))

    assert looks(shown)["age"] == verdict


@pytest.mark.parametrize(
    ("language", "into", "notarised", "verdict"),
    [
        ("ru", None, False, "not_applicable"),
        ("kk", None, False, "not_applicable"),
        ("de", "ru", True, "pass"),
        ("de", "kk", False, "fail"),
        ("de", None, False, "fail"),
    ],
)
def test_a_paper_is_read_in_kazakh_or_russian(
    language: str, into: str | None, verdict: str, *, notarised: bool
) -> None:
    shown = paper(language=language, translated_to=into, notarised=notarised)

    assert looks(shown)["translated"] == verdict


@pytest.mark.parametrize(
    ("scans", "verdict"),
    [
        ((Scan.CLEAN, Scan.CLEAN), "pass"),
        ((Scan.CLEAN, Scan.WAITING), "error"),
        ((Scan.WAITING, Scan.INFECTED), "fail"),
        ((), "fail"),
    ],
)
def test_what_nobody_scanned_is_no_answer(scans: tuple[Scan, ...], verdict: str) -> None:
    assert looks(paper(files=tuple(map(file, scans))))["files"] == verdict


@pytest.mark.parametrize(
    ("judged", "verdict"),
    [
        (None, "review"),
        ((Accepted.ACCEPTED, None), "pass"),
        ((Accepted.NOT_ACCEPTED, Reason.UNREADABLE), "fail"),
    ],
)
def test_nobody_but_a_person_says_that_a_paper_is_genuine(
    judged: tuple[Accepted, Reason | None] | None, verdict: str
) -> None:
    given = Judgement(outcome=judged[0], reason=judged[1], officer="officer:1", at=AT) if judged else None

    assert looks(paper(verdict=given))["genuine"] == verdict


def test_the_issuer_of_a_police_certificate_is_known_or_looked_at() -> None:
    fbi = paper(Kind.POLICE, "US", issued_on=FILED)

    known, other = (
        looks(fbi, details=Details(issuer=name, holder="A"))["issuer"] for name in ("fbi", "Police of Ohio")
    )

    assert (known, other) == ("pass", "review")


@pytest.mark.parametrize(
    ("country", "day", "issuer", "verdict"),
    [
        # The day its Government moved the register, and the day before.
        ("VN", date(2025, 2, 28), "Sở Tư pháp", "pass"),
        ("VN", date(2025, 3, 1), "Sở Tư pháp", "review"),
        ("VN", date(2025, 2, 28), "Ministry of Public Security", "review"),
        ("VN", date(2025, 3, 1), "Ministry of Public Security", "pass"),
        ("XK", date(2024, 10, 31), "Kosovo Police", "pass"),
        ("XK", date(2024, 11, 1), "Kosovo Police", "review"),
        ("XK", date(2024, 11, 1), "Kosovo Judicial Council", "pass"),
    ],
)
def test_who_issues_a_police_certificate_is_who_did_on_the_day_it_is_filed(
    country: str, day: date, issuer: str, verdict: str
) -> None:
    shown = paper(Kind.POLICE, country, issued_on=day)

    assert looks(shown, day, Details(issuer=issuer, holder="A"))["issuer"] == verdict


def test_an_issuer_about_whom_sources_disagree_is_looked_at() -> None:
    found = check.check(PACKS, paper(Kind.POLICE, "CN"), Details(issuer="公安局", holder="A"), FILED, "paper_1")
    issuer = next(each for each in found if each.check.endswith("issuer"))

    assert (issuer.verdict, issuer.params["rule"]) == ("review", "disputed")


@pytest.mark.parametrize(
    ("country", "issued_on", "verdict"),
    [
        ("RU", date(1992, 5, 14), "pass"),
        ("RU", date(1992, 5, 15), "review"),
        ("DE", date(1991, 1, 1), "review"),
        ("DE", date(2019, 6, 30), "review"),
    ],
)
def test_a_diploma_of_before_the_agreement_needs_no_recognition(country: str, issued_on: date, verdict: str) -> None:
    assert looks(paper(country=country, issued_on=issued_on))["recognised"] == verdict


def test_what_a_register_holds_is_not_asked_for() -> None:
    assert looks(paper(country="KZ")) == {"once_only": "not_applicable"}


def test_of_an_unknown_country_nothing_passes_by_itself() -> None:
    accepted = Judgement(outcome=Accepted.ACCEPTED, reason=None, officer="officer:1", at=AT)
    for kind in Kind:
        found = looks(paper(kind, "ZW", issued_on=FILED, verdict=accepted))

        assert found["country"] == "review", kind


def test_every_finding_names_its_rules_and_its_paper_and_nobody() -> None:
    for each in check.check(PACKS, paper(), DETAILS, FILED, "paper_1"):
        assert (each.rule, each.evidence) == (catalogue.VERSION, ("paper_1",))
        assert "ANNA" not in msgspec.json.encode(each).decode()


#: What keeps a paper from passing by itself, and what stands in its place in a copy.
DEFECTS = {
    "an unknown country passes": ("{}) if pack.known else", "{}) if True else", "ZW", "country"),
    "a dispute is passed over": ('return "disputed"', 'return ""', "GE", "legalised"),
    "what nobody read is believed": ('(of) else "unverified"', '(of) else ""', "PL", "legalised"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "instead", "country", "name"), DEFECTS.values(), ids=DEFECTS)
def test_a_check_that_passes_papers_by_itself_is_caught(text: str, instead: str, country: str, name: str) -> None:
    lax = planted(check, text, instead)
    mark = Mark.NONE if country == "GE" else Mark.APOSTILLE

    def verdict(by: object) -> str:
        found = by.check(UNREAD, paper(country=country, mark=mark), DETAILS, FILED, "paper_1")  # type: ignore[attr-defined]  # check or a copy
        return next(str(each.verdict) for each in found if each.check.endswith(name))

    assert verdict(check) == "review"
    assert verdict(lax) != "review"


def test_what_is_asked_is_said_beforehand() -> None:
    asked = {each.kind: each for each in check.asked(PACKS, "DE", FILED)}

    assert asked[Kind.POLICE].days_max == 180
    assert (str(asked[Kind.POLICE].regime), asked[Kind.POLICE].doubt) == ("apostille", "")
    assert asked[Kind.ADDRESS].regime is None
    assert [each.asked for each in check.asked(PACKS, "KZ", FILED)] == [False] * len(Kind)
    assert {each.doubt for each in check.asked(PACKS, "ZW", FILED)} == {"no_pack", ""}


def test_a_doubt_about_who_certifies_is_said_beforehand_too() -> None:
    asked = {each.kind: each.doubt for each in check.asked(PACKS, "CN", FILED)}

    assert [kind for kind, doubt in asked.items() if doubt == "disputed"] == [Kind.POLICE]
