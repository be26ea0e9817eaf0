"""What wallet, cards and investments refuse."""

from app import standing
from app.partners import caller
from app.refusals.refusal import Refusal
from cards import card, order
from invest import consent, placement, preview, product, quote
from invest import request as request_
from law import regime
from wallet import account

REFUSALS: dict[type[Exception], Refusal] = {
    # wallet
    account.NoWallet: Refusal(404, "no_wallet"),
    account.WalletExists: Refusal(409, "wallet_exists"),
    standing.PayeeUnavailable: Refusal(422, "payee_unavailable"),
    # cards
    card.UnknownCard: Refusal(404, "not_found"),
    card.WrongState: Refusal(409, "card_state"),
    order.IssuingStopped: Refusal(409, "issuing_stopped"),
    order.NoticeNotAccepted: Refusal(409, "notice_not_accepted"),
    regime.CapReached: Refusal(409, "sandbox_cap"),
    regime.NoRegime: Refusal(409, "no_regime"),
    caller.Unproved: Refusal(401, "unproved"),
    # invest
    consent.ConsentRequired: Refusal(403, "consent_required"),
    consent.TextChanged: Refusal(409, "consent_text_changed"),
    placement.UnknownPlacement: Refusal(404, "not_found"),
    preview.UnknownPreview: Refusal(404, "not_found"),
    product.UnknownProduct: Refusal(404, "product_not_offered"),
    quote.AmountNotOffered: Refusal(422, "amount_not_offered"),
    request_.NotEnoughFree: Refusal(422, "insufficient_funds"),
    request_.NotSetAside: Refusal(409, "not_set_aside"),
    request_.PreviewExpired: Refusal(409, "preview_expired"),
    request_.PreviewUsed: Refusal(409, "preview_used"),
}
