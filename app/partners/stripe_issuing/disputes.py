"""A dispute, in Stripe's words."""

from typing import Any

from cards.disputes.reason import Proof
from cards.processing.processor import Claim, Grounds

_REASON = {
    Grounds.FRAUDULENT: "fraudulent",
    Grounds.DUPLICATE: "duplicate",
    Grounds.CANCELED: "canceled",
    Grounds.NOT_RECEIVED: "not_received",
    Grounds.NOT_AS_DESCRIBED: "merchandise_not_as_described",
    Grounds.NO_VALID_AUTHORIZATION: "no_valid_authorization",
    Grounds.OTHER: "other",
}


#: Where Stripe has a place of its own for what a file shows; each takes one, and every reason has one for any.
_FIELDS = {
    (Grounds.DUPLICATE, Proof.RECEIPT): "cash_receipt",
    (Grounds.DUPLICATE, Proof.OTHER_PAYMENT): "card_statement",
}
_ANY = "additional_documentation"


def params(claim: Claim) -> Any:  # noqa: ANN401  the SDK's DisputeCreateParams, whose field follows from the reason
    """Write a dispute of a transaction, or of a part of it."""
    reason = _REASON[claim.grounds]
    shown: dict[str, str] = {}
    for proof, file in claim.files:
        field = _FIELDS.get((claim.grounds, proof), _ANY)
        shown.setdefault(_ANY if field in shown else field, file)
    return {
        "transaction": claim.transaction,
        "amount": claim.amount.minor,
        "evidence": {"reason": reason, reason: {"explanation": claim.explanation, **shown}},
        "metadata": {"dispute": str(claim.id)},
    }
