"""What happened to wallets beside the transfers, which are their own log."""

from datetime import date, datetime
from uuid import UUID

import msgspec


class WalletOpened(msgspec.Struct, frozen=True, tag="wallet.opened"):
    """A resident's tenge wallet exists from now on."""

    account: UUID
    lane: int
    currency: str


class AccountOpened(msgspec.Struct, frozen=True, tag="wallet.account_opened"):
    """A resident has a further account, such as one at a partner bank; or, of nobody's, the operator has one."""

    account: UUID
    lane: int
    purpose: str
    label: str
    currency: str


class AccountClosed(msgspec.Struct, frozen=True, tag="wallet.account_closed"):
    """An account is empty and moves no money any more."""

    account: UUID
    lane: int


class WalletAddressed(msgspec.Struct, frozen=True, tag="wallet.addressed"):
    """A wallet has an IBAN from now on: `sha256` is the digest (hex) of the salt that is kept beside it, and of it."""

    account: UUID
    lane: int
    sha256: str


class LineAdded(msgspec.Struct, frozen=True, tag="chart.line_added"):
    """The chart of accounts has a line more, as wallet/chart.py describes it. Written by the database (0030)."""

    purpose: str
    side: str
    owner: str
    floor: int | None
    currency: str | None
    label: str | None
    about: str


class Exchanged(msgspec.Struct, frozen=True, kw_only=True, tag="wallet.exchanged"):
    """Money of one currency was given for another one's: `group` links the transfers. Aggregate: the group.

    `rate` is how much of `quote` one unit of `base` costs, as `source` said at `rate_at`. `remainder_minor` of the
    given currency went to the rounding account, or came from there where it is negative.
    """

    group: UUID
    given_minor: int
    given_currency: str
    got_minor: int
    got_currency: str
    remainder_minor: int
    base: str
    quote: str
    rate: str
    source: str
    rate_at: datetime


class PeriodProposed(msgspec.Struct, frozen=True, tag="period.proposed"):
    """An officer asks that no value date before `closed_until` be taken any more. Aggregate: the period."""

    closed_until: date


class PeriodClosed(msgspec.Struct, frozen=True, tag="period.closed"):
    """Another officer agreed: everything before `closed_until` is closed. Aggregate: the period."""

    closed_until: date


class PeriodWithdrawn(msgspec.Struct, frozen=True, tag="period.withdrawn"):
    """The proposal to close everything before `closed_until` is off. Aggregate: the period."""

    closed_until: date


class StatementIssued(msgspec.Struct, frozen=True, tag="statement.issued"):
    """A statement was made of the days from `begins_on` to `ends_on`. Aggregate: the statement.

    `code_sha256` (hex) is the digest of the code that finds it in public.
    """

    account: UUID
    begins_on: date
    ends_on: date
    final: bool
    code_sha256: str = ""
