"""What a resident may ask for by standing: where residency's answer reaches money, cards and investments."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from residency import status
from residency.status import Kind, State


class NotEResident(Exception):
    """The operation is for e-residents, and the caller is not one now."""


class PayeeUnavailable(Exception):
    """The owner of the wallet can't be sent money now; why is between them and the operator."""


async def require_e_resident(db: AsyncConnection, resident: UUID) -> None:
    """Let e-residents pass; raises NotEResident."""
    statuses = await status.of_resident(db, resident)
    if (Kind.E_RESIDENT, State.ACTIVE) not in {(found.kind, found.state) for found in statuses}:
        raise NotEResident


async def e_residents(db: AsyncConnection, residents: Collection[UUID]) -> set[UUID]:
    """Find the e-residents among `residents`."""
    return await status.active(db, residents, Kind.E_RESIDENT) if residents else set()
