"""A card payment: everything one purchase brings, from the promise to the merchant to the money that leaves.

Networks repeat, reorder and forget, so nothing here is a status that somebody sets. A payment is a list of elements
that is only added to; its sums don't depend on their order, and what is still promised and what the holder is shown are
functions of the sums (the shape of Increase's card payment).
"""

import enum
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NewType
from uuid import UUID

import msgspec

from cards.reason import Reason
from law.money import Currency, Money, zero

PaymentId = NewType("PaymentId", UUID)

# A merchant has seven days to claim a purchase made without the card present, the longest of the usual terms (Visa's
# authorisation windows since 14 April 2024). One term for all merchants, until the programme tells them apart.
PROMISE_LASTS = timedelta(days=7)


class Kind(enum.StrEnum):
    """What an element says."""

    AUTHORIZATION = "authorization"  # the merchant was promised the amount
    DECLINE = "decline"  # the merchant was refused the amount
    REVERSAL = "reversal"  # the merchant gave up the amount
    CLEARING = "clearing"  # the network took the amount
    EXPIRY = "expiry"  # nobody claimed the amount in time


class Status(enum.StrEnum):
    """What a payment looks like to its holder."""

    DECLINED = "declined"
    PENDING = "pending"
    PARTIALLY_CLEARED = "partially_cleared"
    CLEARED = "cleared"
    REVERSED = "reversed"
    EXPIRED = "expired"


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """Who is paid, as the network spells it: `category` by ISO 18245 (four digits), `country` by ISO 3166 (letters)."""

    name: str
    id: str
    category: str
    country: str


class Element(msgspec.Struct, frozen=True, kw_only=True):
    """One fact about a payment; `source` is the network's name for it, None for what the house did itself.

    `amount` is never negative. `short` is the part of a clearing that the wallet could not cover; `final` marks the
    clearing after which the merchant takes no more; `reasons` are those of a decline, the public one first.
    """

    number: int
    kind: Kind
    amount: Money
    short: Money
    at: datetime
    source: str | None
    final: bool = False
    reasons: tuple[Reason, ...] = ()


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """What the elements of one payment add up to, in any order."""

    authorized: Money
    declined: Money
    reversed: Money
    captured: Money
    expired: Money
    final: bool

    @property
    def promised(self) -> Money:
        """What the merchant may still take: the part of the promise that nobody gave up, took or let lapse."""
        nothing = zero(self.authorized.currency)
        if self.final:
            return nothing
        return max(self.authorized - self.reversed - self.captured - self.expired, nothing)

    @property
    def spent(self) -> Money:
        """What the payment counts against the holder's own limits: what was taken and what may still be."""
        return self.captured + self.promised

    @property
    def status(self) -> Status:
        """What the holder is shown; money that moved outranks a promise, a promise outranks what became of it."""
        if self.captured:
            return Status.PARTIALLY_CLEARED if self.promised else Status.CLEARED
        if self.promised:
            return Status.PENDING
        if self.expired:
            return Status.EXPIRED
        return Status.DECLINED if self.declined and not self.authorized else Status.REVERSED


class Payment(msgspec.Struct, frozen=True, kw_only=True):
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
        return add_up(self.elements, self.currency)

    def told(self, source: str) -> Element | None:
        """Find what the network already told us under this name."""
        return next((element for element in self.elements if element.source == source), None)

    def adding(
        self,
        kind: Kind,
        amount: Money,
        at: datetime,
        *,
        source: str | None,
        short: Money | None = None,
        final: bool = False,
        reasons: tuple[Reason, ...] = (),
    ) -> "Payment":
        """Answer the payment with one element more."""
        element = Element(
            number=len(self.elements) + 1,
            kind=kind,
            amount=amount,
            short=short or zero(self.currency),
            at=at,
            source=source,
            final=final,
            reasons=reasons,
        )
        return msgspec.structs.replace(self, elements=(*self.elements, element))


def add_up(elements: Iterable[Element], currency: Currency) -> Sums:
    """Sum `elements`, all of `currency`, by kind."""
    by_kind = dict.fromkeys(Kind, zero(currency))
    final = False
    for element in elements:
        by_kind[element.kind] += element.amount
        final = final or element.final
    return Sums(
        authorized=by_kind[Kind.AUTHORIZATION],
        declined=by_kind[Kind.DECLINE],
        reversed=by_kind[Kind.REVERSAL],
        captured=by_kind[Kind.CLEARING],
        expired=by_kind[Kind.EXPIRY],
        final=final,
    )
