"""Accounts: whose money, in which currency, for what purpose.

A resident's wallet is tenge e-money of the issuing bank (Payments Law art. 42): the balance is credits less debits and
its floor is zero. Accounts of the operator have no floor; they come into being when first needed, one per lane.
"""

import enum
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from law.money import KZT, Currency, Money
from proof import journal
from wallet import tables
from wallet.events import WalletOpened
from wallet.transfer import AccountId


class Purpose(enum.StrEnum):
    """The chart of accounts. The label of an operator's account tells its counterparty, such as the bank's code."""

    WALLET = "wallet"
    BANK = "bank"
    CARD_CLEARING = "card_clearing"
    CARD_RECEIVABLE = "card_receivable"
    INVEST_SETTLEMENT = "invest_settlement"
    FEES = "fees"
    SUSPENSE = "suspense"
    SANDBOX = "sandbox"


class NoWallet(Exception):
    """The resident has not opened a wallet."""


class WalletExists(Exception):
    """The resident has a wallet already."""


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


async def lane(db: AsyncConnection, holder: UUID) -> int:
    """Find the lane that all accounts of `holder` share; raises NoWallet."""
    found = await db.scalar(select(tables.holder.c.lane).where(tables.holder.c.holder == holder))
    if found is None:
        raise NoWallet
    return int(found)


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
    SELECT :lane, uuidv7(), :purpose, :label, :currency, :at
    WHERE NOT EXISTS (SELECT 1 FROM wallet.account WHERE lane = :lane AND holder IS NULL AND purpose = :purpose
                      AND label = :label AND currency = :currency)
    ON CONFLICT DO NOTHING
    """
)
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
    found = await db.scalar(_FIND_OPERATOR, key)
    if found is None:
        await db.execute(_OPERATOR, {**key, "at": at})
        found = await db.scalar(_FIND_OPERATOR, key)
    assert isinstance(found, UUID), "opened by this statement or by another process's"
    return AccountId(found)
