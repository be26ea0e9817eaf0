"""Where a resident stands with us: identified or not, by which document, until when; `app` tells the other rooms."""

import enum
from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.states import Nationality


class Level(enum.StrEnum):
    """How surely a person is known."""

    NONE = "none"
    CHIP = "chip"  # the data of a genuine, unexpired document; not that its holder is the one who showed it


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """`outcome` is that of the latest document where nobody is identified: review, refused, or None without one."""

    identified: bool
    level: Level = Level.NONE
    document: UUID | None = None
    document_expires: date | None = None
    nationality_class: Nationality | None = None
    outcome: str | None = None


async def standing(db: AsyncConnection, resident: UUID, on: date) -> Standing:
    """Answer where `resident` stands on the day `on`: by the identifying document that lasts longest."""
    rows = (await db.execute(_DOCUMENTS, {"resident": resident})).all()
    in_force = [row for row in rows if row.outcome == "identified" and row.expires >= on]
    if not in_force:
        latest = rows[-1].outcome if rows else None
        return Standing(identified=False, outcome="expired" if latest == "identified" else latest)
    best = max(in_force, key=lambda row: row.expires)
    return Standing(
        identified=True,
        level=Level.CHIP,
        document=best.id,
        document_expires=best.expires,
        nationality_class=Nationality(best.nationality_class),
        outcome="identified",
    )


async def refused(db: AsyncConnection, resident: UUID) -> frozenset[UUID]:
    """Name the documents of `resident` that are of nobody, or not theirs: what rested on them rests on nothing."""
    rows = await db.execute(_DOCUMENTS, {"resident": resident})
    return frozenset(row.id for row in rows if row.outcome == "refused")


_DOCUMENTS = text(
    """
    SELECT document.id, document.expires, document.nationality_class, decided.outcome
    FROM kyc.document JOIN LATERAL (
        SELECT outcome FROM kyc.decision WHERE decision.document = document.id ORDER BY version DESC LIMIT 1
    ) AS decided ON true
    WHERE document.resident = :resident
    ORDER BY document.id
    """
)
