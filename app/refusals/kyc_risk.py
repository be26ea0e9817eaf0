"""What the judging of risk refuses."""

from app.refusals.refusal import Refusal
from kyc.risk import assessment, backtest, declaration, override, rule

REFUSALS: dict[type[Exception], Refusal] = {
    rule.UnknownRule: Refusal(404, "not_found"),
    rule.WrongStep: Refusal(409, "rule_state"),
    rule.SameOfficer: Refusal(409, "same_officer"),
    rule.FailsItsTest: Refusal(422, "rule_fails_its_test"),
    assessment.UnknownAssessment: Refusal(404, "not_found"),
    backtest.UnknownBacktest: Refusal(404, "not_found"),
    backtest.BadPeriod: Refusal(422, "risk_backtest_period"),
    declaration.UnknownDeclaration: Refusal(404, "not_found"),
    declaration.LookedAt: Refusal(409, "declaration_looked_at"),
    declaration.UnknownPaper: Refusal(422, "declaration_papers"),
    declaration.UnknownCountry: Refusal(422, "declaration_country"),
    override.UnknownOverride: Refusal(404, "not_found"),
    override.SameOfficer: Refusal(409, "same_officer"),
    override.Proposed: Refusal(409, "override_proposed"),
    override.BadTerm: Refusal(422, "override_term"),
}
