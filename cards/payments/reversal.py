"""A reversal: the merchant takes back what it said, all of it or a part: a question, a clearing or a refund.

One that overtakes what it takes back is kept all the same: a question, when it comes, is then promised so much less.
What was taken comes back with its fee, and the promise it was taken of stands again; what was refunded is taken.
"""

from datetime import datetime

from cards.payments import funds, recovery
from cards.payments.message import Reversal
from cards.payments.payment import Cause, Channel, Kind, Payment
from cards.payments.tray import Tray
from cards.programme import term
from law.money import zero


def give_up(tray: Tray, payment: Payment, told: Reversal) -> Payment:
    """Give the wallet back what the merchant will not take or has to return, or take what it was sent by mistake."""
    nothing = zero(payment.currency)
    given_up = max(told.amount - (told.remaining or nothing), nothing)
    reversed_ = payment.adding(Kind.REVERSAL, given_up, tray.now, source=told.element, subject=told.subject)
    if short := funds.follow(tray, payment, reversed_):
        reversed_ = reversed_.amending(short=short, cause=Cause.TAKEN_BACK)
    repaid = recovery.repaid_first(tray, payment, reversed_)
    if repaid.sums().promised > payment.sums().promised:
        funds.set_aside(tray, repaid, _until(tray, payment))
    return repaid


def _until(tray: Tray, payment: Payment) -> datetime:
    """Say until when a promise stands of which a clearing was taken back: as before or, where it was over, anew."""
    if known := tray.promises.get(payment.id):
        return known.due_at
    channel = next((each.channel for each in payment.elements if each.channel), Channel.ECOMMERCE)
    return tray.now + term.lasts(payment.merchant.category, channel, tray.today)
