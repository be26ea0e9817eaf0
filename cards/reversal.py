"""A reversal: the merchant gives up what it was promised, all of it or a part.

One that overtakes its question is kept all the same: the question, when it comes, is then promised so much less.
"""

from cards import funds
from cards.message import Reversal
from cards.payment import Kind, Payment
from cards.tray import Tray


def give_up(tray: Tray, payment: Payment, told: Reversal) -> Payment:
    """Give the wallet back what the merchant will not take."""
    given_up = payment.adding(Kind.REVERSAL, told.amount, tray.now, source=told.element)
    if promise := tray.promises.get(payment.id):
        wanted = min(given_up.sums().promised, funds.held(tray, payment))
        refused = funds.set_aside(tray, given_up, wanted, until=promise.due_at)
        assert refused is None, "of what is given back a part can be set aside again"
    return given_up
