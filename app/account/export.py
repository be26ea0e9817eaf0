"""A copy of everything for the person it is about: asked for, made by the worker, fetched once within a day.

asks     app/http/mobile/account.py   POST /v1/me/exports
makes    app/account/export.py        step()         <- you are here, a step of the worker
gives    app/http/mobile/account.py   POST /v1/me/exports/{id}/download

At rest it is sealed with the person's own key. Whoever asks while a copy waits to be made or fetched gets that one.
"""

import enum
import hashlib
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import Row, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids, vault
from app import tables as house_tables
from app.account import bundle, tables
from app.account.events import ExportExpired, ExportReady, ExportRequested, ExportTaken
from app.db import transaction
from app.house import House
from app.vault import Vault
from proof import journal

ACTOR = "service:export"
#: How long a copy can be fetched; there is nothing else like it in one place.
LIFETIME = timedelta(hours=24)
_AFTER_FAULT = timedelta(minutes=5)

_log = structlog.get_logger()


class State(enum.StrEnum):
    """Where a copy is."""

    WAITING = "waiting"
    READY = "ready"
    TAKEN = "taken"
    EXPIRED = "expired"


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One copy. `sha256` is that of the document as it is given."""

    id: UUID
    requested_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None
    taken_at: datetime | None
    sha256: bytes | None

    def state(self, at: datetime) -> State:
        """Answer where the copy is at the instant `at`."""
        if self.taken_at is not None:
            return State.TAKEN
        if self.expires_at is None:
            return State.WAITING
        return State.READY if at < self.expires_at else State.EXPIRED


class UnknownExport(Exception):
    """There is no such copy, or it is somebody else's, which looks the same."""


class NotReady(Exception):
    """The copy is not made yet, was fetched before, or its day is over: `state` says which."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state


_FIELDS = [tables.export.c[field] for field in Export.__struct_fields__]


async def of_holder(db: AsyncConnection, holder: UUID, limit: int) -> list[Export]:
    """List a person's copies, the newest first."""
    mine = select(*_FIELDS).where(tables.export.c.holder == holder).order_by(tables.export.c.requested_at.desc())
    return [_export(row) for row in await db.execute(mine.limit(limit))]


async def find(db: AsyncConnection, holder: UUID, export: UUID) -> Export:
    """Load one of a person's copies; raises UnknownExport."""
    columns = tables.export.c
    row = (await db.execute(select(*_FIELDS).where(columns.id == export, columns.holder == holder))).one_or_none()
    if row is None:
        raise UnknownExport
    return _export(row)


async def request(db: AsyncConnection, holder: UUID, *, at: datetime) -> Export:
    """Ask for a copy, or find the one that waits to be made or fetched."""
    await db.execute(_LOCK, {"holder": str(holder)})
    for latest in await of_holder(db, holder, 1):
        if latest.state(at) in {State.WAITING, State.READY}:
            return latest
    asked = {"id": ids.new(), "holder": holder, "requested_at": at, "due_at": at}
    row = (await db.execute(insert(tables.export).values(asked).returning(*_FIELDS))).one()
    await _record(db, holder, row.id, ExportRequested(export=row.id), actor=f"resident:{holder}", at=at)
    return _export(row)


async def take(db: AsyncConnection, keys: Vault, holder: UUID, export: UUID, *, at: datetime) -> bytes:
    """Give the document, once; raises UnknownExport, NotReady."""
    found = await find(db, holder, export)
    sealed: bytes | None = await db.scalar(_TAKE, {"id": export, "holder": holder, "now": at})
    if sealed is None:
        state = found.state(at)
        raise NotReady(State.TAKEN if state is State.READY else state)
    await _record(db, holder, export, ExportTaken(export=export), actor=f"resident:{holder}", at=at)
    return keys.open(sealed, table="app.export", column="bundle", row=export)


async def step(house: House) -> int:
    """Make one copy that was asked for, and let go of those nobody fetched; answers how many."""
    async with transaction(house.worker) as story:
        db = await story()
        over = (await db.execute(_EXPIRE, {"now": story.now})).all()
        for row in over:
            await _record(db, row.holder, row.id, ExportExpired(export=row.id), actor=ACTOR, at=story.now)
    return len(over) + await _one(house)


async def _one(house: House) -> bool:
    due: Row[tuple[UUID, UUID]] | None = None
    try:
        async with transaction(house.worker) as story:
            db = await story()
            due = (await db.execute(_DUE, {"now": story.now})).one_or_none()
            if due is not None:
                await _make(house, db, due.id, due.holder, story.now)
    except Exception as error:
        if due is None:
            raise
        _log.error("export_failed", step="export", error=type(error).__name__, exc_info=error)
        async with transaction(house.worker) as story:
            await (await story()).execute(_LATER, {"id": due.id, "due_at": story.now + _AFTER_FAULT})
    return due is not None


async def _make(house: House, db: AsyncConnection, export: UUID, holder: UUID, at: datetime) -> None:
    # Another connection, because it is another role: that of the person.
    async with transaction(house.api, holder=holder, audience="resident") as reading:
        own = await reading()
        keys = await vault.of(own, house.keys.kms, holder, at)
        document = await bundle.made(own, house.keys.kms, keys, holder, at)
    sealed = keys.seal(document, table="app.export", column="bundle", row=export)
    ready = {"id": export, "now": at, "expires_at": at + LIFETIME, "bundle": sealed}
    await db.execute(_READY, ready | {"sha256": hashlib.sha256(document).digest()})
    await _record(db, holder, export, ExportReady(export=export), actor=ACTOR, at=at)


async def _record(
    db: AsyncConnection, holder: UUID, export: UUID, event: msgspec.Struct, *, actor: str, at: datetime
) -> None:
    fact = journal.Fact(aggregate=export, holder=holder, at=at, actor=actor, event=event)
    await journal.append(db, house_tables.event, fact)


def _export(row: Row[tuple[object, ...]]) -> Export:
    return msgspec.convert(row, Export, from_attributes=True)


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('app.export:' || :holder, 0))")
_DUE = text("SELECT id, holder FROM app.export WHERE due_at <= :now ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED")
_LATER = text("UPDATE app.export SET due_at = :due_at WHERE id = :id")
_READY = text(
    """
    UPDATE app.export SET due_at = NULL, ready_at = :now, expires_at = :expires_at, sha256 = :sha256, bundle = :bundle
    WHERE id = :id
    """
)
# The document leaves the row as it is read: of two who fetch at once the second finds nothing.
_TAKE = text(
    """
    WITH held AS (
        SELECT id, bundle FROM app.export
        WHERE id = :id AND holder = :holder AND bundle IS NOT NULL AND expires_at > :now FOR UPDATE
    )
    UPDATE app.export SET bundle = NULL, taken_at = :now FROM held WHERE export.id = held.id RETURNING held.bundle
    """
)
_EXPIRE = text(
    """
    UPDATE app.export SET bundle = NULL WHERE id IN (
        SELECT id FROM app.export WHERE bundle IS NOT NULL AND expires_at <= :now
        ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
    ) RETURNING id, holder
    """
)
