"""One thing that is told under two names: a question we answered, and the advice of what the network answered for us.

A network asks (0100, 0200), hears nothing in time, answers in our place and tells us so (0120, 0220), also where our
yes was only late. Whichever of the two comes first, one promise is made and the money moves once; the larger counts.
"""

import msgspec

from cards.payments.message import Authorization, Clearing, NetworkMessage, Refund
from cards.payments.payment import Element, Kind, Operation, Payment
from law.money import Money

_PROMISES = frozenset({Kind.AUTHORIZATION, Kind.INCREMENT})


def news(payment: Payment, told: NetworkMessage) -> NetworkMessage | Element:
    """Answer what of a message is to be booked; or, where all of it was said under another name, what said it."""
    kinds = _moves(told)
    about = told.subject or told.element
    before = [each for each in payment.elements if each.kind in kinds and each.about == about]
    said = sum(each.amount.minor for each in before)
    if not before:
        return told
    if said >= told.amount.minor:
        return before[-1]
    rest = msgspec.structs.replace(told, amount=Money(told.amount.minor - said, told.amount.currency))
    return msgspec.structs.replace(rest, partial_ok=False) if isinstance(rest, Authorization) else rest


def _moves(told: NetworkMessage) -> frozenset[Kind]:
    """Name what a message becomes where it promises, takes or gives; empty where it does none of these."""
    match told:
        case Clearing():
            return frozenset({Kind.CLEARING})
        case Refund():
            return frozenset({Kind.REFUND})
        case Authorization() if told.operation is Operation.REFUND:
            return frozenset({Kind.REFUND}) if told.single else frozenset()
        case Authorization() if not told.inquiry:
            return frozenset({Kind.CLEARING}) if told.single else _PROMISES
        case _:
            return frozenset()
