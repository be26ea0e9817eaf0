"""What cases of identification refuse."""

from app import applicant
from app.refusals.refusal import Refusal
from kyc.cases import appeal, case, claim, life, reasons, review

REFUSALS: dict[type[Exception], Refusal] = {
    applicant.IdentityUndecided: Refusal(409, "identity_undecided"),
    case.UnknownCase: Refusal(404, "not_found"),
    life.IllegalMove: Refusal(409, "illegal_move"),
    claim.ClaimedByOther: Refusal(409, "case_claimed"),
    claim.NotClaimed: Refusal(409, "case_not_claimed"),
    claim.SameReviewer: Refusal(409, "same_reviewer"),
    review.NotGrantable: Refusal(409, "case_not_grantable"),
    review.Unseen: Refusal(409, "case_unseen"),
    review.AlertOpen: Refusal(409, "case_alert_open"),
    reasons.UnknownReason: Refusal(422, "unknown_reason"),
    appeal.AppealOver: Refusal(409, "identity_appeal_over"),
}
