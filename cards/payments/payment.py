"""A card payment: everything one purchase brings, from the promise to the merchant to the money that leaves.

Networks repeat, reorder and forget, so nothing here is a status that somebody sets. A payment is a list of elements
that is only added to; its sums don't depend on their order, and what is still promised, what was taken and what the
holder is shown are functions of the sums (cards/payments/sums.py). The ledger follows them (cards/payments/funds.py).
"""

from datetime import datetime
from functools import cached_property
from typing import NewType
from uuid import UUID

import msgspec

from cards.payments.element import (
    INQUIRIES,
    OF_THE_HOUSE,
    Cause,
    Channel,
    Element,
    Kind,
    Merchant,
    Operation,
    StandIn,
    Status,
)
from cards.payments.sums import Sums, add_up
from law.money import Currency, Money, zero

__all__ = [
    "INQUIRIES",
    "OF_THE_HOUSE",
    "Cause",
    "Channel",
    "Element",
    "Kind",
    "Merchant",
    "Operation",
    "Payment",
    "PaymentId",
    "StandIn",
    "Status",
    "Sums",
    "add_up",
]

PaymentId = NewType("PaymentId", UUID)


class Payment(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The aggregate: what never changes, and its elements in the order they came.

    `card`, `holder` and `account` (the wallet account that pays) are None when the network named no card of ours.
    """

    id: PaymentId
    lane: int
    network: str
    lifecycle: str
    card: UUID | None
    holder: UUID | None
    account: UUID | None
    currency: Currency
    merchant: Merchant
    opened_at: datetime
    elements: tuple[Element, ...] = ()

    def sums(self) -> Sums:
        """Add the elements up."""
        return self._sums

    @cached_property
    def _sums(self) -> Sums:
        return add_up(self.elements, self.currency)

    def told(self, source: str) -> Element | None:
        """Find what the network already told us under this name."""
        return next((element for element in self.elements if element.source == source), None)

    def adding(self, kind: Kind, amount: Money, at: datetime, *, source: str | None, **more: object) -> "Payment":
        """Answer the payment with one element more, of which `more` are further fields; all are of one currency."""
        assert amount.currency is self.currency, "who tells of another currency is answered before"
        said: dict[str, object] = {"kind": kind, "amount": amount, "at": at, "source": source, **more}
        fields = {"number": len(self.elements) + 1, "short": zero(self.currency), **said}
        element = Element(**fields)  # type: ignore[arg-type]  # the fields of Element
        return msgspec.structs.replace(self, elements=(*self.elements, element))

    def amending(self, **newest: object) -> "Payment":
        """Answer the payment with other fields of its newest element, which is not stored yet."""
        element = msgspec.structs.replace(self.elements[-1], **newest)
        return msgspec.structs.replace(self, elements=(*self.elements[:-1], element))
