"""Whom a card is for, as a processor elsewhere is told: names and birth as their document has them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import person
from app.auth import contact
from cards.processing.processor import Address, Cardholder
from law.calendar import statutory_date
from proof.kms import Kms


async def told(db: AsyncConnection, kms: Kms, holder: UUID, home: Address | None, *, at: datetime) -> Cardholder:
    """Say who a resident is, for whom the story speaks; raises person.NotIdentified, app.vault.Erased."""
    who = await person.identified(db, kms, holder, statutory_date(at))
    reached = {str(each.kind): each.value for each in await contact.of(db, kms, holder)}
    return Cardholder(
        id=holder,
        given_names=who.given,
        surname=who.surname,
        born_on=_born(who.born),
        address=home,
        email=reached.get("email"),
        phone=reached.get("phone"),
    )


def _born(said: str) -> date:
    """Read a date of birth; some documents leave a part of it out, and a processor wants all of it."""
    try:
        return date.fromisoformat(said)
    except ValueError as error:
        raise person.NotIdentified from error
