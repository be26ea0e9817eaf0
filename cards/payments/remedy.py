"""What of a declined payment its holder forbade, and could allow now: told with the decline, so that one tap does it.

told by    cards/payments/history.py      PaymentDeclined.allow
kept by    cards/payments/allowance.py    what passes once is what was asked, value by value
decided by cards/programme/control.py     PERMITTED: what the holder permits a card
"""

from cards.payments.message import Authorization
from cards.payments.payment import INQUIRIES, Element, Kind, Merchant, Operation, Payment
from cards.payments.reason import Reason

#: What the holder forbids by, for each reason that is the holder's own; the words are those of a card's controls.
CONTROLS = {
    Reason.CHANNEL_BLOCKED: "channels",
    Reason.OPERATION_BLOCKED: "operations",
    Reason.CATEGORY_BLOCKED: "categories",
    Reason.COUNTRY_BLOCKED: "countries",
    Reason.MERCHANT_BLOCKED: "merchants",
    Reason.CURRENCY_BLOCKED: "currencies",
}
_NO_PURCHASE = INQUIRIES | {Operation.REFUND}
_NOTHING_PROMISED = frozenset({Kind.DECLINE, Kind.INQUIRY})


def allowing(payment: Payment, declined: Element) -> dict[str, str]:
    """Name what each control would have to let pass; nothing where anything else stands against the payment.

    Nothing either where no purchase was asked for, or more of one that was promised: the shop can't ask for that anew.
    """
    if not set(declined.reasons) <= CONTROLS.keys() or not _asks_anew(payment, declined):
        return {}
    passing = passes(payment.merchant, declined)
    return {CONTROLS[reason]: passing[CONTROLS[reason]] for reason in declined.reasons}


def passes(merchant: Merchant, asked: Authorization | Element) -> dict[str, str]:
    """Name what each control would have to let pass for what is or was asked at `merchant`."""
    return {
        "channels": str(asked.channel),
        "operations": str(asked.operation),
        "categories": merchant.category,
        "countries": merchant.country,
        "merchants": merchant.id,
        "currencies": str((asked.original or asked.amount).currency),
    }


def _asks_anew(payment: Payment, declined: Element) -> bool:
    before = payment.elements[: declined.number - 1]
    purchase = bool(declined.amount) and declined.operation not in _NO_PURCHASE
    return purchase and all(each.kind in _NOTHING_PROMISED for each in before)
