"""What is kept of a look: a leaf for each person, a root over them, and how both are verified in ten years.

A leaf says who was asked about (a digest of the person, the edition of the lists and, with our key, of what their
documents said) and what was found, half and half. Who has the key and the documents recomputes it; who has not learns
nothing. The root is in the journal, and so in the feed's chain and its anchors: a look can't be written afterwards, nor
a hit be taken out of one. Sixteen bytes are enough for each half: nobody finds another content for a given one.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.screening import matching, tables
from kyc.screening.matching import Blind
from kyc.screening.subject import Subject
from proof import merkle

_PURPOSE = "kyc.screening"
_HALF_BYTES = 16
_LEAF_BYTES = 2 * _HALF_BYTES
_NOTHING = matching.found(())[:_HALF_BYTES]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """A look that covers a person: in which edition, when, among how many, whether nothing was found.

    `sound` says that the root is that of the leaves, one of which is the person's.
    """

    look: UUID
    edition: int
    at: datetime
    cohort: UUID | None
    persons: int
    root: bytes
    asked: bytes
    nothing: bool
    sound: bool


def asked(subject: Subject, blind: Blind) -> bytes:
    """Digest what is asked, with our key: a name could be guessed back from a plain digest."""
    return blind(_PURPOSE, subject.written().decode())


def leaf(resident: UUID, edition: int, asked_: bytes, found: bytes) -> bytes:
    """Write the leaf of one person in one look."""
    return _who(resident, edition, asked_) + found[:_HALF_BYTES]


def root(leaves: Sequence[bytes]) -> bytes:
    """Answer the root over the leaves of a look."""
    return merkle.root(leaves)


async def due(db: AsyncConnection, resident: UUID, edition: int) -> bool:
    """Say whether a person has still to be looked up in an edition, or anew in what they have shown since."""
    screened, cohort = tables.screened.c, tables.cohort.c
    query = (
        select(screened.stale, func.greatest(screened.edition, cohort.edition).label("edition"))
        .select_from(tables.screened.outerjoin(tables.cohort, cohort.id == screened.cohort))
        .where(screened.resident == resident)
    )
    row = (await db.execute(query)).one_or_none()
    return row is None or row.stale or row.edition is None or row.edition < edition


async def people(db: AsyncConnection, edition: int) -> tuple[int, int]:
    """Count who is looked up at all, and of them who has still to be in an edition."""
    row = (await db.execute(_PEOPLE, {"edition": edition})).one()
    return row.people, row.due


async def latest(db: AsyncConnection, resident: UUID, *, limit: int) -> list[Proof]:
    """List the looks that cover a person, the newest first: their own, and those of their cohort they are a leaf of."""
    looks = tables.look
    own = [*await db.execute(select(looks).where(looks.c.resident == resident).order_by(looks.c.id))]
    put = list(dict.fromkeys(bytes(row.asked) for row in own))
    with_others = (
        select(looks)
        .join(tables.screened, tables.screened.c.cohort == looks.c.cohort)
        .where(tables.screened.c.resident == resident)
        .order_by(looks.c.id.desc())
        .limit(limit)
    )
    found = [each for row in (*own, *await db.execute(with_others)) for each in _proofs(row, resident, put)]
    return sorted(found, key=lambda each: (each.at, each.look), reverse=True)[:limit]


def _proofs(row: Row[Any], resident: UUID, put: Sequence[bytes]) -> Iterator[Proof]:
    leaves = [row.leaves[start : start + _LEAF_BYTES] for start in range(0, len(row.leaves), _LEAF_BYTES)]
    by_who = {bytes(each[:_HALF_BYTES]): bytes(each[_HALF_BYTES:]) for each in leaves}
    for asked_ in put:
        found = by_who.get(_who(resident, row.edition, asked_))
        if found is not None:
            yield Proof(
                look=row.id,
                edition=row.edition,
                at=row.at,
                cohort=row.cohort,
                persons=row.persons,
                root=bytes(row.root),
                asked=asked_,
                nothing=found == _NOTHING,
                sound=root([bytes(each) for each in leaves]) == bytes(row.root),
            )


def _who(resident: UUID, edition: int, asked_: bytes) -> bytes:
    return hashlib.sha256(b"kyc.look" + resident.bytes + edition.to_bytes(4, "big") + asked_).digest()[:_HALF_BYTES]


_PEOPLE = text(
    """
    SELECT count(*) AS people, count(*) FILTER (
        WHERE screened.stale OR greatest(screened.edition, cohort.edition, 0) < :edition) AS due
    FROM kyc.screened LEFT JOIN kyc.cohort ON cohort.id = screened.cohort
    """
)
