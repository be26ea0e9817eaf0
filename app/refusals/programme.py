"""What cards and their programme refuse."""

from app.refusals.refusal import Refusal
from cards import card
from cards.programme import (
    campaign,
    change,
    child,
    consent,
    exemption,
    listing,
    order,
    place,
    renewal,
    shipping,
    verification,
)
from law import regime

REFUSALS: dict[type[Exception], Refusal] = {
    card.UnknownCard: Refusal(404, "not_found"),
    card.WrongState: Refusal(409, "card_state"),
    change.NotSuspended: Refusal(409, "card_not_suspended"),
    order.IssuingStopped: Refusal(409, "issuing_stopped"),
    order.CurrencyNotOffered: Refusal(422, "card_currency"),
    order.RemoteIssuanceStopped: Refusal(409, "card_in_person_only"),
    consent.NoticeNotAccepted: Refusal(409, "notice_not_accepted"),
    place.CardsSuspended: Refusal(409, "cards_suspended"),
    verification.IdentityNotVerified: Refusal(409, "identity_not_verified"),
    exemption.UnknownExemption: Refusal(404, "not_found"),
    exemption.ExemptionHeld: Refusal(409, "exemption_held"),
    exemption.ExemptionDecided: Refusal(409, "exemption_decided"),
    exemption.SameOfficer: Refusal(409, "same_person"),
    renewal.SuccessorExists: Refusal(409, "card_successor_exists"),
    renewal.TooEarly: Refusal(409, "card_renewal_too_early"),
    child.NoCardsForChildren: Refusal(409, "no_cards_for_children"),
    child.NotAChild: Refusal(422, "not_a_child"),
    child.AboveMinorLimit: Refusal(422, "above_minor_limit"),
    shipping.UnknownParcel: Refusal(409, "no_parcel"),
    shipping.ParcelOnItsWay: Refusal(409, "card_on_its_way"),
    listing.UnknownListing: Refusal(404, "not_found"),
    listing.AlreadyListed: Refusal(409, "already_listed"),
    campaign.UnknownCampaign: Refusal(404, "not_found"),
    campaign.CampaignUnderWay: Refusal(409, "card_campaign_under_way"),
    campaign.WrongStep: Refusal(409, "card_campaign_state"),
    campaign.SameOfficer: Refusal(409, "same_person"),
    campaign.NotInForce: Refusal(422, "basis_not_in_force"),
    regime.CapReached: Refusal(409, "sandbox_cap"),
    regime.NoRegime: Refusal(409, "no_regime"),
}
