"""What happened to cards on their way and by those who watch over them, and to the programme: ids, classes and times.

Fields are added at the end with a default; a changed meaning is a new event. Orders, activation, freezing and closing
are in cards/events.py.
"""

from datetime import date
from uuid import UUID

import msgspec


class CardPersonalising(msgspec.Struct, frozen=True, kw_only=True, tag="card.personalising"):
    """The maker has begun to make the piece of plastic."""

    card: UUID


class CardShipped(msgspec.Struct, frozen=True, kw_only=True, tag="card.shipped"):
    """The card is on its way, as the parcel `parcel`."""

    card: UUID
    parcel: UUID | None = None


class CardReturned(msgspec.Struct, frozen=True, kw_only=True, tag="card.returned"):
    """The carrier could not deliver the card; it waits for a better address."""

    card: UUID


class CardDelivered(msgspec.Struct, frozen=True, kw_only=True, tag="card.delivered"):
    """The carrier says the holder has the card; it is not activated yet."""

    card: UUID


class CardSuspended(msgspec.Struct, frozen=True, kw_only=True, tag="card.suspended"):
    """`owner` refuses purchases with the card until the same owner lifts it."""

    card: UUID
    owner: str
    reason: str


class CardSuspensionLifted(msgspec.Struct, frozen=True, kw_only=True, tag="card.suspension_lifted"):
    """`owner` refuses no longer; others may."""

    card: UUID
    owner: str


class CardControlled(msgspec.Struct, frozen=True, kw_only=True, tag="card.controlled"):
    """The holder changed what the card may be used for; `fields` names which of it."""

    card: UUID
    fields: tuple[str, ...]


class CardTravelling(msgspec.Struct, frozen=True, kw_only=True, tag="card.travelling"):
    """The holder said where they go: so many journeys are known now."""

    card: UUID
    trips: int


class CardAdopted(msgspec.Struct, frozen=True, kw_only=True, tag="card.adopted"):
    """A child's card belongs to the successor of its parent's card now."""

    card: UUID
    parent: UUID


class CardRebased(msgspec.Struct, frozen=True, kw_only=True, tag="card.rebased"):
    """The card moved from one legal basis to another, by the campaign `campaign`."""

    card: UUID
    was: str
    basis: str
    notice_version: str
    campaign: UUID


class CardRenewalDue(msgspec.Struct, frozen=True, kw_only=True, tag="card.renewal_due"):
    """The card ends on `expires_on` and was not renewed by itself: `why` is the code of what stands against it."""

    card: UUID
    expires_on: date
    why: str


class IdentityLapsed(msgspec.Struct, frozen=True, kw_only=True, tag="card_holder.verification_lapsed"):
    """The holder's identity was verified until `verified_until`; their cards wait until it is again."""

    verified_until: date


class IdentityVerified(msgspec.Struct, frozen=True, kw_only=True, tag="card_holder.verified"):
    """The holder's identity is verified until `verified_until`."""

    verified_until: date


class NoticeAccepted(msgspec.Struct, frozen=True, kw_only=True, tag="card_holder.notice_accepted"):
    """The holder accepted a version of the notice to consumers; each is accepted once."""

    notice_version: str
    language: str


class ExemptionProposed(msgspec.Struct, frozen=True, kw_only=True, tag="card_exemption.proposed"):
    """An officer asks that a holder's cards may be valid for longer, because of `reason`."""

    exemption: UUID
    reason: str


class ExemptionGranted(msgspec.Struct, frozen=True, kw_only=True, tag="card_exemption.granted"):
    """Another officer agreed."""

    exemption: UUID
    reason: str


class ExemptionEnded(msgspec.Struct, frozen=True, kw_only=True, tag="card_exemption.ended"):
    """The exemption holds no longer, or was never agreed to; cards keep the term they were made with."""

    exemption: UUID


class CampaignMoved(msgspec.Struct, frozen=True, kw_only=True, tag="card_campaign.moved"):
    """A campaign over all cards of a basis took a step of its life."""

    campaign: UUID
    kind: str
    state: str
    basis: str
    to_basis: str | None


class MerchantListed(msgspec.Struct, frozen=True, kw_only=True, tag="card_programme.merchant_listed"):
    """The programme pays this merchant nothing."""

    listing: UUID
    merchant: str
    reason: str


class PersonListed(msgspec.Struct, frozen=True, kw_only=True, tag="card_programme.person_listed"):
    """A person was put on a list of the programme; who it is stands in no event."""

    listing: UUID
    kind: str


class ListingEnded(msgspec.Struct, frozen=True, kw_only=True, tag="card_programme.listing_ended"):
    """A merchant or a person is off the list again."""

    listing: UUID
