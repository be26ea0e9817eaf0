"""When somebody is judged next, and when verified again: two queues of the worker, one row for each person.

due        kyc/risk/profile.py      falls_due()    said by whoever learns something new      <- you are here
judges     app/risk/judging.py      step()
reviews    app/risk/reviewing.py    step()

The next verification follows from the band: so many months after the last one (kyc/risk/band.py), never later than the
document lasts, at once where something happened. No resident reads this row, for its dates tell the band; what they
read is kyc.identity_review, which begins when they are asked.
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import tables as kyc_tables
from kyc.risk.band import TERMS, Band
from kyc.risk.events import ReviewAsked, ReviewDone, ReviewOverdue
from law import calendar
from proof import journal


class Due(msgspec.Struct, frozen=True):
    """Somebody to be judged again, and why."""

    resident: UUID
    why: str


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody was asked to be verified again by the end of the day `until`, and what came of it."""

    id: UUID
    resident: UUID
    asked_at: datetime
    until: date
    overdue_at: datetime | None = None
    done_at: datetime | None = None


def next_review(band: Band, verified_on: date, document_expires: date) -> tuple[date, str]:
    """Answer on which day somebody is to be verified again, and why then.

    The term counts from the day of the last verification, by the rule of that day; a document is renewed before it
    ends: the person is asked as many days earlier as they have time.
    """
    grace = TERMS.value("risk.review.grace", verified_on)
    by_band = calendar.add_months(verified_on, TERMS.value(f"risk.review.{band}", verified_on))
    by_document = max(verified_on, document_expires - timedelta(days=grace))
    return (by_band, "period") if by_band <= by_document else (by_document, "document_expires")


async def falls_due(db: AsyncConnection, resident: UUID, why: str, at: datetime) -> None:
    """Have somebody judged again; anybody may say so, and learns nothing."""
    await db.execute(_FALLS_DUE, {"resident": resident, "why": why, "at": at})


async def due(db: AsyncConnection, *, at: datetime, limit: int) -> list[Due]:
    """Take people who are due to be judged, for the time of this transaction."""
    return [Due(row.resident, row.why) for row in await db.execute(_DUE, {"at": at, "limit": limit})]


async def judged(db: AsyncConnection, resident: UUID, *, again_at: datetime | None) -> None:
    """Note that somebody was judged, and when they are again though nothing is learnt; None is never."""
    await db.execute(_JUDGED, {"resident": resident, "at": again_at})


async def verified(
    db: AsyncConnection, resident: UUID, *, at: datetime, review_on: date | None, why: str | None
) -> None:
    """Note when somebody was verified last and is to be verified next."""
    review_at = None if review_on is None else calendar.day_starts(review_on)
    await db.execute(_VERIFIED, {"resident": resident, "at": at, "review_at": review_at, "why": why})


async def review_now(db: AsyncConnection, resident: UUID, why: str, at: datetime) -> None:
    """Have somebody verified again at once, unless they are asked already or were verified a moment ago."""
    grace = timedelta(days=TERMS.value("risk.review.grace", calendar.statutory_date(at)))
    await db.execute(_REVIEW_NOW, {"resident": resident, "why": why, "at": at, "lately": at - grace})


async def due_for_review(db: AsyncConnection, *, at: datetime, limit: int) -> list[UUID]:
    """Take people whose verification is over, or whose days to answer are, for the time of this transaction."""
    return list(await db.scalars(_DUE_FOR_REVIEW, {"at": at, "limit": limit}))


async def next_at(db: AsyncConnection, resident: UUID, at: datetime | None) -> None:
    """Look at somebody's review again at `at`."""
    await db.execute(_NEXT, {"resident": resident, "at": at})


async def read(db: AsyncConnection, resident: UUID) -> Row[Any] | None:
    """Read somebody's row."""
    return (await db.execute(_READ, {"resident": resident})).one_or_none()


async def open_review(db: AsyncConnection, resident: UUID) -> Review | None:
    """Read what somebody is asked for, None where they are not."""
    row = (await db.execute(_OPEN, {"resident": resident})).one_or_none()
    return None if row is None else msgspec.convert(row, Review, from_attributes=True)


async def ask(db: AsyncConnection, resident: UUID, *, new: UUID, at: datetime, actor: str) -> Review:
    """Ask somebody to be verified again; they see it and have the days of grace."""
    today = calendar.statutory_date(at)
    until = today + timedelta(days=TERMS.value("risk.review.grace", today))
    asked = Review(id=new, resident=resident, asked_at=at, until=until)
    await db.execute(_ASK, msgspec.structs.asdict(asked))
    await _tell(db, asked, ReviewAsked(until=until), actor, at)
    return asked


async def overdue(db: AsyncConnection, asked: Review, *, at: datetime, actor: str) -> None:
    """Note that the days are over."""
    await db.execute(_OVERDUE, {"id": asked.id, "at": at})
    await _tell(db, asked, ReviewOverdue(until=asked.until), actor, at)


async def done(db: AsyncConnection, asked: Review, *, at: datetime, actor: str) -> None:
    """Note that somebody was verified again."""
    await db.execute(_DONE, {"id": asked.id, "at": at})
    await _tell(db, asked, ReviewDone(), actor, at)


async def _tell(db: AsyncConnection, asked: Review, event: msgspec.Struct, actor: str, at: datetime) -> None:
    fact = journal.Fact(aggregate=asked.id, holder=asked.resident, at=at, actor=actor, event=event)
    await journal.append(db, kyc_tables.event, fact)


_FALLS_DUE = text("SELECT kyc.risk_due(:resident, :why, :at)")
_DUE = text(
    """
    SELECT resident, why FROM kyc.risk_profile WHERE due_at <= :at ORDER BY due_at, resident LIMIT :limit
    FOR UPDATE SKIP LOCKED
    """
)
_JUDGED = text(
    """
    UPDATE kyc.risk_profile SET due_at = CAST(:at AS timestamptz),
           why = CASE WHEN CAST(:at AS timestamptz) IS NULL THEN NULL ELSE 'term' END
    WHERE resident = :resident
    """
)
_VERIFIED = text(
    """
    UPDATE kyc.risk_profile SET verified_at = :at, review_at = :review_at, review_why = :why WHERE resident = :resident
    """
)
_REVIEW_NOW = text(
    """
    UPDATE kyc.risk_profile SET review_at = :at, review_why = :why
    WHERE resident = :resident AND verified_at IS NOT NULL AND (review_at IS NULL OR review_at > :at)
      AND NOT EXISTS (SELECT FROM kyc.identity_review WHERE resident = :resident AND coalesce(done_at, :at) > :lately)
    """
)
_DUE_FOR_REVIEW = text(
    """
    SELECT resident FROM kyc.risk_profile WHERE review_at <= :at ORDER BY review_at, resident LIMIT :limit
    FOR UPDATE SKIP LOCKED
    """
)
_NEXT = text(
    """
    UPDATE kyc.risk_profile SET review_at = CAST(:at AS timestamptz),
           review_why = CASE WHEN CAST(:at AS timestamptz) IS NULL THEN NULL ELSE review_why END
    WHERE resident = :resident
    """
)
_READ = text("SELECT * FROM kyc.risk_profile WHERE resident = :resident")
_OPEN = text("SELECT * FROM kyc.identity_review WHERE resident = :resident AND done_at IS NULL")
_ASK = text(
    """
    INSERT INTO kyc.identity_review (id, resident, asked_at, until) VALUES (:id, :resident, :asked_at, :until)
    """
)
_OVERDUE = text("UPDATE kyc.identity_review SET overdue_at = :at WHERE id = :id")
_DONE = text("UPDATE kyc.identity_review SET done_at = :at WHERE id = :id")
