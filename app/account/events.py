"""What happens to accounts, as facts of the journal of the schema `app`: codes, counts and days, nothing personal."""

from datetime import date
from uuid import UUID

import msgspec


class ConsentGiven(msgspec.Struct, frozen=True, kw_only=True, tag="consent.given"):
    """A person agreed to a purpose, in the text of this version. Aggregate: the person."""

    purpose: str
    text_version: str


class ConsentWithdrawn(msgspec.Struct, frozen=True, kw_only=True, tag="consent.withdrawn"):
    """A person takes the agreement back; what was done before stays lawful. Aggregate: the person."""

    purpose: str


class ExportRequested(msgspec.Struct, frozen=True, kw_only=True, tag="export.requested"):
    """A person asked for a copy of everything. Aggregate: the export."""

    export: UUID


class ExportReady(msgspec.Struct, frozen=True, kw_only=True, tag="export.ready"):
    """The copy can be fetched, once, until a day later. Aggregate: the export."""

    export: UUID


class ExportTaken(msgspec.Struct, frozen=True, kw_only=True, tag="export.taken"):
    """The copy was fetched and is not here any more. Aggregate: the export."""

    export: UUID


class ExportExpired(msgspec.Struct, frozen=True, kw_only=True, tag="export.expired"):
    """Nobody fetched the copy within its day; it is not here any more. Aggregate: the export."""

    export: UUID


class ClosureRequested(msgspec.Struct, frozen=True, kw_only=True, tag="account.closure_requested"):
    """A person wants to leave; until `closes_on` they can stay. Aggregate: the person."""

    closes_on: date


class ClosureWithdrawn(msgspec.Struct, frozen=True, kw_only=True, tag="account.closure_withdrawn"):
    """The person stays after all. Aggregate: the person."""


class ClosureLapsed(msgspec.Struct, frozen=True, kw_only=True, tag="account.closure_lapsed"):
    """The account can't end while something is in it: `obstacles` came up meanwhile. Aggregate: the person."""

    obstacles: tuple[str, ...]


class AccountClosed(msgspec.Struct, frozen=True, kw_only=True, tag="account.closed"):
    """The account has ended; what the law wants kept is erased on `erases_on`. Aggregate: the person."""

    erases_on: date


class AccountErased(msgspec.Struct, frozen=True, kw_only=True, tag="account.erased"):
    """The person's key was destroyed and these rows deleted, by table. Aggregate: the person."""

    rows: dict[str, int]


class RetentionApplied(msgspec.Struct, frozen=True, kw_only=True, tag="retention.applied"):
    """What was kept long enough is gone: so many of one kind, whose term began before `before`. Aggregate: the kind."""

    kind: str
    before: date
    count: int
