"""Why somebody is asked, refused or deprived of a status: a closed catalogue of codes, each with its legal ground.

Texts for people are in app/texts/residency.toml. Nothing here tells a screening hit from any other doubt: whatever an
agency or a list said, the applicant reads `not_confirmed` (tipping-off).
"""

from datetime import date
from enum import StrEnum

import msgspec

from law import calendar
from law.threshold import Thresholds

_SERVICES = "Law on Public Services of 15 April 2013 No. 88-V, art. 19-1(1)"
_PROCEDURE = "Administrative Procedural Code, art. 76"
_DECREE = "Decree 1242 of 25 April 2026, D3.2-d"


class Use(StrEnum):
    """What a reason is given for."""

    ASK = "ask"
    REFUSE = "refuse"
    SUSPEND = "suspend"
    REVOKE = "revoke"


class Reason(msgspec.Struct, frozen=True):
    """A code, the legal ground it stands on, and what it may be given for."""

    code: str
    ground: str
    uses: frozenset[Use]


_ASK = frozenset({Use.ASK})
_REFUSE = frozenset({Use.REFUSE})
_REFUSE_OR_REVOKE = frozenset({Use.REFUSE, Use.REVOKE})
_REVOKE = frozenset({Use.REVOKE})
_ANY_ADVERSE = frozenset({Use.REFUSE, Use.SUSPEND, Use.REVOKE})

CATALOGUE = {
    reason.code: reason
    for reason in (
        Reason("document_missing", _PROCEDURE, _ASK),
        Reason("document_unreadable", _PROCEDURE, _ASK),
        Reason("document_expired", _PROCEDURE, _ASK),
        Reason("information_needed", _PROCEDURE, _ASK),
        Reason("ineligible_citizen", _DECREE, _REFUSE_OR_REVOKE),
        Reason("under_age", "Civil Code, art. 17", _REFUSE),
        Reason("document_not_genuine", f"{_SERVICES}, point 1", _REFUSE_OR_REVOKE),
        Reason("requirements_not_met", f"{_SERVICES}, point 2", _REFUSE_OR_REVOKE),
        Reason("account_closed", "Civil Code, art. 8: rights are disposed of as their holder decides", _REVOKE),
        Reason("not_confirmed", f"{_SERVICES}, point 3", _ANY_ADVERSE),
    )
}


class UnknownReason(Exception):
    """The catalogue has no such reason, or not for this."""

    def __init__(self, code: str | None) -> None:
        super().__init__(code)
        self.code = code or "none"


def of(code: str | None, use: Use) -> Reason:
    """Look up a reason; raises UnknownReason where there is none to be had."""
    reason = CATALOGUE.get(code or "")
    if reason is None or use not in reason.uses:
        raise UnknownReason(code)
    return reason


def complain_until(decided_on: date, rules: Thresholds) -> date:
    """Answer the last day on which a decision of that day may be complained about before going to court."""
    return calendar.add_months(decided_on, rules.value("case.complaint_months_max", decided_on))
