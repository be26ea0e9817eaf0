"""What an officer writes with a review, for colleagues or for the applicant. Kept sealed: `app` seals and opens it.

written    residency/review.py     give()
shown      residency/timeline.py   of()          to the applicant, what was meant for them and told
"""

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from residency import tables
from residency.application import Application


class Audience(StrEnum):
    """Whom a comment is for."""

    OFFICERS = "officers"
    APPLICANT = "applicant"


class Comment(msgspec.Struct, frozen=True):
    """One comment, sealed for its row `id` with the applicant's data key."""

    id: UUID
    audience: Audience
    sealed: bytes


_COLUMNS = [tables.comment.c[field] for field in Comment.__struct_fields__]


async def store(
    db: AsyncConnection, review: UUID, moved: Application, comments: Sequence[Comment], *, told: bool
) -> None:
    """Keep the comments of a review that led to where the application is now; `told` shows the applicant theirs."""
    for each in comments:
        mine = told and each.audience is Audience.APPLICANT
        await db.execute(
            insert(tables.comment).values(
                review=review,
                application_id=moved.id,
                resident=moved.resident,
                told_at=moved.version if mine else None,
                **msgspec.structs.asdict(each),
            )
        )


async def of(db: AsyncConnection, application_id: UUID) -> dict[UUID, tuple[Comment, ...]]:
    """List the comments on a case by their review; for officers only."""
    comments = tables.comment.c
    query = (
        select(comments.review, *_COLUMNS)
        .where(comments.application_id == application_id, comments.sealed.is_not(None))
        .order_by(comments.review, comments.audience.desc())
    )
    found: dict[UUID, tuple[Comment, ...]] = {}
    for row in await db.execute(query):
        found[row.review] = (*found.get(row.review, ()), msgspec.convert(row, Comment, from_attributes=True))
    return found


async def told(db: AsyncConnection, application_id: UUID) -> dict[int, Comment]:
    """Give what the applicant was told, by the transition it was told with."""
    comments = tables.comment.c
    query = select(comments.told_at, *_COLUMNS).where(
        comments.application_id == application_id, comments.told_at.is_not(None), comments.sealed.is_not(None)
    )
    return {row.told_at: msgspec.convert(row, Comment, from_attributes=True) for row in await db.execute(query)}
