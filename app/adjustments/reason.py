"""Why a wallet may be corrected, and what goes with what: one table, read when a correction is proposed."""

import enum
from collections.abc import Mapping

import msgspec

from wallet.chart import CHART, Purpose


class Kind(enum.StrEnum):
    """What a correction does to the wallet: gives, takes, or moves a transfer back."""

    CREDIT = "credit"
    DEBIT = "debit"
    REVERSAL = "reversal"


class Reason(enum.StrEnum):
    """Why, as a code that the person and the auditor see."""

    MISPOSTED = "misposted"
    DUPLICATE = "duplicate"
    FEE_REFUND = "fee_refund"
    FEE_DUE = "fee_due"
    GOODWILL = "goodwill"
    CARD_SHORTFALL = "card_shortfall"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    COURT_ORDER = "court_order"


class Why(enum.StrEnum):
    """Why a correction can't be proposed as it is."""

    KIND = "reason_and_kind"
    PURPOSE = "reason_and_account"
    LABEL = "account_and_label"
    NEEDS_TRANSFER = "reversal_names_transfer"
    NEEDS_AMOUNT = "names_account_and_amount"
    NO_VALUE_DATE = "reversal_is_of_today"
    FUTURE = "value_date_in_future"
    PERIOD_CLOSED = "period_closed"
    NOT_THEIRS = "transfer_of_another"
    REVERSAL_OF_REVERSAL = "not_reversible"
    PROPOSED_ALREADY = "reversal_proposed"
    OWNED = "part_of_another_flow"


class Incompatible(Exception):
    """The parts of a correction do not go together: `why` says which."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


class Rule(msgspec.Struct, frozen=True):
    """What goes with a reason: by kind, the operator's accounts on the other side; none for a reversal."""

    kinds: Mapping[Kind, frozenset[Purpose]]


# Suspense is only ever put into: each tenge of it waits for its own two officers (app/banking/suspense.py).
_TAKEN_TO = frozenset({Purpose.ADJUSTMENT, Purpose.SUSPENSE})
_GIVEN_FROM = frozenset({Purpose.ADJUSTMENT})
_NOTHING: frozenset[Purpose] = frozenset()

RULES: dict[Reason, Rule] = {
    Reason.MISPOSTED: Rule({Kind.CREDIT: _GIVEN_FROM, Kind.DEBIT: _TAKEN_TO, Kind.REVERSAL: _NOTHING}),
    Reason.DUPLICATE: Rule({Kind.DEBIT: _TAKEN_TO, Kind.REVERSAL: _NOTHING}),
    Reason.FEE_REFUND: Rule({Kind.CREDIT: frozenset({Purpose.FEES})}),
    Reason.FEE_DUE: Rule({Kind.DEBIT: frozenset({Purpose.FEES})}),
    Reason.GOODWILL: Rule({Kind.CREDIT: _GIVEN_FROM}),
    Reason.CARD_SHORTFALL: Rule({Kind.DEBIT: frozenset({Purpose.CARD_RECEIVABLE})}),
    Reason.DISPUTE_WON: Rule({Kind.CREDIT: frozenset({Purpose.DISPUTE_RECEIVABLE})}),
    Reason.DISPUTE_LOST: Rule({Kind.DEBIT: frozenset({Purpose.DISPUTE_RECEIVABLE}), Kind.REVERSAL: _NOTHING}),
    Reason.COURT_ORDER: Rule({Kind.DEBIT: frozenset({Purpose.SUSPENSE})}),
}


def check(reason: Reason, kind: Kind, purpose: Purpose | None, label: str = "") -> None:
    """Let pass what goes together; raises Incompatible."""
    allowed = RULES[reason].kinds.get(kind)
    if allowed is None:
        raise Incompatible(Why.KIND)
    if kind is not Kind.REVERSAL and purpose not in allowed:
        raise Incompatible(Why.PURPOSE)
    if bool(label) != (purpose is not None and CHART[purpose].label is not None):
        raise Incompatible(Why.LABEL)
