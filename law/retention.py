"""How long what is known of a person is kept, by kind: each rule a dated row with its source, like every threshold.

A rule counts from the fact that its note names. Where no act fixes a number, the row says that the operator does: no
longer than the purpose of collecting it needs (Personal Data Law, art. 12).

applies    app/account/retention.py   step()
           app/account/closure.py     the end of an account, and the day of its erasure
"""

from datetime import date

from law import calendar
from law.threshold import Rule, Thresholds, Unit

PERSONAL_DATA = "Law 94-V of 21 May 2013 on personal data and their protection"
_AML = "Law 191-IV on countering money laundering, art. 11: five years after the relations with the client end"
_OPERATOR = f"the operator's rule under {PERSONAL_DATA}, art. 12: no longer than its purpose needs"
_SINCE = date(2026, 4, 25)  # the decree's day: nothing here is older


def _rule(name: str, value: int, unit: Unit, source: str, note: str) -> Rule:
    return Rule(name=f"retention.{name}", value=value, unit=unit, source=source, in_force_on=_SINCE, note=note)


RETENTION = Thresholds(
    (
        _rule("client", 5, Unit.YEARS, _AML, "from the end of the account: documents, checks, cases, sign-in evidence"),
        _rule("refused", 5, Unit.YEARS, _AML, "from the decision, for whoever applied, was refused and holds nothing"),
        _rule("payment_message", 5, Unit.YEARS, _AML, "from its receipt: what a bank wrote about a payment"),
        _rule("card_number", 540, Unit.DAYS, "card schemes' chargeback terms; PCI DSS 4.0, 3.2.1", "from its closing"),
        _rule(
            "idempotency", 90, Unit.DAYS, _OPERATOR, "from the first answer; a key that moved money is never deleted"
        ),
        _rule("session", 365, Unit.DAYS, _OPERATOR, "from its end, unless something was signed in it"),
        _rule("step_up", 1, Unit.DAYS, _OPERATOR, "from its expiry, if nobody used it; a used one is kept as evidence"),
        _rule("kyc_file", 30, Unit.DAYS, _OPERATOR, "from when it was sent: a file that no paper and no session uses"),
        _rule("draft", 365, Unit.DAYS, _OPERATOR, "from its beginning: an application that was never filed"),
        _rule("showing", 365, Unit.DAYS, _OPERATOR, "from the scan: who verified a resident, and what they said"),
        _rule("payment_list", 1, Unit.DAYS, _OPERATOR, "from when it could be confirmed last: a list that never was"),
        _rule("closing", 14, Unit.DAYS, _OPERATOR, "from the request: how long a closure can be taken back"),
    )
)


def rule(kind: str, on: date) -> Rule:
    """Answer the rule of a kind in force on the day `on`; raises law.threshold.UnknownThreshold, NotInForce."""
    return RETENTION.at(f"retention.{kind}", on)


def until(kind: str, since: date) -> date:
    """Answer the first day on which what is of `kind`, and counts from the day `since`, is kept no longer."""
    return _moved(since, rule(kind, since), 1)


def before(kind: str, on: date) -> date:
    """Answer the day: what counts from before it may go on the day `on`."""
    return _moved(on, rule(kind, on), -1)


def _moved(day: date, by: Rule, direction: int) -> date:
    months = {Unit.YEARS: 12, Unit.MONTHS: 1}
    if by.unit in months:
        return calendar.add_months(day, direction * by.value * months[by.unit])
    return date.fromordinal(day.toordinal() + direction * by.value)
