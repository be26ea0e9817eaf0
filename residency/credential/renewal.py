"""When a credential is issued anew: what it says has changed, or its copies end soon. The worker looks when one is due.

due       0045_holder.py                    credential.look_again(), when kyc decides or a number is named
          residency/credential/renewal.py   issued(), a minute after copies were made
looks     app/credentials/renewing.py       step()
decides   residency/credential/renewal.py   decide(), settled()   <- you are here
does      residency/credential/life.py      act_on()

All instants here are of the real clock, by which verifiers judge copies.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, case, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from residency.credential import tables
from residency.credential.configuration import PRINTS
from residency.credential.dataset import Kind, Sources
from residency.credential.life import GRACE, Reason, State, not_voided

#: How long before the last copy ends its holder is reminded.
REMINDED_BEFORE = timedelta(days=14)
#: What changed while copies were being made is seen this long after: no request takes that long (app/db.py).
LOOKED_AT_AFTER = timedelta(minutes=1)
#: A wallet that lost the answer asks again; after this long it has the new copies, and the old ones end.
SETTLES_AFTER = timedelta(hours=1)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A credential to be looked at, which this transaction holds."""

    id: UUID
    holder: UUID
    kind: Kind
    state: State
    until: datetime | None
    reminded_for: datetime | None


class Batch(msgspec.Struct, frozen=True):
    """Live copies as far as renewing goes: from what they were made, and when they end."""

    document: UUID | None
    iin: UUID | None
    expires_at: datetime


class Replace(msgspec.Struct, frozen=True):
    """The copies are to be replaced by `until`."""

    reason: Reason
    until: datetime


class Withdraw(msgspec.Struct, frozen=True):
    """The copies are void at once."""

    reason: Reason


class Remind(msgspec.Struct, frozen=True):
    """The holder is told that the last copy ends then."""

    ends_at: datetime


class Wait(msgspec.Struct, frozen=True):
    """Nothing is to be done; to be looked at again then, if ever."""

    until: datetime | None


Answer = Replace | Withdraw | Remind | Wait


def decide(
    credential: Due, copies: Sequence[Batch], now_says: Sources | None, refused: Collection[UUID], *, now: datetime
) -> Answer:
    """Decide about an active credential; `copies` are those that verifiers still take.

    `now_says` is what a copy made now would rest on, None where none could be made; `refused` are the documents of the
    holder that turned out not to identify them. Copies of which nothing is known (before 0039) are left to run out.
    """
    if rests_on(copies, refused):
        return Withdraw(Reason.NOT_IDENTIFIED)
    known = [each for each in copies if each.document is not None]
    if now_says and any((each.document, each.iin) != (now_says.document, now_says.iin) for each in known):
        return Replace(Reason.DATA_CHANGED, now + GRACE)
    if not copies:
        return Wait(None)
    ends_at = max(each.expires_at for each in copies)
    if credential.reminded_for == ends_at:
        return Wait(None)
    remind_at = ends_at - REMINDED_BEFORE
    return Remind(ends_at) if remind_at <= now else Wait(remind_at)


def rests_on(copies: Sequence[Batch], documents: Collection[UUID]) -> bool:
    """Say whether any of `copies` was made from one of `documents`."""
    return any(each.document in documents for each in copies)


async def still(db: AsyncConnection, holder: UUID) -> None:
    """Let nobody decide about `holder` before this transaction ends, nor name a number for them: what is read stays so.

    Who does waits in credential.look_again(), and the copies made here are looked at then.
    """
    await db.execute(_STILL, {"holder": holder})


_STILL = text(
    "SELECT pg_advisory_xact_lock_shared(hashtextextended('credential.look_again' || CAST(:holder AS uuid), 0))"
)


async def issued(db: AsyncConnection, credential: UUID, *, at: datetime) -> None:
    """Note that copies were made: a second look at what they rest on, another at what they may have replaced."""
    table = tables.credential
    named = select(table.c.holder, table.c.kind).where(table.c.id == credential).cte("named")
    replaced = (table.c.holder == named.c.holder) & (table.c.kind == named.c.kind) & (table.c.state == State.SUPERSEDED)
    due_at = case(
        (table.c.id == credential, func.least(table.c.due_at, at + LOOKED_AT_AFTER)),
        else_=func.least(table.c.until, at + SETTLES_AFTER),
    )
    await db.execute(update(table).where((table.c.id == credential) | replaced).values(due_at=due_at))


async def due(db: AsyncConnection, *, now: datetime) -> tuple[UUID, UUID] | None:
    """Name a credential that is due and that nobody holds, and its holder; None where there is none."""
    columns = tables.credential.c
    query = select(columns.id, columns.holder).where(_is_due(now)).order_by(columns.due_at).limit(1)
    row = (await db.execute(query.with_for_update(skip_locked=True))).one_or_none()
    return (row.id, row.holder) if row else None


async def take(db: AsyncConnection, credential: UUID, *, now: datetime) -> Due | None:
    """Take one that is due; None where somebody else looks at it, or has."""
    columns = tables.credential.c
    query = select(*(columns[name] for name in Due.__struct_fields__)).where(columns.id == credential, _is_due(now))
    row = (await db.execute(query.with_for_update(skip_locked=True))).one_or_none()
    return None if row is None else msgspec.convert(row, Due, from_attributes=True)


def _is_due(now: datetime) -> ColumnElement[bool]:
    columns = tables.credential.c
    return (columns.due_at <= now) & columns.state.in_((State.ACTIVE, State.SUPERSEDED))


async def wait(
    db: AsyncConnection, credential: UUID, until: datetime | None, *, reminded_for: datetime | None = None
) -> None:
    """Look again then, if ever."""
    values = {"due_at": until} | ({"reminded_for": reminded_for} if reminded_for else {})
    await db.execute(update(tables.credential).where(tables.credential.c.id == credential).values(values))


async def live(db: AsyncConnection, credential: UUID, *, now: datetime) -> list[Batch]:
    """List what was issued of a credential and has not ended."""
    columns = tables.issuance.c
    alive = (columns.credential == credential) & (columns.expires_at > now) & not_voided(columns.id)
    rows = await db.execute(select(columns.document, columns.iin, columns.expires_at).where(alive))
    return [Batch(*row) for row in rows]


async def settled(db: AsyncConnection, superseded: Due, *, now: datetime) -> bool:
    """Whether a superseded credential is over: its deadline has come, or each wallet has what replaces its copies."""
    assert superseded.until is not None, "a superseded credential has a deadline"
    if superseded.until <= now:
        return True
    asked = {"credential": superseded.id, "now": now, "prints": [each.id for each in PRINTS.values()]}
    waiting: bool = (await db.execute(_WAITING, asked)).scalar_one()
    return not waiting


# A wallet is told by the key of its requests, and has to have each format anew. Nobody waits for a paper.
_WAITING = text(
    """
    SELECT EXISTS (
        SELECT FROM credential.issuance AS old JOIN credential.credential AS was ON was.id = old.credential
        WHERE old.credential = :credential AND old.expires_at > :now AND old.configuration <> ALL (:prints)
        AND NOT EXISTS (SELECT FROM credential.voided WHERE voided.issuance = old.id)
        AND NOT EXISTS (
            SELECT FROM credential.issuance AS new JOIN credential.credential AS next ON next.id = new.credential
            WHERE next.holder = was.holder AND next.kind = was.kind AND next.state = 'active' AND next.id > was.id
            AND new.device = old.device AND new.configuration = old.configuration AND new.expires_at > :now
            AND NOT EXISTS (SELECT FROM credential.voided WHERE voided.issuance = new.id)
        )
    )
    """
)
