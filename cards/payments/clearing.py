"""A clearing: the network has paid the merchant and takes the money. It is never refused, only booked.

Promised or not, once or in parts, more or less than was asked, before the question arrives or after the promise was
over: the payment's sums come out the same (cards/payments/payment.py). A frozen or closed card changes nothing, since
the purchase was made.
"""

from cards.payments import funds, matching, tariff
from cards.payments.message import Clearing
from cards.payments.payment import Kind, Payment
from cards.payments.tray import Tray


def take(tray: Tray, payment: Payment, told: Clearing) -> Payment:
    """Pay what the network takes, and note what the wallet could not cover, and why it was not asked."""
    if told.of and (promised := tray.named(payment, told.of)):
        # The promise goes first, so that what it holds is there to pay with.
        matching.give_way(tray, promised, payment, told.amount, final=told.final)
    charged = tariff.charges(told.amount, original=told.original, operation=told.operation, on=tray.today)
    taken = payment.adding(
        Kind.CLEARING,
        told.amount,
        tray.now,
        source=told.element,
        final=told.final,
        fee=charged.fee,
        markup=charged.markup,
        operation=told.operation,
        original=told.original,
        rate=told.rate,
        interchange=told.interchange,
        of=told.of,
        subject=told.subject,
    )
    short = funds.follow(tray, payment, taken)
    return taken.amending(short=short, cause=funds.cause(taken)) if short else taken
