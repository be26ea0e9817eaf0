"""What rules of risk refuse."""

from app.refusals.refusal import Refusal
from cards.rules import backtest, result, rule

REFUSALS: dict[type[Exception], Refusal] = {
    rule.UnknownRule: Refusal(404, "not_found"),
    rule.NameTaken: Refusal(409, "rule_name_taken"),
    rule.WrongStep: Refusal(409, "rule_state"),
    rule.SameOfficer: Refusal(409, "same_officer"),
    backtest.UnknownBacktest: Refusal(404, "not_found"),
    backtest.BadPeriod: Refusal(422, "backtest_period"),
    result.UnknownPayment: Refusal(404, "not_found"),
}
