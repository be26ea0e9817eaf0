"""What was looked at and what was found.

Every look is a `Finding`; with the digest of what was looked at it is stored as a row of `kyc.check`, and what follows
from all of them is kyc/cases/decision.py.
"""

import enum

import msgspec

#: The version of the rules below, of kyc/chip/, kyc/mrz/ and kyc/screening/; a changed rule is a new version.
RULES = "2026-11"


class Verdict(enum.StrEnum):
    """`error` is a look that could not be taken: no answer, neither good nor bad."""

    PASS = "pass"  # noqa: S105  # a verdict, no password
    FAIL = "fail"
    REVIEW = "review"
    NOT_APPLICABLE = "not_applicable"
    ERROR = "error"


class Finding(msgspec.Struct, frozen=True):
    """One look: `check` names it (`chip.signature`); `params` explain it and hold no personal data.

    `rule` is the id and version of the rule that judged (`chip@2026-11`; empty: the room's of `check` at RULES), and
    `evidence` refers to what was looked at (`document_…`, `alert_…`). `ms` is how long the look took: it is told, and
    neither hashed nor decided by.
    """

    check: str
    verdict: Verdict
    params: dict[str, str] = {}
    rule: str = ""
    evidence: tuple[str, ...] = ()
    ms: int = 0
