"""A recovery: what the operator lent to a wallet for a card payment is asked back at the end of each day.

A wallet never goes below zero: what the network took and the wallet did not have is the operator's claim on the
resident (`card_receivable`), for one of the causes in cards/payments/payment.py. It is repaid from what came in since,
as much as is there, until nothing is owed; or two officers give it up as lost to fraud (cards/disputes).

finds      app/cards/work.py             recover()
recovers   cards/payments/recovery.py    recover()           <- you are here
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.payments import funds
from cards.payments.message import Recovery, WriteOff
from cards.payments.payment import Kind, Payment, PaymentId
from cards.payments.tray import Tray
from law.money import Money


def recover(tray: Tray, payment: Payment) -> Payment:
    """Take back what the wallet has of what it owes; answers `payment` as it is where there is nothing."""
    due = tray.due(payment)
    if due is None or due > tray.now:
        return payment
    tray.ask_again(payment)
    if not (amount := min(payment.sums().owed, funds.spendable(tray, payment))):
        return payment
    repaid = payment.adding(Kind.RECOVERY, amount, tray.now, source=None)
    funds.recover(tray, repaid, amount)
    return repaid


def repaid_first(tray: Tray, before: Payment, after: Payment) -> Payment:
    """Let what a message brought back to the wallet repay what was lent for the same payment, before anything else."""
    back = _paid(before) - _paid(after)
    if back.minor <= 0 or not (amount := min(after.sums().owed, back, funds.spendable(tray, after))):
        return after
    repaid = after.adding(Kind.RECOVERY, amount, tray.now, source=None)
    funds.recover(tray, repaid, amount)
    return repaid


def _paid(payment: Payment) -> Money:
    sums = payment.sums()
    return sums.taken + sums.fee + sums.markup - Money(sums.refunded, payment.currency)


def write_off(tray: Tray, payment: Payment, told: WriteOff) -> Payment:
    """Give up what is still owed; answers `payment` as it is where that is nothing, or not what was decided on."""
    amount = payment.sums().owed
    if not amount or amount != told.amount:
        return payment
    given_up = payment.adding(Kind.WRITE_OFF, amount, tray.now, source=None)
    funds.write_off(tray, given_up, amount)
    return given_up


async def due(db: AsyncConnection, *, at: datetime, limit: int) -> list[Recovery]:
    """List the loans to be asked back at `at`, the oldest first."""
    rows = await db.execute(_DUE, {"at": at, "limit": limit})
    return [Recovery(lane=row.lane, payment=PaymentId(row.payment), due_at=row.due_at) for row in rows]


_DUE = text("SELECT lane, payment, due_at FROM cards.loan WHERE due_at <= :at ORDER BY due_at, payment LIMIT :limit")
