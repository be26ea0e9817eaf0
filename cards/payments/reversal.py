"""A reversal: the merchant gives up what it was promised, all of it or a part.

One that overtakes its question is kept all the same: the question, when it comes, is then promised so much less. Of
what a single message took (0200) the network gives the money back.
"""

from cards.payments import funds, recovery
from cards.payments.message import Reversal
from cards.payments.payment import Kind, Payment
from cards.payments.tray import Tray
from law.money import zero


def give_up(tray: Tray, payment: Payment, told: Reversal) -> Payment:
    """Give the wallet back what the merchant will not take, or has to return."""
    nothing = zero(payment.currency)
    given_up = max(told.amount - (told.remaining or nothing), nothing)
    reversed_ = payment.adding(Kind.REVERSAL, given_up, tray.now, source=told.element)
    funds.follow(tray, payment, reversed_)
    return recovery.repaid_first(tray, payment, reversed_)
