"""What of a declined payment its holder forbade, and could allow now: told with the decline, so that one tap does it.

told by    cards/history.py     PaymentDeclined.allow
decided by cards/control.py     PERMITTED: what the holder permits a card
"""

from cards.payment import Element, Payment
from cards.reason import Reason

#: What the holder forbids by, for each reason that is the holder's own; the words are those of a card's controls.
CONTROLS = {
    Reason.CHANNEL_BLOCKED: "channels",
    Reason.OPERATION_BLOCKED: "operations",
    Reason.CATEGORY_BLOCKED: "categories",
    Reason.COUNTRY_BLOCKED: "countries",
    Reason.MERCHANT_BLOCKED: "merchants",
    Reason.CURRENCY_BLOCKED: "currencies",
}


def allowing(payment: Payment, declined: Element) -> dict[str, str]:
    """Name what each control would have to let pass; nothing where anything else stands against the payment."""
    if not set(declined.reasons) <= CONTROLS.keys():
        return {}
    charged = (declined.original or declined.amount).currency
    passing = {
        "channels": declined.channel,
        "operations": declined.operation,
        "categories": payment.merchant.category,
        "countries": payment.merchant.country,
        "merchants": payment.merchant.id,
        "currencies": charged,
    }
    return {CONTROLS[reason]: str(passing[CONTROLS[reason]]) for reason in declined.reasons}
