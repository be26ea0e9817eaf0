"""A card payment: everything one purchase brings, from the promise to the merchant to the money that leaves.

Networks repeat, reorder and forget, so nothing here is a status that somebody sets. A payment is a list of elements
that is only added to; its sums don't depend on their order, and what is still promised, what was taken and what the
holder is shown are functions of the sums. The ledger follows them (cards/payments/funds.py).
"""

import enum
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import NewType
from uuid import UUID

import msgspec

from cards.payments.reason import Reason
from law.money import Currency, Money, zero

PaymentId = NewType("PaymentId", UUID)


class Kind(enum.StrEnum):
    """What an element says."""

    AUTHORIZATION = "authorization"  # the merchant was promised the amount
    INCREMENT = "increment"  # it was promised so much more
    CONFIRMATION = "confirmation"  # it said what of an estimate it will take
    DECLINE = "decline"  # it was refused the amount
    INQUIRY = "inquiry"  # it asked about the card or its money, and nothing was promised
    REFUND_AUTHORIZATION = "refund_authorization"  # it may send the amount back
    REVERSAL = "reversal"  # it gave up the amount
    CLEARING = "clearing"  # the network took the amount
    REFUND = "refund"  # the network gave the amount
    FEE = "fee"  # the amount was charged beside any purchase
    EXPIRY = "expiry"  # nobody claimed the amount in time
    MATCH = "match"  # the amount was taken under another name
    RECOVERY = "recovery"  # the amount, lent before, came back from the wallet
    WRITE_OFF = "write_off"  # the amount, lent before, is lost to fraud


#: What the house does by itself; the network has no name for it.
OF_THE_HOUSE = frozenset({Kind.EXPIRY, Kind.MATCH, Kind.RECOVERY, Kind.WRITE_OFF})


class Cause(enum.StrEnum):
    """Why the wallet could not cover what had to be paid. There are no others: all else asks the wallet first."""

    OVER_CAPTURE = "over_capture"  # more was taken than was promised
    FORCE_POST = "force_post"  # taken, and nothing had been promised
    AFTER_EXPIRY = "after_expiry"  # taken when the promise was over
    STAND_IN = "stand_in"  # promised in our place, beyond what the wallet had
    FEE = "fee"  # charged by the network or by us


class Operation(enum.StrEnum):
    """What the money is for (ISO 8583 field 3, positions 1 and 2)."""

    PURCHASE = "purchase"
    CASH = "cash"
    CASHBACK = "cashback"
    REFUND = "refund"  # may the merchant send money back? Nothing is set aside
    BALANCE = "balance"  # how much is there?
    VERIFICATION = "verification"  # is the card good? The amount is zero


#: What promises nothing, whatever amount is said with it.
INQUIRIES = frozenset({Operation.BALANCE, Operation.VERIFICATION})


class Channel(enum.StrEnum):
    """How the card met the merchant."""

    CHIP = "chip"
    CONTACTLESS = "contactless"
    MAGSTRIPE = "magstripe"
    ECOMMERCE = "ecommerce"
    MOTO = "moto"
    RECURRING = "recurring"
    TOKEN = "token"  # noqa: S105  a phone or a watch at the till

    @property
    def present(self) -> bool:
        """Whether the card, or what stands for it, was at the merchant's."""
        return self in _PRESENT


_PRESENT = frozenset({Channel.CHIP, Channel.CONTACTLESS, Channel.MAGSTRIPE, Channel.TOKEN})


class StandIn(enum.StrEnum):
    """Who promised in our place."""

    NETWORK = "network"
    OURS = "ours"  # our own stand-in, while the database could not be asked


class Status(enum.StrEnum):
    """What a payment looks like to its holder."""

    DECLINED = "declined"
    VERIFIED = "verified"
    PENDING = "pending"
    PARTIALLY_CLEARED = "partially_cleared"
    CLEARED = "cleared"
    REVERSED = "reversed"
    EXPIRED = "expired"
    REFUNDED = "refunded"


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """Who is paid, as the network spells it: `category` by ISO 18245 (four digits), `country` by ISO 3166 (letters)."""

    name: str
    id: str
    category: str
    country: str
    city: str | None = None


class Element(msgspec.Struct, frozen=True, kw_only=True):
    """One fact about a payment; `source` is the network's name for it, None for what the house did itself.

    No amount is negative. `amount` is the network's, `fee` and `markup` are what we charge beside it, `buffer` is what
    is set aside beyond an estimate. `asked` is what a partial approval fell short of, `told` the balance that was
    answered. `single`: taken at once, as the same message asked; `ours`: charged by the house; `stand_in`: promised in
    our place. `short` is what the wallet could not cover, for that
    `cause`; `final` marks the clearing after which the merchant takes no more; `reasons` are those of a decline, the
    public one first. `original` and `rate` are the merchant's currency, `interchange` is what the network leaves us,
    `of` the lifecycle that it named as the one this is about.
    """

    number: int
    kind: Kind
    amount: Money
    short: Money
    at: datetime
    source: str | None
    final: bool = False
    reasons: tuple[Reason, ...] = ()
    fee: Money | None = None
    markup: Money | None = None
    buffer: Money | None = None
    asked: Money | None = None
    told: Money | None = None
    single: bool = False
    ours: bool = False
    operation: Operation | None = None
    channel: Channel | None = None
    stand_in: StandIn | None = None
    cause: Cause | None = None
    original: Money | None = None
    rate: Decimal | None = None
    interchange: Money | None = None
    of: str | None = None

    @property
    def partial(self) -> bool:
        """Whether less was approved than was asked."""
        return self.asked is not None and self.asked != self.amount


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """What the elements of one payment add up to, in any order: minor units of `currency`.

    `extra` is what we charge and set aside beside a promise, `confirmed` what the merchant said the promise comes to
    (the largest, should it say so twice) with its own `confirmed_extra`; `single` is what of `captured` was taken at
    once, with charges of its own; `fees` and `markups` came with other clearings, `charged` beside any purchase.
    """

    currency: Currency
    authorized: int = 0
    incremented: int = 0
    extra: int = 0
    confirmed: int | None = None
    confirmed_extra: int = 0
    declined: int = 0
    inquiries: int = 0
    refund_authorized: int = 0
    reversed: int = 0
    captured: int = 0
    single: int = 0
    fees: int = 0
    markups: int = 0
    single_fees: int = 0
    single_markups: int = 0
    refunded: int = 0
    charged: int = 0
    expired: int = 0
    matched: int = 0
    short: int = 0
    recovered: int = 0
    written_off: int = 0
    final: bool = False

    @property
    def _promise(self) -> int:
        """What was promised in all, before anything of it was given up, taken or over."""
        return self._asked if self.confirmed is None else self.confirmed

    @property
    def _asked(self) -> int:
        """What was approved, question by question."""
        return self.authorized + self.incremented

    @property
    def _left(self) -> int:
        if self.final:
            return 0
        gone = self.reversed - self._returned + self.captured + self.expired + self.matched
        return max(self._promise - gone, 0)

    @property
    def overtook(self) -> Money:
        """What came before the question for it: given up, taken or confirmed beyond all that was asked for so far."""
        gone = self.reversed - self._returned + self.captured + self.matched
        return Money(max(gone, self.confirmed or 0, self._asked) - self._asked, self.currency)

    @property
    def promised(self) -> Money:
        """What the merchant may still take: the part of the promise that nobody gave up, took or let lapse."""
        return Money(self._left, self.currency)

    @property
    def wanted(self) -> Money:
        """What the wallet has to set aside for that: with our charges and the buffer, in proportion to what is left."""
        return Money(self._wanted, self.currency)

    @property
    def _wanted(self) -> int:
        left, extra = self._left, self.extra if self.confirmed is None else self.confirmed_extra
        return left + extra * left // self._promise if left and extra else left

    @property
    def _returned(self) -> int:
        """Of what was taken at once, the part that was given up: that is what a reversal gives back first."""
        return min(self.reversed, self.single)

    @property
    def taken(self) -> Money:
        """What the network has, but for refunds."""
        return Money(self.captured - self._returned, self.currency)

    @property
    def fee(self) -> Money:
        """What we charged with what was taken."""
        return Money(self.fees + self._kept(self.single_fees), self.currency)

    @property
    def markup(self) -> Money:
        """What we earned on the exchange of what was taken."""
        return Money(self.markups + self._kept(self.single_markups), self.currency)

    def _kept(self, charge: int) -> int:
        """Of what was charged for money taken at once, the part for what stayed taken."""
        return charge and charge * (self.single - self._returned) // self.single

    @property
    def owed(self) -> Money:
        """What the wallet could not cover, has not paid since, and is still expected to pay."""
        return Money(self.short - self.recovered - self.written_off, self.currency)

    @property
    def spent(self) -> Money:
        """What the payment counts against limits: what was taken and what may still be, with our charges."""
        charged = self.fees + self.markups + self._kept(self.single_fees) + self._kept(self.single_markups)
        return Money(self.captured - self._returned + charged + self._wanted, self.currency)

    @property
    def was_promised(self) -> bool:
        """Whether anything was ever promised, as far as we know."""
        return bool(self.authorized or self.incremented or self.confirmed)

    @property
    def status(self) -> Status:  # noqa: PLR0911  a column of rules
        """What the holder is shown; money that moved outranks a promise, a promise outranks what became of it."""
        taken = self.captured - self._returned
        if self.refunded and self.refunded >= taken:
            return Status.REFUNDED
        if taken:
            return Status.PARTIALLY_CLEARED if self._left else Status.CLEARED
        if self._left:
            return Status.PENDING
        if self.matched or self.charged:
            return Status.CLEARED
        if self.expired:
            return Status.EXPIRED
        if self.authorized or self.incremented or self.confirmed:
            return Status.REVERSED
        if self.declined:
            return Status.DECLINED
        if self.refund_authorized:
            return Status.PENDING
        return Status.VERIFIED if self.inquiries else Status.REVERSED


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


#: The sum that the amount of an element is added to; the others have rules of their own.
_SUM = {
    Kind.AUTHORIZATION: "authorized",
    Kind.INCREMENT: "incremented",
    Kind.DECLINE: "declined",
    Kind.REFUND_AUTHORIZATION: "refund_authorized",
    Kind.REVERSAL: "reversed",
    Kind.CLEARING: "captured",
    Kind.REFUND: "refunded",
    Kind.FEE: "charged",
    Kind.EXPIRY: "expired",
    Kind.MATCH: "matched",
    Kind.RECOVERY: "recovered",
    Kind.WRITE_OFF: "written_off",
}


def add_up(elements: Iterable[Element], currency: Currency) -> Sums:
    """Sum `elements`, all of `currency`, by kind."""
    sums: defaultdict[str, int] = defaultdict(int)
    inquiries, final = 0, False
    confirmed: tuple[int, int] | None = None
    for element in elements:
        charge = _minor(element.fee) + _minor(element.markup)
        sums["short"] += element.short.minor
        final = final or element.final
        match element.kind:
            case Kind.INQUIRY:
                inquiries += 1
                continue
            case Kind.CONFIRMATION:
                confirmed = max(confirmed or (0, 0), (element.amount.minor, charge))
                continue
            case Kind.AUTHORIZATION | Kind.INCREMENT if not element.single:
                sums["extra"] += charge + _minor(element.buffer)
            case Kind.CLEARING if element.single:
                sums["single"] += element.amount.minor
                sums["single_fees"] += _minor(element.fee)
                sums["single_markups"] += _minor(element.markup)
            case Kind.CLEARING:
                sums["fees"] += _minor(element.fee)
                sums["markups"] += _minor(element.markup)
        sums[_SUM[element.kind]] += element.amount.minor
    return Sums(
        currency=currency,
        inquiries=inquiries,
        final=final,
        confirmed=confirmed[0] if confirmed else None,
        confirmed_extra=confirmed[1] if confirmed else 0,
        **sums,
    )


def _minor(amount: Money | None) -> int:
    return amount.minor if amount else 0
