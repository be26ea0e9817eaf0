"""Accounts: whose money, in which currency, for what purpose.

A resident's wallet is tenge e-money of the issuing bank (Payments Law art. 42): the balance is credits less debits and
its floor is zero. Accounts of the operator have no floor; they come into being when first needed, one per lane. What
each may be for is in wallet/chart.py, and the database refuses what is not (0018).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from law.money import KZT, Currency, Money
from proof import journal
from wallet import tables
from wallet.chart import CHART, Owner, Purpose
from wallet.events import AccountClosed, AccountOpened, WalletOpened
from wallet.transfer import AccountId

__all__ = [
    "AccountExists",
    "AccountNotEmpty",
    "Balance",
    "Closing",
    "NoWallet",
    "Purpose",
    "WalletExists",
    "close",
    "lane",
    "newcomers_lane",
    "open_account",
    "open_wallet",
    "operator",
    "wallet",
    "write_closings",
]


class NoWallet(Exception):
    """The resident has not opened a wallet."""


class WalletExists(Exception):
    """The resident has a wallet already."""


class AccountExists(Exception):
    """The resident has an account for this purpose, label and currency already."""


class AccountNotEmpty(Exception):
    """An account is closed when it holds nothing and nothing of it is set aside."""

    def __init__(self, account: UUID) -> None:
        super().__init__(account)
        self.account = account


class Closing(NamedTuple):
    """An account that was closed, and who did it."""

    lane: int
    account: AccountId
    holder: UUID | None
    actor: str


class Balance(msgspec.Struct, frozen=True):
    """A wallet as it stands: `posted` is the e-money owned, `held` the part set aside, `available` the rest."""

    account: AccountId
    lane: int
    posted: Money
    held: Money
    available: Money
    version: int
    opened_at: datetime


async def open_wallet(
    db: AsyncConnection, *, holder: UUID, account: UUID, lane: int, actor: str, at: datetime
) -> AccountId:
    """Open the tenge wallet of `holder` on `lane` for good; raises WalletExists."""
    opened = await db.scalar(
        insert(tables.holder)
        .values(holder=holder, lane=lane, opened_at=at)
        .on_conflict_do_nothing()
        .returning(tables.holder.c.lane)
    )
    if opened is None:
        raise WalletExists
    await db.execute(
        insert(tables.account).values(
            lane=lane, id=account, holder=holder, purpose=Purpose.WALLET, currency=KZT, label="", floor=0, opened_at=at
        )
    )
    event = WalletOpened(account=account, lane=lane, currency=str(KZT))
    await journal.append(
        db, tables.event, journal.Fact(aggregate=account, holder=holder, at=at, actor=actor, event=event)
    )
    return AccountId(account)


async def open_account(
    db: AsyncConnection,
    *,
    holder: UUID,
    purpose: Purpose,
    label: str,
    currency: Currency,
    account: UUID,
    actor: str,
    at: datetime,
) -> AccountId:
    """Open a further account of `holder`, on the lane of the wallet; raises NoWallet, AccountExists."""
    line = CHART[purpose]
    assert line.owner is Owner.RESIDENT, "what is the operator's is opened by operator()"
    home = await lane(db, holder)
    row = {"lane": home, "id": account, "holder": holder, "purpose": purpose, "label": label, "currency": currency}
    opening = insert(tables.account).values(**row, floor=line.floor, opened_at=at).on_conflict_do_nothing()
    if await db.scalar(opening.returning(tables.account.c.lane)) is None:
        raise AccountExists
    event = AccountOpened(account=account, lane=home, purpose=purpose.value, label=label, currency=str(currency))
    await journal.append(
        db, tables.event, journal.Fact(aggregate=account, holder=holder, at=at, actor=actor, event=event)
    )
    return AccountId(account)


async def close(db: AsyncConnection, holder: UUID, *, actor: str, at: datetime) -> None:
    """Close every account of `holder`, whose lane the caller has locked; raises AccountNotEmpty."""
    row = tables.account.c
    found = (await db.execute(select(tables.account).where(row.holder == holder, row.closed_at.is_(None)))).all()
    for each in found:
        if each.posted or each.hold_out or each.hold_in:
            raise AccountNotEmpty(each.id)
    await write_closings(db, [Closing(each.lane, AccountId(each.id), holder, actor) for each in found], at=at)


_CLOSE = text("UPDATE wallet.account SET closed_at = :at WHERE lane = ANY(:lanes) AND id = ANY(:ids)")


async def write_closings(db: AsyncConnection, closed: Sequence[Closing], *, at: datetime) -> None:
    """Write down that accounts were closed, under the locks of their lanes."""
    if closed:
        lanes, ids = [each.lane for each in closed], [each.account for each in closed]
        await db.execute(_CLOSE, {"at": at, "lanes": lanes, "ids": ids})
    facts = (
        journal.Fact(
            aggregate=each.account,
            holder=each.holder,
            at=at,
            actor=each.actor,
            event=AccountClosed(account=each.account, lane=each.lane),
        )
        for each in closed
    )
    await journal.append(db, tables.event, *facts)


_NEWCOMERS = text("SELECT lane FROM wallet.lane WHERE opens ORDER BY lane")


async def newcomers_lane(db: AsyncConnection, account: UUID) -> int:
    """Choose where a new wallet lives: one of the lanes that take newcomers, by the wallet's id, for good."""
    lanes = list(await db.scalars(_NEWCOMERS))
    assert lanes, "an installation has a lane that takes newcomers"
    return int(lanes[account.int % len(lanes)])


async def lane(db: AsyncConnection, holder: UUID) -> int:
    """Find the lane that all accounts of `holder` share; raises NoWallet."""
    found = await db.scalar(select(tables.holder.c.lane).where(tables.holder.c.holder == holder))
    if found is None:
        raise NoWallet
    return int(found)


async def lanes_of(db: AsyncConnection, accounts: Iterable[UUID]) -> dict[UUID, int]:
    """Find the lanes of accounts; those that do not exist are missing."""
    return {row.id: row.lane for row in await db.execute(_LANES_OF, {"accounts": list(accounts)})}


async def wallet(db: AsyncConnection, holder: UUID) -> Balance:
    """Read the wallet of `holder`; raises NoWallet."""
    account = tables.account.c
    row = (
        await db.execute(select(tables.account).where(account.holder == holder, account.purpose == Purpose.WALLET))
    ).one_or_none()
    if row is None:
        raise NoWallet
    currency = Currency.of(row.currency)
    return Balance(
        AccountId(row.id),
        row.lane,
        posted=Money(row.posted, currency),
        held=Money(row.hold_out, currency),
        available=Money(row.posted - row.hold_out - row.floor, currency),
        version=row.version,
        opened_at=row.opened_at,
    )


_OPERATOR = text(
    """
    INSERT INTO wallet.account (lane, id, purpose, label, currency, opened_at)
    VALUES (:lane, uuidv7(), :purpose, :label, :currency, :at) ON CONFLICT DO NOTHING RETURNING id
    """
)
#: They open by themselves, where money first needs them.
_OPERATORS = "system:ledger"
_FIND_OPERATOR = text(
    """
    SELECT id FROM wallet.account
    WHERE lane = :lane AND holder IS NULL AND purpose = :purpose AND label = :label AND currency = :currency
    """
)


async def operator(
    db: AsyncConnection, *, lane: int, purpose: Purpose, at: datetime, label: str = "", currency: Currency = KZT
) -> AccountId:
    """Give the operator's account of this purpose on `lane`, opened where it is the first time."""
    key = {"lane": lane, "purpose": purpose.value, "label": label, "currency": str(currency)}
    found: UUID | None = await db.scalar(_FIND_OPERATOR, key)
    if found is not None:
        return AccountId(found)
    opened: UUID | None = await db.scalar(_OPERATOR, {**key, "at": at})
    if opened is None:  # by another process, meanwhile
        return AccountId((await db.execute(_FIND_OPERATOR, key)).scalar_one())
    event = AccountOpened(account=opened, lane=lane, purpose=purpose.value, label=label, currency=str(currency))
    await journal.append(db, tables.event, journal.Fact(aggregate=opened, at=at, actor=_OPERATORS, event=event))
    return AccountId(opened)


# By way of the lanes, of which there are few: the key of accounts begins with them.
_LANES_OF = text(
    """
    SELECT account.id, account.lane
    FROM wallet.lane JOIN wallet.account ON account.lane = lane.lane AND account.id = ANY (:accounts)
    """
)
