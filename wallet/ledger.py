"""How the desk's facts and decisions travel: wallet.load() and wallet.post(), called over the driver itself.

Both are said in a round trip with others (wallet/trip.py), so that the whole batch costs two: lock and load, then post
and commit.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from law.money import Currency
from wallet import leaf, packed
from wallet.trip import RoundTrip, Wire


class Lane:
    """A locked lane: the number of its last transfer, and of its last block with that block's hash."""

    __slots__ = ("block", "head", "lane", "seq", "seq_before")

    def __init__(self, lane: int, seq: int, block: int, head: bytes) -> None:
        self.lane = lane
        self.seq = self.seq_before = seq
        self.block = block
        self.head = head


class Account:
    """An account's running totals in minor units; `posted` is credits less debits."""

    __slots__ = (
        "closed_at", "currency", "floor", "hold_in", "hold_out", "holder", "id", "lane", "posted", "version",
        "version_before",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917  the columns of a row, in the order they are selected
        self,
        lane: int,
        id: UUID,  # noqa: A002  the column's name
        holder: UUID | None,
        currency: str,
        floor: int | None,
        posted: int,
        hold_out: int,
        hold_in: int,
        version: int,
        closed_at: datetime | None,
    ) -> None:
        self.lane = lane
        self.id = id
        self.holder = holder
        self.currency = currency
        self.floor = floor
        self.posted = posted
        self.hold_out = hold_out
        self.hold_in = hold_in
        self.version = self.version_before = version
        self.closed_at = closed_at

    @property
    def available(self) -> int:
        """What can be spent: above the floor where there is one, and not held."""
        return self.posted - self.hold_out - (self.floor or 0)

    @property
    def money_currency(self) -> Currency:
        """The currency as law knows it."""
        return Currency.of(self.currency)

    def can_spend(self, minor: int) -> bool:
        """Whether `minor` units may leave: accounts of the operator have no floor."""
        return minor <= 0 or self.floor is None or minor <= self.available

    def change(self, *, posted: int, hold_out: int = 0, hold_in: int = 0) -> None:
        """Apply one leg."""
        self.posted += posted
        self.hold_out += hold_out
        self.hold_in += hold_in
        self.version += 1

    def copy(self) -> "Account":
        """Copy the totals, for a group of moves that may be undone."""
        twin = Account(
            self.lane, self.id, self.holder, self.currency, self.floor, self.posted, self.hold_out, self.hold_in,
            self.version, self.closed_at,
        )  # fmt: skip
        twin.version_before = self.version_before
        return twin

    def restore(self, before: "Account") -> None:
        """Take the totals of a copy back."""
        self.posted, self.hold_out, self.hold_in = before.posted, before.hold_out, before.hold_in
        self.version = before.version


class OpenHold:
    """What a hold still binds, in minor units."""

    __slots__ = ("credit", "currency", "debit", "expires_at", "id", "lane", "remaining")

    def __init__(  # noqa: PLR0917  the columns of a row, in the order they are selected
        self,
        lane: int,
        id: UUID,  # noqa: A002  the column's name
        debit: UUID,
        credit: UUID,
        currency: str,
        remaining: int,
        expires_at: datetime | None,
    ) -> None:
        self.lane = lane
        self.id = id
        self.debit = debit
        self.credit = credit
        self.currency = currency
        self.remaining = remaining
        self.expires_at = expires_at

    @property
    def money_currency(self) -> Currency:
        """The currency as law knows it."""
        return Currency.of(self.currency)

    def copy(self) -> "OpenHold":
        """Copy it, for a group of moves that may be undone."""
        return OpenHold(self.lane, self.id, self.debit, self.credit, self.currency, self.remaining, self.expires_at)

    def restore(self, before: "OpenHold") -> None:
        """Take what a copy had left back."""
        self.remaining = before.remaining


class Block:
    """What a batch adds to one lane: the root over its transfers and the head it leads to."""

    __slots__ = ("hash", "lane", "root")

    def __init__(self, lane: Lane, root: bytes, hash: bytes) -> None:  # noqa: A002  the column's name
        self.lane = lane
        self.root = root
        self.hash = hash


async def wire(db: AsyncConnection) -> Wire:
    """Find the driver's connection that `db` speaks over."""
    found = (await db.get_raw_connection()).driver_connection
    assert isinstance(found, psycopg.AsyncConnection), "the one driver there is"
    return found


@contextlib.contextmanager
def _as_sqlalchemy() -> Iterator[None]:
    """Raise the driver's errors as everybody else hears them."""
    try:
        yield
    except psycopg.Error as error:
        raise DBAPIError.instance(None, None, error, psycopg.Error, hide_parameters=True) from error


async def over(trip: RoundTrip, sent: Callable[[], None] = lambda: None) -> None:
    """Make a round trip, in which `sent` is told when all of it is on its way."""
    with _as_sqlalchemy():
        await trip.over(sent)


class Question(NamedTuple):
    """A statement in the driver's words (`%s`) over columns of a batch: arrays of wallet/packed.py, or plain values.

    Rows that are `named` come as dictionaries.
    """

    statement: bytes
    columns: Sequence[object] = ()
    named: bool = False


async def ask(db: Wire, question: Question) -> psycopg.AsyncCursor[Any]:
    """Ask a question whose answer somebody reads."""
    with _as_sqlalchemy():
        return await db.execute(question.statement, question.columns, prepare=True, binary=True)


_LOAD = b"SELECT * FROM wallet.load(%s::integer[], %s::uuid[])"


def loading(lanes: Iterable[int], ids: Iterable[UUID]) -> Question:
    """Ask for accounts; each row is what Account takes. Those of other lanes or of nobody have none."""
    return Question(_LOAD, (packed.integers(list(lanes)), packed.uuids(ids)))


_TYPES = (
    # lanes
    "integer[]", "bigint[]", "bigint[]", "bytea[]", "bytea[]",
    # accounts
    "integer[]", "uuid[]", "bigint[]", "bigint[]", "bigint[]", "bigint[]",
    # transfers; debit and credit are places among the accounts
    "timestamptz", "integer[]", "bigint[]", "uuid[]", "text[]", "integer[]", "integer[]", "bigint[]", "bigint[]",
    "text[]", "uuid[]", "uuid[]", "bigint[]", "bigint[]", "bigint[]", "bigint[]", "bigint[]", "bigint[]",
    "timestamptz[]", "text[]", "text[]", "timestamptz[]",
)  # fmt: skip
_POST = f"SELECT wallet.post({', '.join(f'%s::{kind}' for kind in _TYPES)})".encode()


def posting(
    at: datetime,
    blocks: Sequence[Block],
    rows: Sequence[leaf.Row],
    expiries: Sequence[datetime | None],
    accounts: Sequence[Account],
) -> Question:
    """Say what stores a batch; the database raises where a balance, a hold or a lane is not what was decided on."""
    places = {account.id: place for place, account in enumerate(accounts, start=1)}
    column: Any = leaf.Row(*zip(*rows, strict=True))  # type: ignore[arg-type]  # each column under its field's name
    columns = (
        packed.integers([block.lane.lane for block in blocks]),
        packed.bigints([block.lane.seq_before for block in blocks]),
        packed.bigints([block.lane.seq - block.lane.seq_before for block in blocks]),
        packed.blobs([block.root for block in blocks]),
        packed.blobs([block.hash for block in blocks]),
        packed.integers([account.lane for account in accounts]),
        packed.uuids([account.id for account in accounts]),
        packed.bigints([account.version_before for account in accounts]),
        packed.bigints([account.posted for account in accounts]),
        packed.bigints([account.hold_out for account in accounts]),
        packed.bigints([account.hold_in for account in accounts]),
        at,
        packed.integers(column.lane),
        packed.bigints(column.seq),
        packed.uuids(column.id),
        packed.texts(column.kind),
        packed.integers([places[side] for side in column.debit]),
        packed.integers([places[side] for side in column.credit]),
        packed.bigints(column.amount),
        packed.bigints(column.held),
        packed.texts(column.currency),
        packed.uuids(column.of),
        packed.uuids(column.linked),
        packed.bigints(column.debit_version),
        packed.bigints(column.credit_version),
        packed.bigints(column.debit_posted),
        packed.bigints(column.credit_posted),
        packed.bigints(column.debit_hold_out),
        packed.bigints(column.credit_hold_in),
        packed.instants(column.effective),
        packed.texts(column.code),
        packed.texts(column.reference),
        packed.instants(expiries),
    )
    return Question(_POST, columns)
