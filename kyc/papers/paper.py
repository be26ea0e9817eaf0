"""A paper beside the passport: what the person says it is, the files it comes in, and what an officer made of it.

route     app/http/mobile/papers.py    POST /v1/identity/papers
stores    kyc/papers/paper.py          give()      <- you are here
checks    kyc/papers/check.py          check()
judges    app/http/officer/papers.py   judge_paper()
"""

import enum
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import tables as kyc_tables
from kyc.packs.pack import Kind, Mark
from kyc.papers import events, file, tables
from kyc.papers.file import File, NotUsable, Scan
from proof import journal

PAPERS_MAX = 40
FILES_MAX = 6


class TooManyPapers(Exception):
    """The person handed in as many papers as anybody may."""


class UnknownPaper(Exception):
    """There is no such paper."""


class Judged(Exception):
    """An officer has looked at this paper already."""


class NotYet(Exception):
    """The paper lies in the future."""


class Accepted(enum.StrEnum):
    """What an officer made of a paper."""

    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"


class Reason(enum.StrEnum):
    """Why a paper is not accepted: words of ours, each with a text for the person."""

    UNREADABLE = "unreadable"
    INCOMPLETE = "incomplete"
    OTHER_PERSON = "other_person"
    NOT_THIS_KIND = "not_this_kind"
    NOT_LEGALISED = "not_legalised"
    NOT_TRANSLATED = "not_translated"
    OUT_OF_DATE = "out_of_date"
    ISSUER_UNKNOWN = "issuer_unknown"
    NOT_CONFIRMED = "not_confirmed"


class Details(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What names people and places; sealed as JSON in `kyc.paper.details`."""

    issuer: str
    holder: str
    number: str = ""
    institution: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an officer made of it, and when."""

    outcome: Accepted
    reason: Reason | None
    officer: str
    at: datetime


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """A paper as it stands; `details` are sealed."""

    id: UUID
    resident: UUID
    kind: Kind
    country: str
    issued_on: date
    mark: Mark
    language: str
    translated_to: str | None
    notarised: bool
    details: bytes
    at: datetime
    files: tuple[File, ...] = ()
    verdict: Verdict | None = None


async def give(db: AsyncConnection, paper: Paper, files: Sequence[UUID], *, actor: str) -> Paper:
    """Store a paper with its files; raises TooManyPapers, UnknownFile, NotUsable.

    One nobody has scanned yet may come with it: the paper waits for it. One in which something was found may not.
    """
    await db.execute(_TURN, {"resident": str(paper.resident)})
    mine = select(tables.paper.c.id).where(tables.paper.c.resident == paper.resident).limit(PAPERS_MAX)
    if len((await db.scalars(mine)).all()) >= PAPERS_MAX:
        raise TooManyPapers
    for wanted in files:
        if (found := await file.find(db, wanted)).scan is Scan.INFECTED:
            raise NotUsable(found.scan)
    columns = {name: getattr(paper, name) for name in _COLUMNS}
    await db.execute(insert(tables.paper).values(columns))
    rows = [
        {"paper": paper.id, "number": number, "file": wanted, "resident": paper.resident}
        for number, wanted in enumerate(files, 1)
    ]
    await db.execute(insert(tables.paper_file).values(rows))
    told = events.PaperGiven(paper.id, paper.kind, paper.country, tuple(files))
    await _tell(db, paper, told, at=paper.at, actor=actor)
    return await find(db, paper.id)


async def find(db: AsyncConnection, wanted: UUID) -> Paper:
    """Find a paper among those the reader may see; raises UnknownPaper."""
    found = await _papers(db, tables.paper.c.id == wanted)
    if not found:
        raise UnknownPaper
    return found[0]


async def of_resident(db: AsyncConnection, resident: UUID) -> list[Paper]:
    """List a resident's papers, newest first."""
    return await _papers(db, tables.paper.c.resident == resident)


async def with_file(db: AsyncConnection, wanted: UUID) -> list[Paper]:
    """List the papers that come in a file."""
    with_it = select(tables.paper_file.c.paper).where(tables.paper_file.c.file == wanted)
    return await _papers(db, tables.paper.c.id.in_(with_it))


async def waiting(db: AsyncConnection, *, after: UUID | None, limit: int) -> list[Paper]:
    """List the papers nobody has judged, the oldest first."""
    judged = select(tables.paper_verdict.c.paper)
    query = select(tables.paper.c.id).where(tables.paper.c.id.not_in(judged))
    if after is not None:
        query = query.where(tables.paper.c.id > after)
    page = (await db.scalars(query.order_by(tables.paper.c.id).limit(limit))).all()
    found = {each.id: each for each in await _papers(db, tables.paper.c.id.in_(page))}
    return [found[each] for each in page]


async def judge(db: AsyncConnection, paper: Paper, verdict: Verdict) -> Paper:
    """Note what an officer made of a paper, once; raises Judged."""
    row = {"paper": paper.id, "resident": paper.resident, **msgspec.structs.asdict(verdict)}
    try:
        async with db.begin_nested():
            await db.execute(insert(tables.paper_verdict).values(row))
    except IntegrityError as error:
        raise Judged from error
    told = events.PaperJudged(paper.id, verdict.outcome, verdict.reason)
    await _tell(db, paper, told, at=verdict.at, actor=verdict.officer)
    return msgspec.structs.replace(paper, verdict=verdict)


async def _papers(db: AsyncConnection, which: object) -> list[Paper]:
    query = select(*(tables.paper.c[name] for name in _COLUMNS)).where(which)  # type: ignore[arg-type]  # a condition
    rows = await db.execute(query.order_by(tables.paper.c.id.desc()))
    papers = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    wanted = [row["id"] for row in papers]
    parts = tables.paper_file
    of_paper = (
        select(parts.c.paper, *(tables.file.c[name] for name in File.__struct_fields__))
        .join(tables.file, tables.file.c.id == parts.c.file)
        .where(parts.c.paper.in_(wanted))
        .order_by(parts.c.paper, parts.c.number)
    )
    files: dict[UUID, list[File]] = {}
    for row in await db.execute(of_paper):
        files.setdefault(row.paper, []).append(msgspec.convert(row, File, from_attributes=True))
    judged = select(tables.paper_verdict).where(tables.paper_verdict.c.paper.in_(wanted))
    verdicts = {row.paper: msgspec.convert(row, Verdict, from_attributes=True) for row in await db.execute(judged)}
    return [
        msgspec.convert({**row, "files": tuple(files.get(row["id"], ())), "verdict": verdicts.get(row["id"])}, Paper)
        for row in papers
    ]


async def _tell(db: AsyncConnection, paper: Paper, event: msgspec.Struct, *, at: datetime, actor: str) -> None:
    fact = journal.Fact(aggregate=paper.id, holder=paper.resident, at=at, actor=actor, event=event)
    await journal.append(db, kyc_tables.event, fact)


_COLUMNS = [str(column.name) for column in tables.paper.c]
_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('kyc.paper:' || :resident, 0))")
