"""What happened between residents and banks, as facts in `app.event`. Ids, amounts and words of ours only."""

from datetime import date
from uuid import UUID

import msgspec


class OrderRequested(msgspec.Struct, frozen=True, tag="bank_order.requested"):
    """A resident asked for it and the money, where it takes any, is set aside."""

    order: UUID
    kind: str
    partner: UUID
    amount_minor: int
    currency: str


class OrderSent(msgspec.Struct, frozen=True, tag="bank_order.sent"):
    """The bank is being asked, or has it and is at work."""

    order: UUID
    kind: str
    partner: UUID


class OrderUnknown(msgspec.Struct, frozen=True, tag="bank_order.unknown"):
    """The bank did not answer: it may have done it or not, and is asked again under the same key."""

    order: UUID
    kind: str
    partner: UUID


class OrderDone(msgspec.Struct, frozen=True, tag="bank_order.done"):
    """The bank did it and the money moved; an exchange brought `gets_minor`."""

    order: UUID
    kind: str
    partner: UUID
    amount_minor: int
    currency: str
    gets_minor: int | None = None
    gets_currency: str | None = None


class OrderRejected(msgspec.Struct, frozen=True, tag="bank_order.rejected"):
    """The bank won't, or could not be asked; the money is free again."""

    order: UUID
    kind: str
    partner: UUID
    reason: str


class OrderReturned(msgspec.Struct, frozen=True, tag="bank_order.returned"):
    """The money came back after the bank had sent it on; it is where it came from."""

    order: UUID
    kind: str
    partner: UUID
    amount_minor: int
    currency: str
    reason: str


class BeneficiarySaved(msgspec.Struct, frozen=True, tag="beneficiary.saved"):
    """A resident saved an account to pay to."""

    beneficiary: UUID
    own: bool


class BeneficiaryRemoved(msgspec.Struct, frozen=True, tag="beneficiary.removed"):
    """A resident removed it."""

    beneficiary: UUID


class TopupCreated(msgspec.Struct, frozen=True, tag="topup.created"):
    """A resident asked how to pay in."""

    topup: UUID
    account: UUID


class PaymentAnnounced(msgspec.Struct, frozen=True, tag="payment.announced"):
    """A payment is on its way to a resident; it is promised by `by`."""

    incoming: UUID
    partner: UUID
    amount_minor: int
    currency: str
    by: str


class PaymentAged(msgspec.Struct, frozen=True, tag="payment.aged"):
    """Money nobody could be found for has waited for too long: an alarm."""

    incoming: UUID
    partner: UUID
    amount_minor: int
    currency: str
    days: int


class ResolutionProposed(msgspec.Struct, frozen=True, tag="suspense.proposed"):
    """An officer proposed what to do with suspended money."""

    incoming: UUID
    proposal: UUID
    action: str
    reason: str


class ResolutionDecided(msgspec.Struct, frozen=True, tag="suspense.decided"):
    """Another officer approved or refused it; what was approved is done."""

    incoming: UUID
    proposal: UUID
    action: str
    verdict: str


class StatementTaken(msgspec.Struct, frozen=True, tag="statement.taken"):
    """A bank's statement of a day is kept."""

    statement: UUID
    partner: UUID
    day: date
    entries: int
    sha256: str


class SafeguardingChecked(msgspec.Struct, frozen=True, tag="safeguarding.checked"):
    """What we owe was compared with what the bank keeps; `differs` and `no_statement` are alarms."""

    partner: UUID
    day: date
    outcome: str
    unexplained_minor: int
    sha256: str
