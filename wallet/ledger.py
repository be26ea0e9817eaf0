"""How the desk's decisions reach the database: running totals in memory and the call of wallet.post().

Arrays travel as PostgreSQL's text literals: one parameter each, whatever the size of the batch, and no adaptation per
element (measured as fast as the fastest driver).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from law.money import Currency
from wallet import leaf


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


_TYPES = (
    # lanes
    "integer[]", "bigint[]", "bigint[]", "bytea[]", "bytea[]",
    # transfers, in the order of leaf.Row without `at`
    "integer[]", "bigint[]", "uuid[]", "text[]", "uuid[]", "uuid[]", "bigint[]", "bigint[]", "text[]", "uuid[]",
    "uuid[]", "bigint[]", "bigint[]", "bigint[]", "bigint[]", "bigint[]", "bigint[]", "timestamptz", "timestamptz[]",
    "text[]", "text[]", "timestamptz[]",
    # accounts
    "integer[]", "uuid[]", "bigint[]", "bigint[]", "bigint[]", "bigint[]",
)  # fmt: skip
_POST = f"SELECT wallet.post({', '.join(f'%s::{kind}' for kind in _TYPES)})"


async def post(  # noqa: PLR0917  the parts of a batch, once
    db: AsyncConnection,
    at: datetime,
    blocks: Sequence[Block],
    rows: Sequence[leaf.Row],
    expiries: Sequence[datetime | None],
    accounts: Sequence[Account],
) -> None:
    """Store a batch; the database raises where a balance, a hold or a lane is not what was decided on."""
    columns = list(zip(*rows, strict=True))
    at_column = leaf.Row._fields.index("at")
    parameters: list[str] = [
        _array(block.lane.lane for block in blocks),
        _array(block.lane.seq_before for block in blocks),
        _array(block.lane.seq - block.lane.seq_before for block in blocks),
        _array(_bytea(block.root) for block in blocks),
        _array(_bytea(block.hash) for block in blocks),
        *(_array(column) for column in columns[:at_column]),
        at.isoformat(),
        *(_array(column) for column in columns[at_column + 1 :]),
        _array(expiries),
        _array(account.lane for account in accounts),
        _array(account.id for account in accounts),
        _array(account.version_before for account in accounts),
        _array(account.posted for account in accounts),
        _array(account.hold_out for account in accounts),
        _array(account.hold_in for account in accounts),
    ]
    await db.exec_driver_sql(_POST, tuple(parameters))


def _array(values: Iterable[object]) -> str:
    """Write an array literal; words hold nothing that would need escaping (`transfer.WORD`)."""
    return "{" + ",".join("NULL" if value is None else _element(value) for value in values) + "}"


def _element(value: object) -> str:
    if isinstance(value, datetime):
        return f'"{value.isoformat()}"'
    return f'"{value}"' if isinstance(value, str) else str(value)


def _bytea(value: bytes) -> str:
    # Inside an array literal the backslash of the hex form is itself escaped.
    return f"\\\\x{value.hex()}"
