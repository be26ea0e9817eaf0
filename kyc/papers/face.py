"""Whether the one who sends a selfie is the one in the passport, and is there: sessions, scores, what follows.

route     app/http/mobile/faces.py    POST /v1/identity/face-sessions
decides   kyc/papers/face.py          judge()       <- you are here
asks      app/papers/faces.py         the vendors, outside any transaction, by the worker

A score is a number of ten-thousandths from a vendor, and a threshold of ours beside it: both are kept, with the digests
of the pictures that were compared, and no picture. Below the threshold the person tries again; after ATTEMPTS_MAX a
person looks. Attempts are counted of the person, whichever document they show next, for WITHIN. A vendor that does not
answer has said nothing, and no attempt is counted by it.

A portrait is worth the signature over it: one that no state signed is anybody's, and is never compared. What is found
counts for the document whose portrait was compared, and for no other.
"""

import enum
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import tables as kyc_tables
from kyc.check import Finding, Verdict
from kyc.papers import events, tables
from proof import journal

#: The version of judge(), and of the thresholds below.
RULES = "face@2026-11"
ATTEMPTS_MAX = 3
WITHIN = timedelta(days=30)
LASTS = timedelta(minutes=30)
#: How often vendors are asked before a person looks without them.
TRIES_MAX = 8
#: Ten-thousandths; ours until a vendor's own operating point is measured on real pairs.
MATCH_MIN, LIVENESS_MIN = 8_000, 9_000


class State(enum.StrEnum):
    """Where a session is: `open` waits for the selfie, `waiting` for the vendors."""

    OPEN = "open"
    WAITING = "waiting"
    PASSED = "passed"
    FAILED = "failed"
    REVIEW = "review"
    EXPIRED = "expired"


class Kind(enum.StrEnum):
    """What a vendor is asked."""

    MATCH = "match"
    LIVENESS = "liveness"


#: What must hold of a chip before the portrait in it is anybody's.
SIGNED = ("chip.digest", "chip.signature", "chip.issuer_trusted", "chip.data_groups", "chip.only_signed_groups")
CHECKS = {Kind.MATCH: "face.match", Kind.LIVENESS: "liveness"}


class NoPortrait(Exception):
    """No document of the person has a portrait in its chip to compare with."""


class AttemptsSpent(Exception):
    """The face was shown as often as it may be for this document; a person looks at it."""


class SessionOpen(Exception):
    """A session is under way."""


class UnknownSession(Exception):
    """There is no such session."""


class SessionOver(Exception):
    """The session waits for no selfie: it has one, or its time is over."""


class NotShown(Exception):
    """The session has no selfie yet."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor says, in ten-thousandths."""

    vendor: str
    version: str
    value: int


class Unknown(Exception):
    """The vendor did not answer, or not with an answer; `trouble` says in a line what came."""

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class FaceMatch(Protocol):
    """The port to somebody who compares two faces; app/partners/faces.py is its adapter."""

    async def compare(self, portrait: bytes, selfie: bytes, *, key: str) -> Score:
        """Say how likely both are one person; raises Unknown."""
        ...


class Liveness(Protocol):
    """The port to somebody who recorded a face and says whether a person was there."""

    async def result(self, session: str, selfie: bytes) -> Score:
        """Say how likely a living person made this selfie in the session; raises Unknown."""
        ...


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to show a face for a document."""

    id: UUID
    resident: UUID
    document: UUID
    attempt: int
    state: State
    selfie: UUID | None
    expires_at: datetime
    tries: int
    ended_at: datetime | None
    at: datetime


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The evidence of one answer: who said it, what it said, by which threshold it counts, of which pictures."""

    kind: Kind
    vendor: str
    version: str
    score: int
    threshold: int
    images: tuple[str, ...]
    outcome: str


def judge(kind: Kind, score: Score, *, attempt: int, images: Sequence[str]) -> Result:
    """Hold a score against the threshold: below it the person tries again, and at the last attempt a person looks."""
    threshold = MATCH_MIN if kind is Kind.MATCH else LIVENESS_MIN
    outcome = "pass" if score.value >= threshold else "fail" if attempt < ATTEMPTS_MAX else "review"
    return Result(
        kind=kind,
        vendor=score.vendor,
        version=score.version,
        score=score.value,
        threshold=threshold,
        images=tuple(images),
        outcome=outcome,
    )


def findings(results: Iterable[Result], reference: str) -> tuple[Finding, ...]:
    """Report results; those of vendors that never answered are errors, and a person looks."""
    told = {each.kind: each for each in results}
    return tuple(_finding(check, told.get(kind), reference) for kind, check in CHECKS.items())


def _finding(check: str, found: Result | None, reference: str) -> Finding:
    if found is None:
        return Finding(check, Verdict.ERROR, {"why": "no_answer"}, RULES, (reference,))
    params = {
        "vendor": found.vendor,
        "version": found.version,
        "score": str(found.score),
        "threshold": str(found.threshold),
    }
    return Finding(check, Verdict(found.outcome), params, RULES, (reference,))


def follows(results: Sequence[Result]) -> State:
    """Say where a session goes once everybody answered, or nobody will."""
    outcomes = {each.outcome for each in results}
    if len(results) < len(Kind) or "review" in outcomes:
        return State.REVIEW
    return State.FAILED if "fail" in outcomes else State.PASSED


async def offered(db: AsyncConnection, resident: UUID, *, limit: int) -> list[UUID]:
    """List the resident's documents whose files a state signed, the latest first."""
    return list(await db.scalars(_OFFERED, {"resident": resident, "signed": list(SIGNED), "limit": limit}))


async def begin(
    db: AsyncConnection, made: UUID, resident: UUID, document: UUID, *, at: datetime, actor: str
) -> Session:
    """Begin the next attempt for a document; raises AttemptsSpent, SessionOpen. What ran out is ended first."""
    await _expire(db, resident, at=at, actor=actor)
    if await _counted(db, resident, at, None) >= ATTEMPTS_MAX:
        raise AttemptsSpent
    held = tables.face_session.c
    last = select(func.coalesce(func.max(held.attempt), 0)).where(held.resident == resident, held.document == document)
    row = {
        "id": made,
        "resident": resident,
        "document": document,
        "attempt": (await db.scalar(last) or 0) + 1,
        "state": State.OPEN,
        "expires_at": at + LASTS,
        "at": at,
    }
    try:
        async with db.begin_nested():
            await db.execute(insert(tables.face_session).values(row))
    except IntegrityError as error:
        raise SessionOpen from error
    found = await find(db, made)
    await _tell(db, found, events.FaceSessionBegun(made, document, found.attempt), at=at, actor=actor)
    return found


async def attempts(db: AsyncConnection, session: Session) -> int:
    """Count the attempts of the person up to a session."""
    return await _counted(db, session.resident, session.at, session.id)


async def _counted(db: AsyncConnection, resident: UUID, at: datetime, last: UUID | None) -> int:
    """Count what was no success: what ran out unused is no attempt, nor is what no vendor said no to."""
    asked = {"resident": resident, "since": at - WITHIN, "last": last}
    counted: int = (await db.execute(_COUNTED, asked)).scalar_one()
    return counted


async def show(db: AsyncConnection, wanted: UUID, selfie: UUID, *, at: datetime, actor: str) -> Session:
    """Give the session its selfie, once; raises UnknownSession, SessionOver."""
    found = await find(db, wanted, lock=True)
    if found.state is not State.OPEN or found.expires_at <= at:
        raise SessionOver
    values = {"selfie": selfie, "state": State.WAITING, "due_at": text("now()")}
    await db.execute(update(tables.face_session).where(tables.face_session.c.id == wanted).values(values))
    await _tell(db, found, events.FaceShown(wanted, selfie), at=at, actor=actor)
    return await find(db, wanted)


async def find(db: AsyncConnection, wanted: UUID, *, lock: bool = False) -> Session:
    """Find a session among those the reader may see; raises UnknownSession."""
    query = select(*_COLUMNS).where(tables.face_session.c.id == wanted)
    row = (await db.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise UnknownSession
    return msgspec.convert(row, Session, from_attributes=True)


async def of_resident(db: AsyncConnection, resident: UUID, *, limit: int = 50) -> list[Session]:
    """List a resident's sessions, newest first."""
    mine = select(*_COLUMNS).where(tables.face_session.c.resident == resident)
    rows = await db.execute(mine.order_by(tables.face_session.c.id.desc()).limit(limit))
    return [msgspec.convert(row, Session, from_attributes=True) for row in rows]


async def results(db: AsyncConnection, session: UUID) -> list[Result]:
    """List what vendors said in a session."""
    columns = [tables.face_result.c[name] for name in Result.__struct_fields__]
    of_it = select(*columns).where(tables.face_result.c.session == session).order_by(tables.face_result.c.kind)
    return [msgspec.convert(row, Result, from_attributes=True) for row in await db.execute(of_it)]


class Due(msgspec.Struct, frozen=True):
    """A session this worker has until `due_at`."""

    id: UUID
    resident: UUID
    document: UUID
    selfie: UUID
    tries: int
    due_at: datetime


async def claim(db: AsyncConnection, *, now: datetime, until: datetime, limit: int) -> list[Due]:
    """Take sessions whose vendors are to be asked, and keep other workers from them `until` (machine's clock)."""
    rows = await db.execute(_CLAIM, {"now": now, "until": until, "limit": limit})
    return [Due(**row._asdict()) for row in rows]


async def later(db: AsyncConnection, due: Due, *, due_at: datetime) -> None:
    """Ask again at `due_at`."""
    held = tables.face_session.c
    await db.execute(
        update(tables.face_session).where(held.id == due.id, held.due_at == due.due_at).values(due_at=due_at)
    )


async def record(db: AsyncConnection, due: Due, found: Result, *, at: datetime) -> None:
    """Keep what a vendor said; the first answer of a kind stays."""
    row = {"session": due.id, "resident": due.resident, **msgspec.structs.asdict(found), "at": at}
    known = select(tables.face_result.c.kind).where(
        tables.face_result.c.session == due.id, tables.face_result.c.kind == found.kind
    )
    if await db.scalar(known) is None:
        await db.execute(insert(tables.face_result).values(row | {"images": list(found.images)}))


async def end(db: AsyncConnection, due: Due, state: State, *, at: datetime, actor: str) -> bool:
    """End a session; answers whether it was still this worker's."""
    held = tables.face_session.c
    values = {"state": state, "due_at": None, "ended_at": at}
    mine = update(tables.face_session).where(held.id == due.id, held.due_at == due.due_at).values(values)
    if await db.scalar(mine.returning(held.id)) is None:
        return False
    await _tell(db, await find(db, due.id), events.FaceJudged(due.id, state), at=at, actor=actor)
    return True


async def _expire(db: AsyncConnection, resident: UUID, *, at: datetime, actor: str) -> None:
    held = tables.face_session.c
    over = (held.resident == resident) & (held.state == State.OPEN) & (held.expires_at <= at)
    values = {"state": State.EXPIRED, "ended_at": at}
    for ended in await db.scalars(update(tables.face_session).where(over).values(values).returning(held.id)):
        await _tell(db, await find(db, ended), events.FaceJudged(ended, State.EXPIRED), at=at, actor=actor)


async def _tell(db: AsyncConnection, about: Session, event: msgspec.Struct, *, at: datetime, actor: str) -> None:
    fact = journal.Fact(aggregate=about.id, holder=about.resident, at=at, actor=actor, event=event)
    await journal.append(db, kyc_tables.event, fact)


_OFFERED = text(
    """
    SELECT document.id FROM kyc.document WHERE resident = :resident AND (
        SELECT count(DISTINCT looked.name) FROM kyc."check" AS looked
        WHERE looked.document = document.id AND looked.name = ANY (:signed) AND looked.verdict = 'pass'
    ) = cardinality(CAST(:signed AS text[]))
    ORDER BY document.id DESC LIMIT :limit
    """
)
_COUNTED = text(
    """
    SELECT count(*)::int FROM kyc.face_session AS held
    WHERE resident = :resident AND at > :since AND (CAST(:last AS uuid) IS NULL OR id <= :last) AND (
        state IN ('open', 'waiting', 'failed')
        OR (state = 'review' AND EXISTS (SELECT FROM kyc.face_result WHERE session = held.id AND outcome <> 'pass'))
    )
    """
)
_COLUMNS = [tables.face_session.c[name] for name in Session.__struct_fields__]
_CLAIM = text(
    """
    UPDATE kyc.face_session SET due_at = :until, tries = tries + 1
    WHERE id IN (
        SELECT id FROM kyc.face_session WHERE due_at <= :now ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id, resident, document, selfie, tries, due_at
    """
)
