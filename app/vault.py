"""Each resident's personal fields under the resident's own key, which is stored only wrapped (app.resident_key).

A field is sealed for its place (table, column, row) and opens nowhere else. Without the key row nothing of the person
can be read any more: that is how a person is erased.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

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
    """Open the vault of `holder`, with a fresh key where there is none. For who writes."""
    fresh = kms.wrap(kms_.new_data_key(), str(holder))
    values = {"holder": holder, "version": fresh.version, "wrapped": fresh.blob, "at": at}
    await db.execute(_MAKE, values)
    return await existing(db, kms, holder)


async def existing(db: AsyncConnection, kms: Kms, holder: UUID) -> Vault:
    """Open the vault of `holder` as it is; raises Erased. For who reads."""
    row = (await db.execute(_FIND, {"holder": holder})).one_or_none()
    if row is None:
        raise Erased
    return Vault(kms.unwrap(Wrapped(row.kek_version, row.wrapped), str(holder)))


# Of two stories that make the key at once the second waits and then reads the first one's.
_MAKE = text(
    """
    INSERT INTO app.resident_key (holder, kek_version, wrapped, created_at) VALUES (:holder, :version, :wrapped, :at)
    ON CONFLICT (holder) DO NOTHING
    """
)
_FIND = text("SELECT kek_version, wrapped FROM app.resident_key WHERE holder = :holder")
