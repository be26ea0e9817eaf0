"""Some hundred people under one key, looked up together: a night opens hundreds of keys for a hundred thousand people.

comes      kyc/screening/looking.py   shown()         a person is due
joins      kyc/screening/cohort.py    join()          <- you are here; app/monitoring.py reads what they showed
looks      kyc/screening/rerun.py     screen()
keeps      kyc/screening/cohort.py    looked()        one look for all of them

A cohort is filled once and never again: who was erased leaves a gap. That all of its members were looked up in an
edition is one number in its row, so a night writes a row for each cohort and for whom something changed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import tables as kyc_tables
from kyc.screening import events, proof, standard, tables
from kyc.screening.matching import Key
from proof import journal

SIZE_MAX = 500
_ACTOR = "service:screening"


class Waiting(msgspec.Struct, frozen=True):
    """Somebody whose documents are to be read; `shown_at` is when the last one was shown."""

    resident: UUID
    documents: tuple[UUID, ...]
    cohort: UUID | None
    shown_at: datetime


class Cohort(msgspec.Struct, frozen=True):
    """A cohort all of whose members were looked up in `edition`; its key is wrapped."""

    id: UUID
    edition: int
    kek_version: int
    wrapped: bytes


class Member(msgspec.Struct, frozen=True):
    """A member; `person` is sealed with the cohort's key for its place, `asked` its keyed digest.

    `whole` says that it is everything they have shown.
    """

    resident: UUID
    person: bytes
    asked: bytes
    whole: bool = True


async def waiting(db: AsyncConnection, limit: int) -> list[Waiting]:
    """Take people whose documents are to be read, who wait longest first, each with the turn on their alerts."""
    rows = await db.execute(_WAITING, {"limit": limit})
    return [Waiting(row.resident, tuple(row.documents), row.cohort, row.at) for row in rows]


async def shown(db: AsyncConnection, documents: Sequence[UUID]) -> list[tuple[UUID, bytes]]:
    """Read what documents say, sealed with the person's own key for the place (kyc.document, person, id)."""
    document = kyc_tables.document.c
    rows = await db.execute(
        select(document.id, document.person).where(document.id.in_(documents)).order_by(document.id)
    )
    return [(row.id, row.person) for row in rows]


async def shown_by(db: AsyncConnection, resident: UUID) -> list[tuple[UUID, bytes]]:
    """Read what all documents of a person say by which they are looked up, sealed as above."""
    screened = tables.screened.c
    documents = await db.scalar(select(screened.documents).where(screened.resident == resident))
    return await shown(db, documents or [])


async def looked_since(db: AsyncConnection, resident: UUID, at: datetime) -> bool:
    """Say whether a person was looked up by themselves since."""
    own = tables.look.c
    found = select(own.id).where(own.resident == resident, own.at >= at).limit(1)
    return await db.scalar(found) is not None


async def with_room(db: AsyncConnection) -> Cohort | None:
    """Take a cohort that has room, with its turn; None where all are full."""
    return _cohort((await db.execute(_WITH_ROOM, {"size": SIZE_MAX})).one_or_none())


async def find(db: AsyncConnection, wanted: UUID) -> Cohort:
    """Take one cohort, with its turn."""
    found = _cohort((await db.execute(_FIND, {"cohort": wanted})).one_or_none())
    assert found is not None, "whoever joined one refers to it"
    return found


async def make(db: AsyncConnection, made: Cohort, *, at: datetime) -> None:
    """Begin a cohort, of nobody yet."""
    await db.execute(insert(tables.cohort).values(id=made.id, members=0, edition=made.edition, made_at=at))
    await db.execute(
        insert(tables.cohort_key).values(cohort=made.id, kek_version=made.kek_version, wrapped=made.wrapped)
    )


async def join(db: AsyncConnection, member: Member, cohort: UUID, *, edition: int, known: bool, read: int) -> None:
    """Put a person into a cohort, or what they say now in the place of what they said before (`known`).

    They were looked up in `edition`, which is not before the cohort's own, by their first `read` documents.
    """
    if not known:
        grown = {"members": tables.cohort.c.members + 1}
        await db.execute(update(tables.cohort).where(tables.cohort.c.id == cohort).values(grown))
    values = {
        "resident": member.resident,
        "cohort": cohort,
        "person": member.person,
        "asked": member.asked,
        "edition": edition,
        "read": read,
    }
    await db.execute(_JOIN, values)


async def forget(db: AsyncConnection, resident: UUID) -> None:
    """Look somebody up no more, of whom nothing can be read."""
    await db.execute(delete(tables.screened).where(tables.screened.c.resident == resident))


async def take(db: AsyncConnection, edition: int) -> Cohort | None:
    """Take a cohort that was not looked up in an edition, locked against other workers; None where all were."""
    return _cohort((await db.execute(_TAKE, {"edition": edition})).one_or_none())


async def members(db: AsyncConnection, cohort: UUID) -> list[Member]:
    """Read the members of a cohort, in order."""
    screened = tables.screened.c
    query = (
        select(screened.resident, screened.person, screened.asked, screened.stale)
        .where(screened.cohort == cohort, screened.person.is_not(None))
        .order_by(screened.resident)
    )
    return [
        Member(row.resident, bytes(row.person), bytes(row.asked), whole=not row.stale)
        for row in await db.execute(query)
    ]


async def known(db: AsyncConnection, cohort: UUID) -> Mapping[UUID, Mapping[Key, bytes]]:
    """Read what is known to be so of the members: what met, by person and entity."""
    found: dict[UUID, dict[Key, bytes]] = {}
    for row in await db.execute(_KNOWN, {"cohort": cohort}):
        found.setdefault(row.resident, {})[row.source, row.entity] = bytes(row.matched)
    return found


async def unanswered(db: AsyncConnection, cohort: UUID) -> frozenset[UUID]:
    """Read of which members the case was told last that there was no answer."""
    return frozenset(await db.scalars(_UNANSWERED, {"cohort": cohort, "check": standard.CHECK}))


async def looked(
    db: AsyncConnection, cohort: UUID, *, edition: int, leaves: Sequence[bytes], found: int, at: datetime
) -> None:
    """Keep that all members were looked up in an edition, with a leaf for each, and tell the journal the root."""
    root = proof.root(leaves)
    kept = {
        "edition": edition,
        "cohort": cohort,
        "persons": len(leaves),
        "found": found,
        "root": root,
        "leaves": b"".join(leaves),
        "at": at,
    }
    look = await db.scalar(insert(tables.look).values(kept).returning(tables.look.c.id))
    await db.execute(update(tables.cohort).where(tables.cohort.c.id == cohort).values(edition=edition))
    told = events.Looked(look=look, edition=edition, persons=len(leaves), found=found, root=root.hex())
    await journal.append(db, kyc_tables.event, journal.Fact(aggregate=cohort, at=at, actor=_ACTOR, event=told))


def _cohort(row: object) -> Cohort | None:
    return None if row is None else msgspec.convert(row, Cohort, from_attributes=True)


# A story of the person takes the turn on the alerts, then the row: whoever has the row must not wait for the turn.
_WAITING = text(
    """
    WITH taken AS MATERIALIZED (
        SELECT resident, documents, cohort, at FROM kyc.screened
        WHERE stale ORDER BY at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    SELECT resident, documents, cohort, at FROM taken
    WHERE pg_try_advisory_xact_lock(hashtextextended('kyc.alert:' || resident, 0))
    """
)
# Whoever joins waits until the cohort has been looked up; whoever looks, until the last one has joined.
_WITH_ROOM = text(
    """
    SELECT cohort.id, cohort.edition, key.kek_version, key.wrapped
    FROM kyc.cohort JOIN kyc.cohort_key AS key ON key.cohort = cohort.id
    WHERE cohort.members < :size ORDER BY cohort.id LIMIT 1 FOR UPDATE OF cohort SKIP LOCKED
    """
)
_FIND = text(
    """
    SELECT cohort.id, cohort.edition, key.kek_version, key.wrapped
    FROM kyc.cohort JOIN kyc.cohort_key AS key ON key.cohort = cohort.id
    WHERE cohort.id = :cohort FOR UPDATE OF cohort
    """
)
_TAKE = text(
    """
    SELECT cohort.id, cohort.edition, key.kek_version, key.wrapped
    FROM kyc.cohort JOIN kyc.cohort_key AS key ON key.cohort = cohort.id
    WHERE cohort.edition < :edition ORDER BY cohort.edition, cohort.id LIMIT 1 FOR UPDATE OF cohort SKIP LOCKED
    """
)
# Another document may have been shown since the documents were read.
_JOIN = text(
    """
    UPDATE kyc.screened SET cohort = :cohort, person = :person, asked = :asked, edition = :edition,
        stale = cardinality(documents) > :read
    WHERE resident = :resident
    """
)
_KNOWN = text(
    """
    SELECT alert.resident, alert.source, alert.entity, alert.matched
    FROM kyc.screened JOIN kyc.alert ON alert.resident = screened.resident
    WHERE screened.cohort = :cohort AND alert.present
    """
)
_UNANSWERED = text(
    """
    SELECT DISTINCT screened.resident
    FROM kyc.screened JOIN kyc.case ON "case".resident = screened.resident CROSS JOIN LATERAL (
        SELECT verdict FROM kyc.check
        WHERE "check".case_id = "case".id AND "check".name = :check ORDER BY "check".seq DESC LIMIT 1
    ) AS last
    WHERE screened.cohort = :cohort AND last.verdict = 'error'
    """
)
