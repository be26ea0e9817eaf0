"""The resident shows a document: what the phone read is checked, explained check by check, and decided about.

path   POST /v1/identity/documents  ->  kyc/identify.py  ->  kyc/document.py

The answer to the scan names no person, because it is kept for repeats of the request. Whose document it is, GET tells
its owner.
"""

import asyncio
import base64
import time
import tomllib
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import identity_cases, language, vault
from app import ids as mint
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.chip_challenges import ChipAnswer, Stated
from app.http.wire import BASE64, Wire
from app.idempotency import Once
from kyc import document, identify
from kyc import standing as standing_
from kyc.check import Finding, Verdict
from kyc.chip import lds
from kyc.chip.active import copying
from kyc.chip.report import Copying, Grade
from kyc.document import Person, Stored
from kyc.identify import Reading
from kyc.standing import Level
from kyc.states import Nationality
from law.calendar import statutory_date

#: What is said about each check.
TEXTS = Path(__file__).with_suffix(".toml")
DocumentId = Annotated[str, Meta(examples=["document_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Outcome = Literal["identified", "review", "refused"]
# Python's $ lets a line break follow.
_END = r"$(?!\n)"
MrzLine = Annotated[str, Meta(min_length=1, max_length=44, pattern=f"^[ -~]*{_END}")]
GroupNumber = Annotated[
    str, Meta(pattern=r"^(?:[1-9]|1[0-6])$(?!\n)", description="Number of the data group, 1 to 16.")
]
Sod = Annotated[str, Meta(pattern=BASE64, min_length=4, max_length=-(-lds.SOD_BYTES_MAX // 3) * 4)]
Group = Annotated[str, Meta(pattern=BASE64, min_length=4, max_length=-(-lds.GROUP_BYTES_MAX // 3) * 4)]


class ScanDocument(Wire, frozen=True):
    """What the phone read: the printed lines exactly as read, never corrected, and the chip's files in base64."""

    mrz: Annotated[
        list[MrzLine],
        Meta(
            min_length=1,
            max_length=3,
            examples=[
                ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"],
            ],
        ),
    ]
    sod: Annotated[Sod, Meta(description="EF.SOD in base64.", examples=["d4IFrg=="])]
    data_groups: Annotated[
        dict[GroupNumber, Group],
        Meta(
            min_length=1,
            max_length=16,
            description="EF.DG1 and what else was read, in base64, by number.",
            examples=[{"1": "YVtfH1g="}],
        ),
    ]

    def reading(self) -> Reading:
        """Give what was read."""
        groups = {int(number): base64.b64decode(group) for number, group in self.data_groups.items()}
        return Reading(tuple(self.mrz), base64.b64decode(self.sod), groups)


class ShowDocument(ScanDocument, frozen=True):
    """What the phone read; with it the chip's answer to a challenge and the applicant's form, where they were asked."""

    chip_answer: ChipAnswer | None = None
    stated: Stated | None = None

    async def whole(self, db: AsyncConnection, house: House, me: Principal) -> Reading:
        """Give what was read with the rest; uses the challenge up. Raises kyc.chip.challenge.StaleChallenge."""
        answer = await self.chip_answer.taken(db, house, me) if self.chip_answer else None
        form = self.stated.form() if self.stated else None
        return msgspec.structs.replace(self.reading(), form=form, answer=answer)


class CheckView(Wire, frozen=True):
    """One check: what was looked at, what came out, and why, in the caller's language. `params` are for programs."""

    check: Annotated[str, Meta(examples=["chip.signature"])]
    verdict: Annotated[Verdict, Meta(examples=["pass"])]
    title: Annotated[str, Meta(examples=["The signature of the issuing country"])]
    explanation: Annotated[str, Meta(examples=["The files were signed by the issuing country."])]
    params: Annotated[dict[str, str], Meta(examples=[{"grade": "valid"}])]


class HolderView(Wire, frozen=True):
    """Whom the document names, in its own letters; `born` has X where the document knows no digit."""

    surname: Annotated[str, Meta(examples=["ERIKSSON"])]
    given: Annotated[str, Meta(examples=["ANNA MARIA"])]
    born: Annotated[str, Meta(pattern=r"^[0-9X]{4}-[0-9X]{2}-[0-9X]{2}$(?!\n)", examples=["1974-08-12"])]
    sex: Annotated[str, Meta(pattern=r"^[MF<]$(?!\n)", examples=["F"])]
    nationality: Annotated[str, Meta(pattern=r"^[A-Z]{1,3}$(?!\n)", examples=["UTO"])]
    number: Annotated[str, Meta(examples=["L898902C3"])]

    @classmethod
    def of(cls, person: Person) -> "HolderView":
        """Show whom a document names."""
        return cls(**{name: getattr(person, name) for name in cls.__struct_fields__})


class DocumentView(Wire, frozen=True):
    """A document and what follows from it.

    `grade` is the worst of what the chip's verification found. It proves genuine data, which a copy of the chip has as
    well: `cloning` says whether one was looked for. `reasons` name the checks that stand between the document and
    `identified`.
    """

    id: DocumentId
    outcome: Annotated[Outcome, Meta(examples=["identified"])]
    message: Annotated[str, Meta(examples=["You are identified by this document."])]
    reasons: Annotated[list[str], Meta(examples=[[]])]
    grade: Annotated[Grade, Meta(examples=["valid"])]
    cloning: Annotated[Copying, Meta(examples=["excluded"])]
    format: Annotated[str, Meta(examples=["TD3"])]
    issuer: Annotated[str, Meta(examples=["UTO"])]
    nationality_class: Annotated[Nationality, Meta(examples=["foreign"])]
    expires: date
    scanned_at: datetime
    checks: list[CheckView]
    holder: HolderView | None = None


class StandingView(Wire, frozen=True):
    """Whether the caller is identified, how surely, by which document and until when."""

    identified: bool
    level: Annotated[Level, Meta(examples=["chip"])]
    outcome: Annotated[
        Literal["identified", "review", "refused", "expired"] | None,
        Meta(description="What became of the latest document, or of the one that identified.", examples=["identified"]),
    ] = None
    document: DocumentId | None = None
    document_expires: date | None = None
    nationality_class: Annotated[Nationality | None, Meta(examples=["foreign"])] = None


@post(
    "/v1/identity/documents",
    operation_id="scanDocument",
    opt={"scope": "kyc:write"},
    tags=["Identity"],
    summary="Show a document",
)
async def scan_document(
    request: Request[Any, Any, Any],
    data: JSONBody[ShowDocument],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[DocumentView]:
    """Check a scanned document and its chip, and decide whether they identify the caller."""
    tag = _language(request)

    async def act(story: Story) -> DocumentView:
        db, document_id = await story(), mint.new()
        reading = await data.whole(db, house, me)
        started = time.perf_counter()
        examined = await asyncio.to_thread(identify.examine, reading, house.csca, story.now)
        examined = examined.took(round((time.perf_counter() - started) * 1000))
        safe = await vault.of(db, house.keys.kms, me.subject, story.now)
        await identity_cases.demand(house, db, me.subject, at=story.now, actor=me.actor)
        await identify.store(
            db,
            reading,
            examined,
            document_id=document_id,
            resident=me.subject,
            safe=safe,
            blind=house.keys.kms.blind,
            lists=await house.watchlist.current(db),
            at=story.now,
            actor=me.actor,
        )
        stored = await document.find(db, document_id)
        assert stored is not None, "it was stored above"
        return _view(stored, tag)

    return await once(act, headers=lambda view: {"Location": f"/v1/identity/documents/{view.id}"})


@get(
    "/v1/identity/documents/{document_id:str}",
    operation_id="getDocument",
    opt={"scope": "kyc:read"},
    tags=["Identity"],
    summary="A document",
)
async def get_document(
    request: Request[Any, Any, Any],
    document_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> DocumentView:
    """Show one of the caller's documents: what it says, how it was checked, what was decided."""
    db, wanted = await story(), ids.parse("document", document_id)
    stored = await document.find(db, wanted)
    if stored is None:
        raise NotFoundException
    safe = await vault.existing(db, house.keys.kms, me.subject)
    opened = safe.open(stored.person, table="kyc.document", column="person", row=stored.id)
    holder = HolderView.of(msgspec.json.decode(opened, type=Person))
    return _view(stored, _language(request), holder)


@get(
    "/v1/identity/standing",
    operation_id="getIdentityStanding",
    opt={"scope": "kyc:read"},
    tags=["Identity"],
    summary="Whether I am identified",
)
async def get_standing(story: NamedDependency[Story], me: NamedDependency[Principal]) -> StandingView:
    """Show whether the caller is identified."""
    db = await story()
    found = await standing_.standing(db, me.subject, statutory_date(story.now))
    fields = msgspec.structs.asdict(found)
    fields["document"] = ids.show("document", found.document) if found.document is not None else None
    return StandingView(**fields)


def _language(request: Request[Any, Any, Any]) -> language.Language:
    return language.choose(request.headers.get("accept-language"))


def _view(stored: Stored, tag: language.Language, holder: HolderView | None = None) -> DocumentView:
    fields = {name: getattr(stored, name) for name in ("outcome", "format", "issuer", "expires")}
    return DocumentView(
        **fields,
        id=ids.show("document", stored.id),
        message=_texts()[stored.outcome]["message"][tag],
        reasons=list(stored.reasons),
        grade=Grade(stored.grade),
        cloning=copying(stored.checks),
        nationality_class=Nationality(stored.nationality_class),
        scanned_at=stored.at,
        checks=[_check(finding, tag) for finding in stored.checks],
        holder=holder,
    )


def _check(finding: Finding, tag: language.Language) -> CheckView:
    texts = _texts()[finding.check]
    explained = texts.get(str(finding.verdict)) or _texts()["any"][str(finding.verdict)]
    return CheckView(
        check=finding.check,
        verdict=finding.verdict,
        title=texts["title"][tag],
        explanation=explained[tag],
        params=finding.params,
    )


@cache
def _texts() -> dict[str, dict[str, dict[str, str]]]:
    """Read what is said about each check: title and explanation by verdict, in three languages."""
    return tomllib.loads(TEXTS.read_text(encoding="utf-8"))


routes = [scan_document, get_document, get_standing]
