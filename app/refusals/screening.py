"""What officers are refused about alerts of screening."""

from app.refusals.refusal import Refusal
from kyc.screening import act, alert

REFUSALS: dict[type[Exception], Refusal] = {
    alert.UnknownAlert: Refusal(404, "not_found"),
    act.UnknownProposal: Refusal(404, "not_found"),
    act.IllegalAct: Refusal(409, "alert_state"),
    act.ProposalOpen: Refusal(409, "alert_proposal_open"),
    act.SameEyes: Refusal(409, "alert_same_officer"),
    act.UnsuitableReason: Refusal(422, "alert_reason"),
    act.UnsuitableEnd: Refusal(422, "alert_until"),
}
