"""What is refused about cards that another processor issues."""

from app import card_accounts, card_offer, processing
from app.partners.stripe_issuing import sandbox
from app.refusals.refusal import Refusal

REFUSALS: dict[type[Exception], Refusal] = {
    card_accounts.CardAccountExists: Refusal(409, "card_account_exists"),
    card_accounts.UnknownCardAccount: Refusal(404, "not_found"),
    card_offer.NotServedThere: Refusal(422, "not_served_there"),
    card_offer.OfferNotAccepted: Refusal(409, "offer_not_accepted"),
    sandbox.NotPlayed: Refusal(409, "not_played"),
    processing.NotAnswered: Refusal(503, "processor_silent", retry_after_s=5),
    processing.NotGranted: Refusal(409, "processor_refused"),
    processing.NotOffered: Refusal(409, "not_offered"),
}
