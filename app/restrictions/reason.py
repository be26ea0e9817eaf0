"""Why money may be restricted, as the person is told, and what still works meanwhile: one table, read by everybody.

The public classes are few. What must not be tipped off (a suspicious report, a match on a list, an authority's
question) is LEGAL_REVIEW, always: the same words, the same clock, the same column of the matrix, so that nothing tells
one cause from another. One's own money finds a way out to an account in one's own name, unless a court or a state body
has ordered otherwise in public; foreign money of one's own can be sold for tenge wherever PAYOUT_OWN works, since only
tenge leaves (app/banking/counting.py). A legal review begins with FIRST, in which nothing leaves at all, whatever its
cause: an officer has time to see whether a list is right before the money is gone (docs/kyc/screening.md). What is said
of each class is in app/texts/restrictions.toml.
"""

import enum
from datetime import timedelta

import msgspec

from wallet.limit import OUT, Operation


class Reason(enum.StrEnum):
    """The public reason classes."""

    IDENTITY_UPDATE = "identity_update"
    SECURITY = "security"
    LEGAL_REVIEW = "legal_review"
    COURT_ORDER = "court_order"
    STATE_ORDER = "state_order"
    OWN_REQUEST = "own_request"


class Owner(enum.StrEnum):
    """Who answers for a restriction, and whom an appeal goes to."""

    OPERATOR = "operator"
    COURT = "court"
    STATE_BODY = "state_body"


class Class(msgspec.Struct, frozen=True):
    """A reason class: what it stops, who answers for it, how soon it is reviewed, why really it may be imposed.

    `stops_first` is what it stops besides during FIRST. `review_days` and `answer_days` are working days: the first of
    a restriction, the second of an appeal.
    """

    stops: frozenset[Operation]
    owner: Owner
    review_days: int
    answer_days: int
    causes: frozenset[str]
    stops_first: frozenset[Operation] = frozenset()

    def allows(self, operation: Operation, age: timedelta) -> bool:
        """Whether an operation works in spite of it, `age` after it was imposed."""
        return operation not in self.stops and (age >= FIRST or operation not in self.stops_first)


#: How long one's own money stays, too, where it is the law that has a doubt.
FIRST = timedelta(hours=72)
_BUT_OWN = OUT - {Operation.PAYOUT_OWN}

#: The matrix: reason class × operation.
CLASSES: dict[Reason, Class] = {
    Reason.IDENTITY_UPDATE: Class(
        stops=frozenset({Operation.TRANSFER, Operation.PAYOUT, Operation.INVEST}),
        owner=Owner.OPERATOR,
        review_days=15,
        answer_days=15,
        causes=frozenset({"document_doubtful", "data_outdated"}),
    ),
    Reason.SECURITY: Class(
        stops=_BUT_OWN,
        owner=Owner.OPERATOR,
        review_days=3,
        answer_days=3,
        causes=frozenset({"takeover_suspected", "device_stolen", "fraud_reported"}),
    ),
    Reason.LEGAL_REVIEW: Class(
        stops=_BUT_OWN,
        owner=Owner.OPERATOR,
        review_days=15,
        answer_days=15,
        causes=frozenset(
            {"suspicious_report", "list_match", "authority_inquiry", "source_of_funds", "unusual_activity"}
        ),
        stops_first=frozenset({Operation.PAYOUT_OWN}),
    ),
    Reason.COURT_ORDER: Class(
        stops=OUT,
        owner=Owner.COURT,
        review_days=15,
        answer_days=15,
        causes=frozenset({"court_arrest", "bailiff_order"}),
    ),
    Reason.STATE_ORDER: Class(
        stops=OUT,
        owner=Owner.STATE_BODY,
        review_days=15,
        answer_days=15,
        causes=frozenset({"published_list", "freezing_order"}),
    ),
    Reason.OWN_REQUEST: Class(
        stops=_BUT_OWN,
        owner=Owner.OPERATOR,
        review_days=15,
        answer_days=3,
        causes=frozenset({"asked_by_holder"}),
    ),
}

#: Every cause, by the one class it may be given.
CAUSES: dict[str, Reason] = {cause: reason for reason, found in CLASSES.items() for cause in found.causes}
