"""How an order counts: against which limit, for how much tenge, and under which restrictions.

asked      app/banking/requesting.py   claimed, where nothing stands against it
sent       app/banking/asking.py       looked at again, as a restriction works from when it is imposed
ended      app/banking/concluding.py   given back on the day it was counted, where the bank did not do it

Limits are in tenge. An exchange counts the tenge that is given, or got for what is: its worth at the quote's rate. One
between two foreign currencies has none and counts nothing, as no rate of it to the tenge was named.
"""

from app.allowance import Operation, Spend
from app.banking.order import Kind, Order
from law.money import KZT, Money


def spend(order: Order) -> Spend | None:
    """Say what is spent by `order`; None where that is nobody's money, or none at all."""
    if order.holder is None or order.operation is None:
        return None
    return Spend(order.holder, order.operation, _tenge(order), stopped_as(order))


def stopped_as(order: Order) -> Operation | None:
    """Say by which operation's restrictions `order` is stopped.

    Only tenge can leave: foreign money of one's own, sold for tenge of one's own, is on its way out
    (app/restrictions/reason.py).
    """
    return Operation.PAYOUT_OWN if order.kind is Kind.EXCHANGE and order.gets_currency is KZT else order.operation


def _tenge(order: Order) -> Money:
    gets = order.gets
    return gets if gets is not None and gets.currency is KZT else order.money
