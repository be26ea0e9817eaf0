"""What limits, restrictions and corrections refuse."""

from app import allowance
from app.adjustments import adjustment
from app.adjustments import reason as adjustment_reason
from app.limiting import opening, own
from app.refusals.refusal import Refusal
from app.restrictions import appeal, restriction

REFUSALS: dict[type[Exception], Refusal] = {
    # limits
    allowance.LimitReached: Refusal(422, "limit_reached"),
    allowance.Restricted: Refusal(403, "restricted"),
    opening.NotIdentifiedYet: Refusal(403, "wallet_needs_identification"),
    own.UnknownLimit: Refusal(404, "unknown_limit"),
    own.NotLower: Refusal(422, "not_lower"),
    own.OwnLimitMoved: Refusal(409, "own_limit_moved"),
    # restrictions
    restriction.UnknownRestriction: Refusal(404, "not_found"),
    restriction.UnknownAct: Refusal(404, "not_found"),
    restriction.UnknownPerson: Refusal(404, "not_found"),
    restriction.UnknownCause: Refusal(422, "unknown_cause"),
    restriction.Stands: Refusal(409, "restriction_stands"),
    restriction.NotInForce: Refusal(409, "restriction_lifted"),
    restriction.ActOpen: Refusal(409, "act_open"),
    restriction.SameOfficer: Refusal(409, "same_officer"),
    appeal.UnknownAppeal: Refusal(404, "not_found"),
    appeal.AppealOpen: Refusal(409, "appeal_open"),
    appeal.AppealElsewhere: Refusal(409, "appeal_elsewhere"),
    appeal.TooManyResponses: Refusal(409, "too_many_responses"),
    # adjustments
    adjustment.UnknownAdjustment: Refusal(404, "not_found"),
    adjustment.Decided: Refusal(409, "adjustment_decided"),
    adjustment.SameOfficer: Refusal(409, "same_officer"),
    adjustment_reason.Incompatible: Refusal(422, "adjustment_refused"),
}
