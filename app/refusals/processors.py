"""What is refused about cards that another processor issues."""

from app.cards import accounts, offers, processing
from app.partners.stripe_issuing import sandbox
from app.refusals.refusal import Refusal
from cards.processing.processor import NotAtThisProcessor

REFUSALS: dict[type[Exception], Refusal] = {
    accounts.CardAccountExists: Refusal(409, "card_account_exists"),
    accounts.UnknownCardAccount: Refusal(404, "not_found"),
    offers.NotServedThere: Refusal(422, "not_served_there"),
    offers.OfferNotAccepted: Refusal(409, "offer_not_accepted"),
    sandbox.NotPlayed: Refusal(409, "not_played"),
    processing.NotAnswered: Refusal(503, "processor_silent", retry_after_s=5),
    processing.NotGranted: Refusal(409, "processor_refused"),
    NotAtThisProcessor: Refusal(409, "not_at_this_processor"),
    processing.NotOffered: Refusal(409, "not_offered"),
}
