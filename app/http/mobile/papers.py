"""Papers beside the passport: what is asked of one from a country, handing one in, what became of it.

path   POST /v1/identity/papers   ->  kyc/papers/paper.py give()  ->  app/papers/reporting.py  ->  the person's case
"""

import tomllib
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app import language, vault
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.files import FileId, FileView
from app.http.wire import Wire
from app.idempotency import Once
from app.papers import reporting
from kyc.check import Finding, Verdict
from kyc.packs import catalogue
from kyc.packs.pack import Kind, Mark, Regime
from kyc.papers import check, paper
from kyc.papers.check import Asked
from kyc.papers.paper import Accepted, Details, NotYet, Paper, Reason
from law.calendar import statutory_date

#: What is said about each check and each reason.
TEXTS = Path(__file__).with_suffix(".toml")
_TAGS = ["Papers"]
_END = r"$(?!\n)"
PaperId = Annotated[str, Meta(examples=["paper_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Country = Annotated[str, Meta(pattern=f"^[A-Z]{{2}}{_END}", description="ISO 3166-1, two letters.", examples=["UZ"])]
Language = Annotated[str, Meta(pattern=f"^[a-z]{{2}}{_END}", description="ISO 639-1.", examples=["en"])]
Words = Annotated[str, Meta(min_length=1, max_length=200, pattern=f"^[^\\x00-\\x1f\\x7f]+{_END}")]
Said = Annotated[str, Meta(max_length=200, pattern=f"^[^\\x00-\\x1f\\x7f]*{_END}")]


class GivePaper(Wire, frozen=True, kw_only=True):
    """A paper: what it is, who issued it where and when, what it bears, and its files in their order.

    `holder` is the name on the paper in its own letters; `institution` the university of a diploma.
    """

    kind: Annotated[Kind, Meta(examples=["diploma"])]
    country: Country
    issued_on: Annotated[date, Meta(examples=["2019-06-30"])]
    issuer: Annotated[Words, Meta(examples=["Tashkent State University"])]
    holder: Annotated[Words, Meta(examples=["Bekzod Karimov"])]
    number: Annotated[Said, Meta(examples=["A 123456"])] = ""
    institution: Annotated[Said, Meta(examples=["Tashkent State University"])] = ""
    mark: Annotated[Mark, Meta(description="What legalises it.", examples=["none"])] = Mark.NONE
    language: Language
    translated_to: Annotated[
        Literal["kk", "ru"] | None, Meta(description="The language of the translation.", examples=["ru"])
    ] = None
    notarised: Annotated[bool, Meta(description="Whether a notary certified the translation.", examples=[True])] = False
    files: Annotated[
        list[FileId],
        Meta(min_length=1, max_length=paper.FILES_MAX, examples=[["file_06AVZR0TKB7Z8M2Q3R4S5T6V7W"]]),
    ]

    def details(self) -> Details:
        """Give what is sealed."""
        return Details(issuer=self.issuer, holder=self.holder, number=self.number, institution=self.institution)


class PaperCheckView(Wire, frozen=True):
    """One check of a paper, and what it means. `params` are for programs."""

    check: Annotated[str, Meta(examples=["paper.diploma.legalised"])]
    verdict: Annotated[Verdict, Meta(examples=["pass"])]
    title: Annotated[str, Meta(examples=["Legalisation"])]
    explanation: Annotated[str, Meta(examples=["In order."])]
    params: Annotated[dict[str, str], Meta(examples=[{"regime": "treaty", "mark": "none"}])]


class DetailsView(Wire, frozen=True, kw_only=True):
    """Whom and whose the paper names."""

    issuer: Annotated[str, Meta(examples=["Tashkent State University"])]
    holder: Annotated[str, Meta(examples=["Bekzod Karimov"])]
    number: Annotated[str, Meta(examples=["A 123456"])]
    institution: Annotated[str, Meta(examples=["Tashkent State University"])]

    @classmethod
    def of(cls, found: Details) -> "DetailsView":
        """Show what was sealed."""
        return cls(**msgspec.structs.asdict(found))


class PaperView(Wire, frozen=True, kw_only=True):
    """A paper, what was found of it, and what an officer made of it; `reason` says why it was not accepted."""

    id: PaperId
    kind: Annotated[Kind, Meta(examples=["diploma"])]
    country: Country
    issued_on: Annotated[date, Meta(examples=["2019-06-30"])]
    mark: Annotated[Mark, Meta(examples=["none"])]
    language: Language
    translated_to: Annotated[str | None, Meta(examples=["ru"])]
    notarised: Annotated[bool, Meta(examples=[True])]
    files: list[FileView]
    state: Annotated[Literal["waiting", "accepted", "not_accepted"], Meta(examples=["waiting"])]
    reason: Annotated[Reason | None, Meta(examples=[None])] = None
    message: Annotated[str, Meta(examples=["A person will look at this paper."])]
    checks: list[PaperCheckView]
    given_at: datetime
    details: DetailsView | None = None


class PapersView(Wire, frozen=True):
    """The caller's papers, newest first."""

    papers: list[PaperView]


class AskedView(Wire, frozen=True, kw_only=True):
    """What a paper of a kind must be. `asked` is false where a state register holds it: nobody brings it twice.

    `doubt` says that sources disagree, that nobody has read the rule up, or that the country has no rules here: then a
    person looks.
    """

    kind: Annotated[Kind, Meta(examples=["police_certificate"])]
    asked: Annotated[bool, Meta(examples=[True])]
    legalisation: Annotated[Regime | None, Meta(examples=["apostille"])]
    treaty: Annotated[str, Meta(examples=["Hague 1961"])]
    doubt: Annotated[Literal["", "disputed", "unverified", "no_pack"], Meta(examples=[""])]
    days_max: Annotated[int | None, Meta(examples=[180])]
    languages: Annotated[list[str], Meta(examples=[["kk", "ru"]])]
    notarised_translation: Annotated[bool, Meta(examples=[True])]
    issuer: Annotated[str, Meta(examples=["Bundesamt für Justiz"])]

    @classmethod
    def of(cls, found: Asked) -> "AskedView":
        """Show it."""
        fields = msgspec.structs.asdict(found)
        return cls(
            **{name: fields[name] for name in ("kind", "asked", "treaty", "doubt", "days_max", "issuer")},
            legalisation=found.regime,
            languages=list(found.languages),
            notarised_translation=found.notarised,
        )


class RequirementsView(Wire, frozen=True):
    """What is asked of papers from a country today; `known` is false where there are no rules of its own."""

    country: Country
    known: Annotated[bool, Meta(examples=[True])]
    rules: Annotated[str, Meta(description="The version of the rules.", examples=["packs@2026-11-23"])]
    papers: list[AskedView]


@get(
    "/v1/identity/paper-requirements/{country:str}",
    operation_id="getPaperRequirements",
    opt={"scope": "kyc:read"},
    tags=_TAGS,
    summary="What papers from a country must be",
)
async def get_requirements(
    country: FromPath[Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)")]], story: NamedDependency[Story]
) -> RequirementsView:
    """Say what a paper of each kind from a country must be today, before anybody pays a translator."""
    await story()
    today, packs = statutory_date(story.now), catalogue.shipped()
    asked = check.asked(packs, country, today)
    known = packs.of(country, today).known
    return RequirementsView(
        country=country, known=known, rules=catalogue.VERSION, papers=[AskedView.of(each) for each in asked]
    )


@post(
    "/v1/identity/papers",
    operation_id="givePaper",
    opt={"scope": "kyc:write"},
    tags=_TAGS,
    summary="Hand in a paper",
)
async def give_paper(
    request: Request[Any, Any, Any],
    data: JSONBody[GivePaper],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
    house: NamedDependency[House],
) -> Response[PaperView]:
    """Hand in a paper with its files: it is checked by the rules of its country, and then a person looks."""
    files = list(dict.fromkeys(ids.parse("file", each) for each in data.files))

    async def act(story: Story) -> PaperView:
        db, made = await story(), mint.new()
        if data.issued_on > statutory_date(story.now):
            raise NotYet
        keys = await vault.of(db, house.keys.kms, me.subject, story.now)
        details = data.details()
        sealed = keys.seal(msgspec.json.encode(details), table=reporting.TABLE, column=reporting.COLUMN, row=made)
        fields = ("kind", "country", "issued_on", "mark", "language", "translated_to", "notarised")
        wanted = Paper(
            **{name: getattr(data, name) for name in fields},
            id=made,
            resident=me.subject,
            details=sealed,
            at=story.now,
        )
        given = await paper.give(db, wanted, files, actor=me.actor)
        found = await reporting.report(db, keys, given, at=story.now, actor=me.actor)
        return view(given, found, _tag(request))

    return await once(act, headers=lambda shown: {"Location": f"/v1/identity/papers/{shown.id}"})


@get("/v1/identity/papers", operation_id="listPapers", opt={"scope": "kyc:read"}, tags=_TAGS, summary="My papers")
async def list_papers(
    request: Request[Any, Any, Any],
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> PapersView:
    """List the caller's papers, newest first, with what was found of each."""
    db, tag = await story(), _tag(request)
    found = await paper.of_resident(db, me.subject)
    if not found:
        return PapersView([])
    keys = await vault.existing(db, house.keys.kms, me.subject)
    return PapersView([view(each, reporting.looks(each, reporting.opened(keys, each)), tag) for each in found])


@get(
    "/v1/identity/papers/{paper_id:str}",
    operation_id="getPaper",
    opt={"scope": "kyc:read"},
    tags=_TAGS,
    summary="A paper",
)
async def get_paper(
    request: Request[Any, Any, Any],
    paper_id: FromPath[str],
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
    house: NamedDependency[House],
) -> PaperView:
    """Show a paper: what it says, how it was checked, what an officer made of it."""
    db = await story()
    found = await paper.find(db, ids.parse("paper", paper_id))
    keys = await vault.existing(db, house.keys.kms, me.subject)
    details = reporting.opened(keys, found)
    return view(found, reporting.looks(found, details), _tag(request), details)


def view(found: Paper, looks: tuple[Finding, ...], tag: language.Language, details: Details | None = None) -> PaperView:
    """Show a paper; whom it names only where `details` are given."""
    verdict = found.verdict
    state: Literal["waiting", "accepted", "not_accepted"] = "waiting"
    if verdict is not None:
        state = "accepted" if verdict.outcome is Accepted.ACCEPTED else "not_accepted"
    reason = verdict.reason if verdict else None
    texts = _texts()
    fields = ("kind", "country", "issued_on", "mark", "language", "translated_to", "notarised")
    return PaperView(
        **{name: getattr(found, name) for name in fields},
        id=ids.show("paper", found.id),
        files=[FileView.of(each) for each in found.files],
        state=state,
        reason=reason,
        message=texts["reason"][reason][tag] if reason else texts["state"][state][tag],
        checks=[_check(each, tag) for each in looks],
        given_at=found.at,
        details=DetailsView.of(details) if details else None,
    )


def _check(found: Finding, tag: language.Language) -> PaperCheckView:
    texts, name = _texts(), found.check.rpartition(".")[2]
    said = texts["check"].get(f"{name}_{found.verdict}") or texts["any"][str(found.verdict)]
    return PaperCheckView(
        check=found.check,
        verdict=found.verdict,
        title=texts["title"][name][tag],
        explanation=said[tag],
        params=found.params,
    )


@cache
def _texts() -> dict[str, dict[str, dict[str, str]]]:
    """Read what is said of papers: by what, by code, by language."""
    return tomllib.loads(TEXTS.read_text(encoding="utf-8"))


def _tag(request: Request[Any, Any, Any]) -> language.Language:
    return language.choose(request.headers.get("accept-language"))


routes = [get_requirements, give_paper, list_papers, get_paper]
