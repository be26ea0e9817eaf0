"""Whom an officer asks about: a resident who exists, or nobody is found."""

import functools
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import access, vault
from app.access import Look, Purpose, Sees
from app.auth import subject
from app.house import House
from app.http import ids
from app.http.ids import UnknownId
from kyc.holder import Safes


async def resident(db: AsyncConnection, resident_id: str) -> UUID:
    """Read the id of a resident; raises UnknownId where there is no such resident."""
    asked = ids.parse("resident", resident_id)
    found = await subject.find(db, asked)
    if found is None or found.role != "resident":
        raise UnknownId("resident")
    return asked


def suspected(house: House) -> Safes:
    """Open the vaults of those whose risk an officer reads; they read of it after the term of a suspicion."""
    why = Look(sees=Sees.EVIDENCE, purpose=Purpose.SUSPICION, delay=access.DELAY)
    return functools.partial(vault.look_at_all, kms=house.keys.kms, why=why)
