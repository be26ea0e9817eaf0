"""What identification, residency and its credential refuse."""

from app import person, standing, vault
from app.credentials import entitlement, presentations, status_tokens
from app.refusals.refusal import Refusal
from kyc import identify
from kyc.chip import challenge
from law import threshold
from residency import application, case, filing, reason, review, service, status
from residency.credential import issuing, life
from residency.credential.presenting import asking, dcql, foreign_lists, issuers, proximity
from residency.credential.transparency import log

REFUSALS: dict[type[Exception], Refusal] = {
    # kyc
    identify.NothingReadable: Refusal(422, "document_unreadable"),
    challenge.StaleChallenge: Refusal(409, "chip_challenge_stale"),
    person.NotIdentified: Refusal(403, "not_identified"),
    vault.Erased: Refusal(404, "not_found"),
    # residency
    standing.NotEResident: Refusal(403, "not_e_resident"),
    entitlement.NotAltyn: Refusal(403, "not_altyn"),
    presentations.UnknownPresentation: Refusal(404, "presentation_not_found"),
    presentations.Over: Refusal(410, "presentation_over"),
    presentations.OtherSession: Refusal(403, "presentation_other_session"),
    dcql.BadQuery: Refusal(422, "bad_query"),
    asking.BadTransaction: Refusal(422, "bad_agreement"),
    proximity.BadMeeting: Refusal(422, "bad_meeting"),
    issuers.UnknownIssuer: Refusal(404, "foreign_issuer_not_found"),
    issuers.NotNow: Refusal(409, "foreign_issuer_state"),
    issuers.SameOfficer: Refusal(409, "same_reviewer"),
    issuers.BadIssuer: Refusal(422, "bad_foreign_issuer"),
    foreign_lists.NotBelieved: Refusal(422, "status_list_not_believed"),
    threshold.NotInForce: Refusal(409, "rule_not_in_force"),
    application.UnknownApplication: Refusal(404, "application_not_found"),
    case.IllegalMove: Refusal(409, "illegal_move"),
    filing.ApplicationOpen: Refusal(409, "application_open"),
    filing.AnswersFixed: Refusal(409, "answers_fixed"),
    reason.UnknownReason: Refusal(422, "unknown_reason"),
    review.SameReviewer: Refusal(409, "same_reviewer"),
    service.UnknownService: Refusal(422, "unknown_service"),
    service.BadAnswer: Refusal(422, "bad_answer"),
    service.IncompleteAnswers: Refusal(422, "incomplete_answers"),
    status.IneligibleCitizen: Refusal(422, "ineligible_citizen"),
    status.UnderAge: Refusal(422, "under_age"),
    status.Unidentified: Refusal(409, "applicant_not_identified"),
    status.StatusHeld: Refusal(409, "status_held"),
    status.UnknownStatus: Refusal(404, "status_not_found"),
    status.IllegalChange: Refusal(409, "illegal_change"),
    # credential
    life.UnknownCredential: Refusal(404, "not_found"),
    log.UnknownSize: Refusal(404, "not_found"),
    life.IllegalAct: Refusal(409, "credential_state"),
    issuing.NotActive: Refusal(409, "credential_not_active"),
    issuing.TooManyCopies: Refusal(409, "credential_copies_limit"),
    status_tokens.HistoryNotKept: Refusal(501, "history_not_kept"),
}
