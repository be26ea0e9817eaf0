"""What happens to disputes, as facts of the journal of the schema `cards`: ids, amounts and times, no words of people.

Amounts are minor units of `currency`. The holder's feed shows all of it. Aggregate: the dispute.
"""

import enum
from datetime import date, datetime
from uuid import UUID

import msgspec


class What(enum.StrEnum):
    """What the operator bears."""

    RECEIVABLE = "receivable"  # what it gave, and the network does not
    DEBT = "debt"  # what the person owes since it was taken back and was not there
    PAYMENT = "payment"  # what was lent to the person for the disputed payment itself


class DisputeOpened(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.opened"):
    """The holder says that `amount_minor` of the payment is not right; `due_on` is the last day to hand it in."""

    dispute: UUID
    payment: UUID
    reason: str
    amount_minor: int
    currency: str
    due_on: date


class EvidenceGiven(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.evidence_given"):
    """A file was added."""

    dispute: UUID
    evidence: UUID
    kind: str


class DisputeMoved(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.moved"):
    """A hop: by `act` to `state`, about `amount_minor`; whose `turn` it is, and until when."""

    dispute: UUID
    act: str
    state: str
    turn: str
    amount_minor: int
    currency: str
    due_at: datetime | None


class DisputeEnded(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.ended"):
    """It is decided; of `amount_minor` the network gave `recovered_minor`."""

    dispute: UUID
    act: str
    state: str
    amount_minor: int
    recovered_minor: int
    currency: str


class DisputeCredited(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.credited"):
    """The holder has `amount_minor` back before it is decided; until `reversible_until` it may be taken back."""

    dispute: UUID
    amount_minor: int
    currency: str
    reversible_until: datetime | None


class CreditFinal(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.credit_final"):
    """What was credited stays with the holder."""

    dispute: UUID
    amount_minor: int
    currency: str


class TakeBackAnnounced(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.take_back_announced"):
    """The notice: `amount_minor` of what was credited is taken back at `at`."""

    dispute: UUID
    amount_minor: int
    currency: str
    at: datetime


class CreditTakenBack(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.credit_taken_back"):
    """What was credited is taken back, but for `owed_minor`, which the wallet did not have and the holder owes."""

    dispute: UUID
    amount_minor: int
    owed_minor: int
    currency: str


class DebtCollected(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.debt_collected"):
    """The wallet had `amount_minor` of what the holder owed; `owed_minor` is left."""

    dispute: UUID
    amount_minor: int
    owed_minor: int
    currency: str


class DisputeShrunk(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.shrunk"):
    """The merchant refunded `refunded_minor` meanwhile; `amount_minor` is still disputed."""

    dispute: UUID
    refunded_minor: int
    amount_minor: int
    currency: str


class DisputeReminded(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.reminded"):
    """The holder's term ends at `due_at`, and something is still missing."""

    dispute: UUID
    due_at: datetime


class LossBorne(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.loss_borne"):
    """The operator bears `amount_minor`."""

    dispute: UUID
    what: What
    amount_minor: int
    currency: str
    fraud: bool


class WriteOffProposed(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.write_off_proposed"):
    """An officer proposes that the operator bears a loss; nobody but officers knows of it."""

    dispute: UUID
    write_off: UUID
    what: What
    amount_minor: int


class WriteOffDropped(msgspec.Struct, frozen=True, kw_only=True, tag="dispute.write_off_dropped"):
    """It is not borne: another officer disagreed, or the first took it back."""

    dispute: UUID
    write_off: UUID
