"""What is said of card payments: the words for it, and the elements that a payment is a list of."""

import enum
from datetime import datetime
from decimal import Decimal

import msgspec

from cards.payments.reason import Reason
from law.money import Money


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
    TAKEN_BACK = "taken_back"  # the network took a refund back, and it was spent
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

    `subject` is the network's name for what it is about, where that is another: what a reversal takes back, the
    question that an advice answers or that took the money at once.

    No amount is negative. `amount` is the network's, `fee` and `markup` are what we charge beside it, `buffer` is what
    is set aside beyond an estimate. `asked` is what a partial approval fell short of, `told` the balance that was
    answered. `single`: taken at once, as the same message asked; `ours`: charged by the house; `stand_in`: promised in
    our place. `short` is what the wallet could not cover, for that `cause`; `final` marks the clearing after which the
    merchant takes no more; `reasons` are those of a decline, the public one first. `original` and `rate` are the
    merchant's currency, `interchange` is what the network leaves us, `of` another lifecycle that it says this is about.
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
    subject: str | None = None

    @property
    def about(self) -> str | None:
        """Name what it says something about."""
        return self.subject or self.source

    @property
    def partial(self) -> bool:
        """Whether less was approved than was asked."""
        return self.asked is not None and self.asked != self.amount
