"""Who a resident is, in the letters of their identifying document: for credentials and forms that name a person."""

from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import vault
from app.vault import Vault
from kyc import standing, tables
from kyc.document import Person
from proof.kms import Kms


class NotIdentified(Exception):
    """The resident has no identifying document that is in force."""


async def identified(db: AsyncConnection, kms: Kms, resident: UUID, on: date) -> Person:
    """Open what the identifying document says; raises NotIdentified, app.vault.Erased."""
    found = await document(db, resident, on)
    return await said(db, await vault.existing(db, kms, resident), found)


async def document(db: AsyncConnection, resident: UUID, on: date) -> UUID:
    """Name the document that identifies a resident on the day `on`; raises NotIdentified."""
    found = (await standing.standing(db, resident, on)).document
    if found is None:
        raise NotIdentified
    return found


async def said(db: AsyncConnection, keys: Vault, document: UUID) -> Person:
    """Open what a document says of its holder, whose vault is open."""
    stored = tables.document
    sealed = await db.execute(select(stored.c.person).where(stored.c.id == document))
    opened = keys.open(sealed.scalar_one(), table="kyc.document", column="person", row=document)
    return msgspec.json.decode(opened, type=Person)
