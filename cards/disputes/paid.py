"""The payment a dispute is about, as whoever asks may see it."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.payments import archive
from cards.payments.payment import Payment


class UnknownPayment(Exception):
    """There is no such payment, or it is somebody else's, which looks the same."""


async def find(db: AsyncConnection, payment: UUID) -> Payment:
    """Read a payment that the story may see; raises UnknownPayment."""
    rows = (await db.execute(_FIND, {"payment": payment})).all()
    if not rows:
        raise UnknownPayment
    return archive.folded([archive.Row(*row) for row in rows])


# By way of the lanes, of which there are few: the key of payments begins with them.
_FIND = text(
    f"""
    SELECT {archive.COLUMNS} FROM wallet.lane
    JOIN cards.payment ON payment.lane = lane.lane AND payment.id = :payment
    JOIN cards.element ON element.lane = payment.lane AND element.payment = payment.id
    ORDER BY element.number
    """  # noqa: S608  names of that module
)
