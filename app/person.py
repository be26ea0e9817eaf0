"""Who a resident is, in the letters of their identifying document: for credentials and forms that name a person."""

from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import vault
from kyc import standing, tables
from kyc.document import Person
from proof.kms import Kms


class NotIdentified(Exception):
    """The resident has no identifying document that is in force."""


async def identified(db: AsyncConnection, kms: Kms, resident: UUID, on: date) -> Person:
    """Open what the identifying document says; raises NotIdentified, app.vault.Erased."""
    found = await standing.standing(db, resident, on)
    if found.document is None:
        raise NotIdentified
    stored = tables.document
    sealed = await db.execute(select(stored.c.person).where(stored.c.id == found.document))
    opened = (await vault.existing(db, kms, resident)).open(
        sealed.scalar_one(), table="kyc.document", column="person", row=found.document
    )
    return msgspec.json.decode(opened, type=Person)
