"""What the outside knows of a person: whether they hold a public office, and what bad was published. Two ports.

asks       app/risk/looking.py            step()       leased, asked again under the same key, no transaction open
adapter    app/partners/exposure.py       over HTTP
stores     kyc/risk/exposure.py           heard()      <- you are here
reports    the checks `person.pep` and `person.media`, which the person is never told of

No answer is unknown, never clear. Who was asked is asked again each month (kyc/risk/band.py): offices change.
"""

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Protocol
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import tables as kyc_tables
from kyc.check import Finding, Verdict
from kyc.risk import profile, tables
from kyc.risk.events import ExposureAnswered
from proof import journal


class Kind(enum.StrEnum):
    """The two questions."""

    PEP = "pep"
    MEDIA = "media"

    @property
    def check(self) -> str:
        """The check that tells of it."""
        return f"person.{self}"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Whom is asked about: as the document names them. Never stored, never logged."""

    surname: str
    given: str
    born: str
    nationality: str


_Line = Annotated[str, Meta(max_length=300)]


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody the outside takes the person for. `class_` is of PEP_CLASSES, or what a publication is about."""

    entity: Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[\x21-\x7e]+$(?!\n)")]
    score: Annotated[int, Meta(ge=0, le=100)]
    class_: Annotated[str, Meta(pattern=r"^[a-z_]{1,40}$(?!\n)")] = msgspec.field(name="class")
    name: _Line
    about: _Line = ""
    source: _Line = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor answered: all it thinks worth telling; from `threshold` on a match counts."""

    vendor: Annotated[str, Meta(pattern=r"^[a-z0-9._-]{1,60}$(?!\n)")]
    version: Annotated[str, Meta(pattern=r"^[a-z0-9.-]{1,60}$(?!\n)")]
    threshold: Annotated[int, Meta(ge=1, le=100)]
    matches: Annotated[tuple[Match, ...], Meta(max_length=50)]


class Unanswered(Exception):
    """No answer that can be read: what is known of the person is unknown."""

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class PepLook(Protocol):
    """Asks who holds a public office, or is near to somebody who does."""

    async def pep(self, key: str, asked: Asked) -> Answer:
        """Ask under a key that names this question for ever; raises Unanswered."""
        ...


class MediaLook(Protocol):
    """Asks what bad was published of somebody."""

    async def media(self, key: str, asked: Asked) -> Answer:
        """Ask under a key that names this question for ever; raises Unanswered."""
        ...


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """A question to be brought to the outside, for the `rounds`-th time; it was tried `attempts` times since."""

    id: UUID
    resident: UUID
    kind: Kind
    attempts: int
    rounds: int

    @property
    def key(self) -> str:
        """Names this round of this question."""
        return f"{self.id}-{self.rounds}"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A match without its words, as it stands in clear."""

    entity: str
    score: int
    class_: str = msgspec.field(name="class")


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The latest answer to one question; `counts` are the matches from the threshold on, `found` is sealed."""

    id: UUID
    kind: Kind
    vendor: str
    version: str
    threshold: int
    matches: tuple[Found, ...]
    found: bytes
    at: datetime

    def counts(self, excepted: frozenset[str] = frozenset()) -> tuple[Found, ...]:
        """Give the matches that count, without those that two officers took for somebody else."""
        return tuple(each for each in self.matches if each.score >= self.threshold and each.entity not in excepted)


async def ask(db: AsyncConnection, resident: UUID, *, ids: Sequence[UUID], due_at: datetime) -> None:
    """Have both questions asked about somebody, from now on again and again; known ones are asked at once."""
    for kind, new in zip(Kind, ids, strict=True):
        await db.execute(_ASK, {"id": new, "resident": resident, "kind": kind, "due_at": due_at})


async def claim(db: AsyncConnection, *, now: datetime, until: datetime, limit: int) -> list[Errand]:
    """Take questions that are due, and lease them."""
    rows = await db.execute(_CLAIM, {"now": now, "until": until, "limit": limit})
    return [msgspec.convert(row, Errand, from_attributes=True) for row in rows]


async def later(db: AsyncConnection, errand: Errand, *, due_at: datetime, trouble: str) -> None:
    """Ask again at `due_at`: this time there was no answer."""
    await db.execute(_LATER, {"id": errand.id, "due_at": due_at, "trouble": trouble[:200]})


async def forget(db: AsyncConnection, resident: UUID) -> None:
    """Ask no more about somebody of whom nothing is left."""
    await db.execute(_FORGET, {"resident": resident})


async def heard(
    db: AsyncConnection,
    errand: Errand,
    answer: Answer,
    *,
    new: UUID,
    found: bytes,
    again_at: datetime,
    actor: str,
    at: datetime,
) -> Known:
    """Keep an answer, `found` sealed for (kyc.exposure_answer, found, new), and ask again at `again_at`."""
    matches = tuple(Found(entity=each.entity, score=each.score, class_=each.class_) for each in answer.matches)
    known = Known(
        id=new,
        kind=errand.kind,
        vendor=answer.vendor,
        version=answer.version,
        threshold=answer.threshold,
        matches=matches,
        found=found,
        at=at,
    )
    row = msgspec.structs.asdict(known) | {"resident": errand.resident, "matches": msgspec.to_builtins(matches)}
    await db.execute(insert(tables.exposure_answer).values(row))
    await db.execute(_ROUND, {"id": errand.id, "due_at": again_at})
    await profile.falls_due(db, errand.resident, str(errand.kind), at)
    told = ExposureAnswered(kind=errand.kind, vendor=answer.vendor, version=answer.version)
    await journal.append(db, kyc_tables.event, journal.Fact(aggregate=new, at=at, actor=actor, event=told))
    return known


async def known(db: AsyncConnection, resident: UUID) -> dict[Kind, Known]:
    """Read the latest answer to each question."""
    rows = await db.execute(_KNOWN, {"resident": resident})
    return {Kind(row.kind): msgspec.convert(row, Known, from_attributes=True) for row in rows}


def finding(known: Known | None, kind: Kind, excepted: frozenset[str] = frozenset()) -> Finding:
    """Say what the check of one question found: no answer is an error, which is not clear."""
    if known is None:
        return Finding(kind.check, Verdict.ERROR, {"reason": "no_answer"})
    counts = known.counts(excepted)
    params = {
        "vendor": known.vendor,
        "version": known.version,
        "threshold": str(known.threshold),
        "score": str(max((each.score for each in known.matches), default=0)),
        "matches": str(len(counts)),
        "excepted": str(len(known.counts()) - len(counts)),
    }
    verdict = Verdict.REVIEW if counts else Verdict.PASS
    return Finding(kind.check, verdict, params, rule=f"{kind}@{known.version}")


#: After an answer, and when there was none: the worker's own clock counts, not the installation's.
BACKOFF_FIRST, BACKOFF_MAX = timedelta(seconds=2), timedelta(hours=1)

_ASK = text(
    """
    INSERT INTO kyc.exposure (id, resident, kind, attempts, rounds, due_at)
    VALUES (:id, :resident, :kind, 0, 0, :due_at)
    ON CONFLICT (resident, kind) DO UPDATE SET due_at = least(exposure.due_at, excluded.due_at)
    """
)
_CLAIM = text(
    """
    UPDATE kyc.exposure SET due_at = :until, attempts = attempts + 1 WHERE id IN (
        SELECT id FROM kyc.exposure WHERE due_at <= :now ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ) RETURNING id, resident, kind, attempts, rounds
    """
)
_LATER = text("UPDATE kyc.exposure SET due_at = :due_at, trouble = :trouble WHERE id = :id")
_ROUND = text(
    "UPDATE kyc.exposure SET due_at = :due_at, trouble = NULL, attempts = 0, rounds = rounds + 1 WHERE id = :id"
)
_FORGET = text("DELETE FROM kyc.exposure WHERE resident = :resident")
_KNOWN = text(
    """
    SELECT DISTINCT ON (kind) id, kind, vendor, version, threshold, matches, found, at FROM kyc.exposure_answer
    WHERE resident = :resident ORDER BY kind, id DESC
    """
)
