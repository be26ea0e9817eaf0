"""What wallet and investments refuse."""

from app import standing
from app.partners import caller
from app.refusals.refusal import Refusal
from app.statements import document, paper
from invest import consent, placement, preview, product, quote
from invest import request as request_
from wallet import account, period, statement

REFUSALS: dict[type[Exception], Refusal] = {
    # wallet
    account.NoWallet: Refusal(404, "no_wallet"),
    account.WalletExists: Refusal(409, "wallet_exists"),
    account.AccountExists: Refusal(409, "account_exists"),
    standing.PayeeUnavailable: Refusal(422, "payee_unavailable"),
    period.UnknownPeriod: Refusal(404, "not_found"),
    period.PeriodNotOver: Refusal(422, "period_not_over"),
    period.PeriodClosedAlready: Refusal(409, "period_closed_already"),
    period.PeriodProposedAlready: Refusal(409, "period_proposed_already"),
    period.SameOfficer: Refusal(409, "same_person"),
    statement.UnknownStatement: Refusal(404, "not_found"),
    statement.BadPeriod: Refusal(422, "bad_period"),
    statement.DayNotClosed: Refusal(409, "day_not_closed"),
    paper.NotReady: Refusal(409, "statement_not_ready", retry_after_s=5),
    document.NotMade: Refusal(409, "document_not_made", retry_after_s=5),
    document.TooLong: Refusal(422, "document_too_long"),
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
