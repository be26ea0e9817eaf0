"""A refund: the network gives the wallet money. It is never refused, whatever was taken before, or nothing.

Which purchase it is about is a guess unless the network says so, so nothing is capped by it: the link is for the holder
to read (cards/payments/matching.py). A fee beside any purchase is charged here too, by the network or by us.
"""

from cards.payments import funds, recovery
from cards.payments.message import FeeCharge, Refund
from cards.payments.payment import Kind, Payment
from cards.payments.tray import Tray


def give(tray: Tray, payment: Payment, told: Refund) -> Payment:
    """Pay the wallet, which first repays what was lent to it for this payment."""
    refunded = payment.adding(
        Kind.REFUND,
        told.amount,
        tray.now,
        source=told.element,
        original=told.original,
        rate=told.rate,
        interchange=told.interchange,
        of=told.of,
        subject=told.subject,
    )
    funds.follow(tray, payment, refunded)
    return recovery.repaid_first(tray, payment, refunded)


def charge(tray: Tray, payment: Payment, told: FeeCharge) -> Payment:
    """Charge the wallet, and lend it what it does not have."""
    charged = payment.adding(Kind.FEE, told.amount, tray.now, source=told.element, ours=told.ours)
    short = funds.follow(tray, payment, charged)
    return charged.amending(short=short, cause=funds.cause(charged)) if short else charged
