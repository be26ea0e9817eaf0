"""A dispute, in Stripe's words."""

from typing import Any

from cards.processor import Claim, Grounds

_REASON = {
    Grounds.FRAUDULENT: "fraudulent",
    Grounds.DUPLICATE: "duplicate",
    Grounds.CANCELED: "canceled",
    Grounds.NOT_RECEIVED: "not_received",
    Grounds.NOT_AS_DESCRIBED: "merchandise_not_as_described",
    Grounds.NO_VALID_AUTHORIZATION: "no_valid_authorization",
    Grounds.OTHER: "other",
}


def params(claim: Claim) -> Any:  # noqa: ANN401  the SDK's DisputeCreateParams, whose field follows from the reason
    """Write a dispute of a transaction, or of a part of it."""
    reason = _REASON[claim.grounds]
    return {
        "transaction": claim.transaction,
        "amount": claim.amount.minor,
        "evidence": {"reason": reason, reason: {"explanation": claim.explanation}},
        "metadata": {"dispute": str(claim.id)},
    }
