"""A bill for several: who paid it asks the others for their shares, which add up to it to the last tiyn.

The shares are the largest remainders (law/rounding.py), one of them may be the payer's own; each of the others is a
request of its own. The database proves the sum when the split commits (0020).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from law import rounding
from law.money import Currency, Money

SHARES_MAX = 50


class BadShares(Exception):
    """The shares are not the whole: amounts that don't add up, a share of nothing, or the same person twice."""


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """A bill: the whole and what of it is one's own."""

    id: UUID
    holder: UUID
    total: Money
    own: Money
    at: datetime


def shares(total: Money, own_weight: int, weights: Sequence[int]) -> tuple[Money, list[Money]]:
    """Share `total` by weight: one's own share and the others'; raises BadShares where one would pay nothing."""
    try:
        own, *others = rounding.allocate(total, [own_weight, *weights])
    except rounding.NothingToShareBy as error:
        raise BadShares from error
    if not all(others):
        raise BadShares
    return own, others


async def store(db: AsyncConnection, made: Split) -> None:
    """Store a split; its requests follow in the same transaction."""
    row = {"id": made.id, "holder": made.holder, "at": made.at, "currency": str(made.total.currency)}
    await db.execute(_STORE, row | {"total": made.total.minor, "own": made.own.minor})


async def find(db: AsyncConnection, holder: UUID, split: UUID) -> Split | None:
    """Load one of a person's splits."""
    row = (await db.execute(_FIND, {"id": split, "holder": holder})).one_or_none()
    if row is None:
        return None
    currency = Currency.of(row.currency)
    return Split(
        id=row.id, holder=row.holder, total=Money(row.total, currency), own=Money(row.own, currency), at=row.at
    )


async def requests_of(db: AsyncConnection, split: UUID) -> list[UUID]:
    """Name the requests of a split, in the order of its shares."""
    return list(await db.scalars(_REQUESTS, {"split": split}))


_STORE = text(
    "INSERT INTO app.split (id, holder, total, own, currency, at) VALUES (:id, :holder, :total, :own, :currency, :at)"
)
_FIND = text("SELECT * FROM app.split WHERE id = :id AND holder = :holder")
_REQUESTS = text("SELECT id FROM app.money_request WHERE split = :split ORDER BY id")
