"""An expiry: no merchant claimed the money in time, so the wallet has it back. A clearing may still come later.

finds      app/cards/work.py           lapse()
lapses     cards/payments/expiry.py    lapse()             <- you are here
gives back wallet/desk.py          release()
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.payments import funds
from cards.payments.message import Lapse
from cards.payments.payment import Kind, Payment, PaymentId
from cards.payments.tray import Tray
from wallet import transfer


def lapse(tray: Tray, payment: Payment, *, early: bool = False) -> Payment:
    """End the promise of `payment` if its time is over, or `early`.

    It may not be: another process was faster, or the merchant asked for more and prolonged it.
    """
    promise = tray.promises.get(payment.id)
    if promise is None or (promise.due_at > tray.now and not early):
        return payment
    lapsed = payment.adding(Kind.EXPIRY, payment.sums().promised, tray.now, source=None)
    funds.follow(tray, payment, lapsed, back_as=transfer.Kind.EXPIRE)
    return lapsed


async def due(db: AsyncConnection, *, at: datetime, limit: int) -> list[Lapse]:
    """List the promises whose time is over at `at`, the oldest first."""
    rows = await db.execute(_DUE, {"at": at, "limit": limit})
    return [Lapse(lane=row.lane, payment=PaymentId(row.payment), due_at=row.due_at) for row in rows]


_DUE = text("SELECT lane, payment, due_at FROM cards.promise WHERE due_at <= :at ORDER BY due_at, payment LIMIT :limit")
