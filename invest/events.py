"""What happened in Invest. Ids, amounts and times only; fields are added at the end with a default."""

from datetime import date
from uuid import UUID

import msgspec


class ConsentGiven(msgspec.Struct, frozen=True, tag="invest.consent_given"):
    """A resident opted in to the text of this version."""

    text_version: int


class ConsentWithdrawn(msgspec.Struct, frozen=True, tag="invest.consent_withdrawn"):
    """A resident opted out; placements already made run on."""

    text_version: int


class PlacementRequested(msgspec.Struct, frozen=True, tag="placement.requested"):
    """The resident confirmed a preview."""

    placement: UUID
    partner: UUID
    product: UUID
    terms: UUID
    principal_minor: int
    currency: str
    matures_on: date


class PlacementSent(msgspec.Struct, frozen=True, tag="placement.sent"):
    """The bank is being asked, or was found to know the placement after all."""

    placement: UUID
    partner: UUID


class PlacementUnknown(msgspec.Struct, frozen=True, tag="placement.unknown"):
    """The bank did not answer: it may have the placement or not."""

    placement: UUID
    partner: UUID


class PlacementConfirmed(msgspec.Struct, frozen=True, tag="placement.confirmed"):
    """The bank opened the deposit under its `bank_reference`."""

    placement: UUID
    partner: UUID
    bank_reference: str


class PlacementRejected(msgspec.Struct, frozen=True, tag="placement.rejected"):
    """The bank refused."""

    placement: UUID
    partner: UUID
    reason: str


class PlacementBooked(msgspec.Struct, frozen=True, tag="placement.booked"):
    """The money left the wallet; the position exists."""

    placement: UUID
    partner: UUID
    principal_minor: int
    currency: str
    matures_on: date


class PlacementReleased(msgspec.Struct, frozen=True, tag="placement.released"):
    """After a refusal of the bank the money is free again."""

    placement: UUID
    partner: UUID


class PlacementMatured(msgspec.Struct, frozen=True, tag="placement.matured"):
    """The bank says the term is over and pays back."""

    placement: UUID
    partner: UUID


class PlacementRepaid(msgspec.Struct, frozen=True, tag="placement.repaid"):
    """Principal and interest are in the wallet; the position is gone."""

    placement: UUID
    partner: UUID
    principal_minor: int
    interest_minor: int
    currency: str
