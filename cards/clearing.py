"""A clearing: the network has paid the merchant and takes the money. It is never refused, only booked.

Promised or not, once or in parts, more or less than was asked, before the question arrives: the payment's sums come out
the same (cards/payment.py). A frozen or closed card changes nothing, since the purchase was made.
"""

from cards import funds
from cards.message import Clearing
from cards.payment import Kind, Payment
from cards.tray import Tray


def take(tray: Tray, payment: Payment, asked: Clearing) -> Payment:
    """Pay what the network takes, and note what the wallet could not cover."""
    taken = payment.adding(Kind.CLEARING, asked.amount, tray.now, source=asked.element, final=asked.final)
    short = funds.take(tray, taken, asked.amount)
    return payment.adding(Kind.CLEARING, asked.amount, tray.now, source=asked.element, final=asked.final, short=short)
