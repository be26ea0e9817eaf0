"""What is refused of disputes and settlement."""

from app.cards import disputing
from app.refusals.refusal import Refusal
from cards.disputes import acts, dispute, evidence, life, paid, work, write_off
from cards.settlement import breaks

REFUSALS: dict[type[Exception], Refusal] = {
    acts.MissingEvidence: Refusal(422, "evidence_missing"),
    breaks.BreakResolved: Refusal(409, "break_resolved"),
    breaks.ProposalOpen: Refusal(409, "proposal_open"),
    breaks.SameOfficer: Refusal(409, "same_reviewer"),
    breaks.UnknownBreak: Refusal(404, "not_found"),
    breaks.UnknownProposal: Refusal(404, "not_found"),
    dispute.MoreThanTaken: Refusal(422, "more_than_taken"),
    dispute.NotDisputable: Refusal(422, "not_disputable"),
    dispute.TooLate: Refusal(409, "dispute_too_late"),
    dispute.UnknownDispute: Refusal(404, "not_found"),
    disputing.Unheard: Refusal(409, "dispute_event_out_of_turn"),
    evidence.SameFile: Refusal(409, "evidence_given"),
    evidence.TakesNoFiles: Refusal(409, "dispute_takes_no_files"),
    evidence.TooManyFiles: Refusal(409, "too_much_evidence"),
    evidence.UnknownEvidence: Refusal(404, "not_found"),
    life.WrongState: Refusal(409, "dispute_state"),
    paid.UnknownPayment: Refusal(404, "not_found"),
    work.BadAmount: Refusal(422, "dispute_amount"),
    write_off.SameOfficer: Refusal(409, "same_reviewer"),
    write_off.UnknownWriteOff: Refusal(404, "not_found"),
    write_off.WriteOffOpen: Refusal(409, "proposal_open"),
}
