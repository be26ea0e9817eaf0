"""Files that show what happened: bounded, and kept as the house sealed them.

What a file is, its bytes say (app/http/mobile/disputes.py asks kyc, which frees it of its notes); what somebody calls
it does not count. The network is shown each before the first message that names it (app/cards/dispute_errands.py).
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables as cards_tables
from cards.disputes import events, tables
from cards.disputes.dispute import Dispute
from cards.disputes.life import State
from cards.disputes.reason import Proof
from proof import journal

#: A photo of a telephone as it sends pictures, a letter of some pages.
BYTES_MAX = 4_000_000
FILES_MAX = 12
#: Where files may still be added: as long as somebody might look at them.
TAKES = frozenset({
    State.DRAFT, State.EVIDENCE_NEEDED, State.SUBMITTED, State.CHARGEBACK, State.REPRESENTMENT, State.PRE_ARBITRATION,
})  # fmt: skip


class TooManyFiles(Exception):
    """A dispute has as many files as it may have."""


class SameFile(Exception):
    """This very file was handed in before."""


class TakesNoFiles(Exception):
    """The dispute is where nobody looks at files any more."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state


class UnknownEvidence(Exception):
    """There is no such file in this dispute."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A file, without its content."""

    id: UUID
    dispute: UUID
    holder: UUID
    kind: Proof
    media: str
    size: int
    sha256: bytes
    given_by: str
    at: datetime


def told(about: Dispute, made: UUID, kind: Proof, content: bytes, *, media: str, by: str, at: datetime) -> Evidence:
    """Say what is handed in as `made`; raises TakesNoFiles."""
    if about.state not in TAKES:
        raise TakesNoFiles(about.state)
    return Evidence(
        id=made,
        dispute=about.id,
        holder=about.holder,
        kind=kind,
        media=media,
        size=len(content),
        sha256=hashlib.sha256(content).digest(),
        given_by=by,
        at=at,
    )


async def add(db: AsyncConnection, about: Dispute, found: Evidence, sealed: bytes) -> None:
    """Keep a file, whose content the house has sealed; raises TooManyFiles, SameFile."""
    await db.execute(_TURN, {"dispute": str(about.id)})
    if len(await of(db, about.id)) >= FILES_MAX:
        raise TooManyFiles
    try:
        await db.execute(insert(tables.evidence).values(msgspec.structs.asdict(found) | {"content": sealed}))
    except IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "constraint_name", "").endswith("_sha256_key"):
            raise SameFile from error
        raise
    event = events.EvidenceGiven(dispute=about.id, evidence=found.id, kind=found.kind)
    fact = journal.Fact(aggregate=about.id, holder=about.holder, at=found.at, actor=found.given_by, event=event)
    await journal.append(db, cards_tables.event, fact)


async def of(db: AsyncConnection, dispute: UUID) -> list[Evidence]:
    """List the files of a dispute, the first one first."""
    query = select(*_COLUMNS).where(tables.evidence.c.dispute == dispute).order_by(tables.evidence.c.id)
    return [msgspec.convert(row, Evidence, from_attributes=True) for row in (await db.execute(query))]


async def content(db: AsyncConnection, dispute: UUID, wanted: UUID) -> tuple[Evidence, bytes]:
    """Load one file with its sealed content; raises UnknownEvidence."""
    columns = tables.evidence.c
    query = select(*_COLUMNS, columns.content).where((columns.dispute == dispute) & (columns.id == wanted))
    row = (await db.execute(query)).one_or_none()
    if row is None:
        raise UnknownEvidence
    return msgspec.convert(row, Evidence, from_attributes=True), row.content


async def behind(db: AsyncConnection, dispute: UUID, hop: int) -> list[Evidence]:
    """List the files that came with a hop or one before it: what is told of it is the same at every try."""
    rows = await db.execute(select(*_COLUMNS).where(_behind(dispute, hop)).order_by(tables.evidence.c.id))
    return [msgspec.convert(row, Evidence, from_attributes=True) for row in rows]


async def unshown(db: AsyncConnection, dispute: UUID, hop: int) -> list[Evidence]:
    """List those `behind` a hop that its network was not shown, the first one first."""
    there = tables.evidence.c.id.not_in(select(tables.shown.c.evidence).where(tables.shown.c.dispute == dispute))
    rows = await db.execute(select(*_COLUMNS).where(_behind(dispute, hop) & there).order_by(tables.evidence.c.id))
    return [msgspec.convert(row, Evidence, from_attributes=True) for row in rows]


async def shown(db: AsyncConnection, found: Evidence, reference: str, *, at: datetime) -> None:
    """Remember that the network has a file, and what it calls it; once, whoever was faster."""
    values = {"evidence": found.id, "dispute": found.dispute, "reference": reference, "at": at}
    await db.execute(upsert(tables.shown).values(**values).on_conflict_do_nothing())


async def not_taken(db: AsyncConnection, found: Evidence, why: str, *, at: datetime) -> None:
    """Remember that the network will not have a file: it is told of the dispute without."""
    values = {"evidence": found.id, "dispute": found.dispute, "refused": why[:200], "at": at}
    await db.execute(upsert(tables.shown).values(**values).on_conflict_do_nothing())


async def references(db: AsyncConnection, dispute: UUID, hop: int) -> list[tuple[Proof, str]]:
    """List what the network calls those `behind` a hop that it has, with what each shows, the first one first."""
    query = (
        select(tables.evidence.c.kind, tables.shown.c.reference)
        .join(tables.shown, tables.shown.c.evidence == tables.evidence.c.id)
        .where(_behind(dispute, hop) & tables.shown.c.reference.is_not(None))
        .order_by(tables.evidence.c.id)
    )
    return [(Proof(row.kind), row.reference) for row in await db.execute(query)]


def _behind(dispute: UUID, hop: int) -> ColumnElement[bool]:
    hops = tables.hop.c
    named = select(func.unnest(hops.evidence)).where((hops.dispute == dispute) & (hops.number <= hop))
    return (tables.evidence.c.dispute == dispute) & tables.evidence.c.id.in_(named)


def missing(needs: Iterable[Proof], given: Iterable[Proof]) -> tuple[Proof, ...]:
    """Say what of what is needed nobody gave yet."""
    there = set(given)
    return tuple(each for each in needs if each not in there)


_COLUMNS = [tables.evidence.c[name] for name in Evidence.__struct_fields__]
_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('cards.dispute_evidence:' || :dispute, 0))")
