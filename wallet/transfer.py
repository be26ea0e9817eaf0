"""What may be asked of the ledger, and what it answers.

A transfer names a debit and a credit account and one amount, so it balances by construction. Corrections are further
transfers: nothing that happened is changed.
"""

import enum
import re
from datetime import datetime
from typing import NewType
from uuid import UUID

import msgspec

from law.money import Money

AccountId = NewType("AccountId", UUID)
HoldId = NewType("HoldId", UUID)
TransferId = NewType("TransferId", UUID)

# Codes and references are hashed and live for ever, so they hold ids and names of ours, never what a person typed.
WORD = re.compile(r"^[A-Za-z0-9_.:/-]{0,64}$")


class Kind(enum.StrEnum):
    """How a transfer touches the two accounts: `posted` moves by post, capture and reversal, holds by the others."""

    POST = "post"
    HOLD = "hold"
    CAPTURE = "capture"
    VOID = "void"
    EXPIRE = "expire"
    REVERSAL = "reversal"


MOVES = frozenset({Kind.POST, Kind.CAPTURE, Kind.REVERSAL})


class Reason(enum.StrEnum):
    """Why the ledger refuses a move. Each leaves no trace in it."""

    NOT_POSITIVE = "amount_not_positive"
    SAME_ACCOUNT = "same_account"
    UNKNOWN_ACCOUNT = "unknown_account"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_IN_USE = "account_in_use"
    WRONG_OWNER = "account_of_another"
    WRONG_CURRENCY = "wrong_currency"
    OTHER_LANE = "accounts_in_two_lanes"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    BEYOND_BIGINT = "balance_beyond_bigint"
    ID_TAKEN = "transfer_id_taken"
    PERIOD_CLOSED = "period_closed"
    UNKNOWN_HOLD = "unknown_hold"
    HOLD_SPENT = "hold_spent"
    HOLD_EXPIRED = "hold_expired"
    HOLD_NOT_DUE = "hold_not_due"
    UNKNOWN_TRANSFER = "unknown_transfer"
    NOT_REVERSIBLE = "not_reversible"
    MORE_THAN_MOVED = "more_than_moved"


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """Move `money` from `debit` to `credit` now. `effective` is the value date, the time of recording where it is None.

    `owner` is whose account `debit` must be; None asks nothing.
    """

    id: TransferId
    debit: AccountId
    credit: AccountId
    money: Money
    code: str
    reference: str = ""
    effective: datetime | None = None
    owner: UUID | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Set `money` of `debit` aside for `credit`, until `expires_at` where that is given; then the worker gives it back.

    `owner` is whose account `debit` must be; None asks nothing.
    """

    id: HoldId
    debit: AccountId
    credit: AccountId
    money: Money
    code: str
    reference: str = ""
    expires_at: datetime | None = None
    owner: UUID | None = None


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """Move `money` against a hold: the hold gives what it has left, the rest comes from what is available.

    `final` releases whatever the hold has left; otherwise it stays open for the next capture. Of a hold whose time is
    over nothing can be captured.
    """

    id: TransferId
    hold: HoldId
    money: Money
    code: str
    reference: str = ""
    final: bool = True


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Give back what a hold has left: `VOID` because the other side gave up, `EXPIRE` because its time is over."""

    id: TransferId
    hold: HoldId
    code: str
    reference: str = ""
    kind: Kind = Kind.VOID


class Reverse(msgspec.Struct, frozen=True, kw_only=True):
    """Move back what the transfer `of` moved: `money` of it, or where that is None all that is left to move back."""

    id: TransferId
    of: TransferId
    code: str
    money: Money | None = None
    reference: str = ""


Move = Post | Hold | Capture | Release | Reverse


class Posted(msgspec.Struct, frozen=True):
    """The move is in the log at (lane, seq); `available` is what the debit account can still spend, in minor units."""

    id: UUID
    lane: int
    seq: int
    at: datetime
    available: int


class Refused(msgspec.Struct, frozen=True):
    """The move did not happen."""

    reason: Reason


Answer = Posted | Refused
