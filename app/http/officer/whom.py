"""Whom an officer asks about: a resident who exists, or nobody is found."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import subject
from app.http import ids
from app.http.ids import UnknownId


async def resident(db: AsyncConnection, resident_id: str) -> UUID:
    """Read the id of a resident; raises UnknownId where there is no such resident."""
    asked = ids.parse("resident", resident_id)
    found = await subject.find(db, asked)
    if found is None or found.role != "resident":
        raise UnknownId("resident")
    return asked
