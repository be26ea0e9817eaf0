"""What a resident may ask for by standing: where residency's answer reaches money, cards and investments."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from residency import status
from residency.status import Kind, State


class NotEResident(Exception):
    """The operation is for e-residents, and the caller is not one now."""


async def require_e_resident(db: AsyncConnection, resident: UUID) -> None:
    """Let e-residents pass; raises NotEResident."""
    statuses = await status.of_resident(db, resident)
    if (Kind.E_RESIDENT, State.ACTIVE) not in {(found.kind, found.state) for found in statuses}:
        raise NotEResident
