"""A code that the app shows: the holder agrees to fields first, whoever scans first sees exactly these.

agrees    app/http/mobile/showings.py            show()
scans     app/http/public/showings.py, app/http/partner/showings.py
finds     residency/credential/showing/code.py   holder_of()
takes     residency/credential/showing/code.py   scan()          <- you are here
told      residency/credential/showing/code.py   record(), of_holder()

A code is 160 random bits and good for three minutes. The first scan opens the one session there will be, which may
look again until the code ends; everybody else, and everything that is no code, meets NoSuchCode and can't tell why.
"""

import hashlib
import secrets
from base64 import b32encode
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from proof import journal
from residency.credential import tables
from residency.credential.dataset import Kind
from residency.credential.showing import events
from residency.credential.showing.events import CodeScanned, CodeShown, CodeWithdrawn
from residency.credential.showing.tables import showing, shown_code

LIFETIME = timedelta(minutes=3)
#: How often the one session may look.
TOLD_MAX = 20
#: 32 letters of base 32, which a QR code packs tightly.
_CODE_BYTES = 20
_SESSION_BYTES = 16
_SOMEBODY = "public"


class NoSuchCode(Exception):
    """The code was never made, or is used, withdrawn or too old: whoever asks can't tell which."""


class UnknownShowing(Exception):
    """There is no such showing, or it is somebody else's."""


class ShowingOver(Exception):
    """The code was scanned, withdrawn, or is too old."""


class Cell(msgspec.Struct, frozen=True):
    """What is sealed in a row, under a key of its own that lies wrapped beside it."""

    kek_version: int
    wrapped: bytes
    sealed: bytes


class New(msgspec.Struct, frozen=True, kw_only=True):
    """What a holder agrees to show; in the `cell` are the fields with what they say."""

    id: UUID
    holder: UUID
    kind: Kind
    question: str | None
    cell: Cell


class Scanned(msgspec.Struct, frozen=True, kw_only=True):
    """What the session that has a code sees. `session` is its key, given once: by the scan that opened it."""

    id: UUID
    holder: UUID
    kind: Kind
    question: str | None
    cell: Cell
    scanned_at: datetime
    expires_at: datetime
    session: str | None


class Showing(msgspec.Struct, frozen=True, kw_only=True):
    """Who verified the holder: a registered client, or (None) somebody whose word is in the `cell`."""

    id: UUID
    kind: Kind
    question: str | None
    fields: tuple[str, ...]
    verifier: str | None
    cell: Cell
    at: datetime


async def open_(db: AsyncConnection, new: New, *, actor: str, at: datetime, now: datetime) -> tuple[str, datetime]:
    """Keep what a holder agreed to; answers the code, of which we keep the hash, and when it ends.

    A phone shows one code: a new one takes back those that nobody scanned. `now` is of the real clock, which codes live
    by; `at` is the installation's.
    """
    await db.execute(_REPLACE.values(withdrawn_at=now), {"mine": new.holder})
    code, ends = b32encode(secrets.token_bytes(_CODE_BYTES)).decode(), now + LIFETIME
    row = {
        "id": new.id,
        "holder": new.holder,
        "code_hash": hash_of(code),
        "kind": new.kind.value,
        "question": new.question,
        **msgspec.structs.asdict(new.cell),
        "at": now,
        "expires_at": ends,
    }
    await db.execute(insert(shown_code).values(row))
    await _tell(db, new.holder, CodeShown(showing=new.id, kind=new.kind.value, expires_at=ends), actor=actor, at=at)
    return code, ends


async def withdraw(db: AsyncConnection, holder: UUID, id_: UUID, *, actor: str, at: datetime, now: datetime) -> None:
    """Take a code back; withdrawn twice it is withdrawn. Raises UnknownShowing, ShowingOver."""
    mine = select(shown_code).where(shown_code.c.id == id_, shown_code.c.holder == holder)
    row = (await db.execute(mine.with_for_update())).one_or_none()
    if row is None:
        raise UnknownShowing
    if row.withdrawn_at is not None:
        return
    if row.scanned_at is not None or row.expires_at <= now:
        raise ShowingOver
    await db.execute(update(shown_code).where(shown_code.c.id == id_).values(withdrawn_at=now))
    await _tell(db, holder, CodeWithdrawn(showing=id_), actor=actor, at=at)


async def withdraw_all(db: AsyncConnection, holder: UUID, *, actor: str, at: datetime, now: datetime) -> None:
    """Make void whatever `holder` shows, scanned or not: the phone it is on was lost."""
    standing = (shown_code.c.holder == holder, shown_code.c.withdrawn_at.is_(None), shown_code.c.expires_at > now)
    void = update(shown_code).where(*standing).values(withdrawn_at=now).returning(shown_code.c.id)
    for each in (await db.scalars(void)).all():
        await _tell(db, holder, CodeWithdrawn(showing=each), actor=actor, at=at)


async def holder_of(db: AsyncConnection, code: str) -> UUID:
    """Say who shows a code, for the caller to speak for from here on; raises NoSuchCode."""
    found: UUID | None = await db.scalar(_WHO, {"code_hash": hash_of(code)})
    if found is None:
        raise NoSuchCode
    return found


async def scan(db: AsyncConnection, code: str, *, session: str | None, now: datetime) -> Scanned:
    """Let the first scan open the session, and that session look again; raises NoSuchCode."""
    row = (
        await db.execute(select(shown_code).where(shown_code.c.code_hash == hash_of(code)).with_for_update())
    ).one_or_none()
    if row is None or row.withdrawn_at is not None or row.expires_at <= now:
        raise NoSuchCode
    told: dict[str, object] = {"told": row.told + 1}
    new = None
    if row.scanned_at is None and session is None:
        new = secrets.token_urlsafe(_SESSION_BYTES)
        told |= {"session_hash": hash_of(new), "scanned_at": now}
    elif session is None or row.session_hash != hash_of(session) or row.told >= TOLD_MAX:
        raise NoSuchCode
    await db.execute(update(shown_code).where(shown_code.c.id == row.id).values(told))
    return Scanned(
        id=row.id,
        holder=row.holder,
        kind=Kind(row.kind),
        question=row.question,
        cell=_cell(row),
        scanned_at=row.scanned_at or now,
        expires_at=row.expires_at,
        session=new,
    )


async def record(db: AsyncConnection, holder: UUID, seen: Showing) -> None:
    """Note for the holder who verified them; the journal, which nobody erases, learns only that somebody did."""
    row = msgspec.structs.asdict(seen) | msgspec.structs.asdict(seen.cell)
    row |= {"kind": seen.kind.value, "fields": list(seen.fields), "holder": holder}
    del row["cell"]
    await db.execute(insert(showing).values(row))
    await _tell(db, holder, CodeScanned(showing=seen.id), actor=_SOMEBODY, at=seen.at)


async def of_holder(db: AsyncConnection, holder: UUID, *, before: UUID | None, limit: int) -> list[Showing]:
    """List who verified `holder`, the latest code first, from the one after `before` on."""
    query = select(showing).where(showing.c.holder == holder).order_by(showing.c.id.desc()).limit(limit)
    found = await db.execute(query if before is None else query.where(showing.c.id < before))
    return [_showing(row) for row in found]


async def forget(db: AsyncConnection, *, now: datetime) -> int:
    """Delete the codes that are over, with what was agreed to; answers how many. A step of the worker."""
    return (await db.execute(delete(shown_code).where(shown_code.c.expires_at <= now))).rowcount


def hash_of(secret: str) -> bytes:
    """Hash what only its bearer has; any text has one, so what is no code is found as little as a wrong one."""
    return hashlib.sha256(secret.encode()).digest()


def _cell(row: Row[Any]) -> Cell:
    return Cell(row.kek_version, row.wrapped, row.sealed)


def _showing(row: Row[Any]) -> Showing:
    return Showing(
        id=row.id,
        kind=Kind(row.kind),
        question=row.question,
        fields=tuple(row.fields),
        verifier=row.verifier,
        cell=_cell(row),
        at=row.at,
    )


async def _tell(db: AsyncConnection, holder: UUID, event: events.ShowingFact, *, actor: str, at: datetime) -> None:
    fact = journal.Fact(aggregate=event.showing, holder=holder, at=at, actor=actor, event=event)
    await journal.append(db, tables.event, fact)


_REPLACE = update(shown_code).where(
    shown_code.c.holder == bindparam("mine"), shown_code.c.scanned_at.is_(None), shown_code.c.withdrawn_at.is_(None)
)
_WHO = text("SELECT credential.who_shows(:code_hash)")
