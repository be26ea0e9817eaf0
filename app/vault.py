"""Each resident's personal fields under the resident's own key, which is stored only wrapped (app.resident_key).

A field is sealed for its place (table, column, row) and opens nowhere else. Without the key row nothing of the person
can be read any more: that is how a person is erased. The database hands the API nobody's key but that of the resident
the story speaks for, and everybody else's only to look(), which leaves a row in the person's access log.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access import Look
from proof import kms as kms_
from proof.kms import Kms, Wrapped


class Vault(msgspec.Struct, frozen=True):
    """One resident's key, held for the length of a story. Never stored, logged or passed on."""

    key: bytes

    def __repr__(self) -> str:
        return "Vault()"

    def seal(self, plaintext: bytes, *, table: str, column: str, row: UUID) -> bytes:
        """Seal one field for its place."""
        return kms_.seal(self.key, plaintext, table=table, column=column, row=row)

    def open(self, sealed: bytes, *, table: str, column: str, row: UUID) -> bytes:
        """Open one field that was sealed for this place; raises proof.kms.Unopenable."""
        return kms_.open_(self.key, sealed, table=table, column=column, row=row)


class Erased(Exception):
    """There is no key for this resident: never made, or erased with the person."""


async def of(db: AsyncConnection, kms: Kms, holder: UUID, at: datetime) -> Vault:
    """Open the vault of `holder`, for whom the story speaks, with a fresh key where there is none. For who writes."""
    try:
        return await existing(db, kms, holder)
    except Erased:
        fresh = kms.wrap(kms_.new_data_key(), str(holder))
        await db.execute(_MAKE, {"holder": holder, "version": fresh.version, "wrapped": fresh.blob, "at": at})
        return await existing(db, kms, holder)


async def existing(db: AsyncConnection, kms: Kms, holder: UUID) -> Vault:
    """Open the vault of `holder`, for whom the story speaks, as it is; raises Erased. For who reads their own."""
    return _opened((await db.execute(_OWN, {"holder": holder})).one_or_none(), kms, holder)


async def look(db: AsyncConnection, kms: Kms, person: UUID, why: Look) -> Vault:
    """Open the vault of somebody else, who can read about it afterwards; raises Erased.

    The story names the actor and the operation (app/db.py); without them the database refuses.
    """
    asked = {"person": person, "sees": why.sees, "purpose": why.purpose, "about": why.about, "delay": why.delay}
    _looks(db).append(asked)
    return _opened((await db.execute(_LOOK, asked)).one_or_none(), kms, person)


async def look_at_all(db: AsyncConnection, people: Collection[UUID], *, kms: Kms, why: Look) -> dict[UUID, Vault]:
    """Open the vaults of several people as look() does; who was erased is left out."""
    said = {"sees": why.sees, "purpose": why.purpose, "about": why.about, "delay": why.delay}
    _looks(db).extend({"person": person, **said} for person in people)
    rows = await db.execute(_LOOK_AT_ALL, {"people": list(people), **said})
    return {row.person: _opened(row, kms, row.person) for row in rows}


async def leave_traces(db: AsyncConnection) -> None:
    """Write down the looks of this story again, after it went back to a savepoint: a refusal tells of what was seen."""
    for asked in _looks(db):
        await db.execute(_LOOK, asked)


def _looks(db: AsyncConnection) -> list[dict[str, object]]:
    """Give the looks of the transaction that is open; those of the connection's earlier ones are forgotten."""
    story = db.sync_connection.get_transaction() if db.sync_connection else None
    known: tuple[object, list[dict[str, object]]] = db.info.get(_LOOKS, (None, []))
    if known[0] is not story:
        known = db.info[_LOOKS] = (story, [])
    return known[1]


def _opened(row: Row[Any] | None, kms: Kms, holder: UUID) -> Vault:
    if row is None:
        raise Erased
    return Vault(kms.unwrap(Wrapped(row.kek_version, row.wrapped), str(holder)))


_LOOKS = "eresidency.looks"
# Of two stories that make the key at once the second waits and then reads the first one's.
_MAKE = text(
    """
    INSERT INTO app.resident_key (holder, kek_version, wrapped, created_at) VALUES (:holder, :version, :wrapped, :at)
    ON CONFLICT (holder) DO NOTHING
    """
)
_OWN = text("SELECT kek_version, wrapped FROM app.resident_key WHERE holder = :holder")
_LOOK = text("SELECT kek_version, wrapped FROM app.open_vault(:person, :sees, :purpose, :about, :delay)")
_LOOK_AT_ALL = text(
    """
    SELECT person, opened.* FROM unnest(CAST(:people AS uuid[])) AS person
    CROSS JOIN LATERAL app.open_vault(person, :sees, :purpose, :about, :delay) AS opened
    """
)
