"""Which events a partner is sent, and where: made and edited by the partner, switched off where its endpoint is gone.

route      app/http/partner/subscriptions.py
switches   app/partners/outgoing.py           off, at the answer 410

Events are queued for a subscription that is off as well: they are sent once it is on again.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.partners import destination, tables


class UnknownSubscription(Exception):
    """There is no such subscription, or it is another partner's, which looks the same."""

    def __init__(self, subscription: UUID) -> None:
        super().__init__(subscription)
        self.subscription = subscription


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as it stands. `trouble` is why it was switched off, `version` counts the changes."""

    id: UUID
    partner: UUID
    url: str
    kinds: list[str]
    sequence: int
    active: bool
    trouble: str | None
    version: int
    created_at: datetime


async def subscribe(
    db: AsyncConnection, partner: UUID, *, subscription: UUID, url: str, kinds: list[str], at: datetime, local: bool
) -> None:
    """Send `partner` what happens of these kinds where it is named, once per `subscription`.

    Raises destination.Forbidden. `local` is a demo or test installation, which sends to this machine only.
    """
    destination.check(url, local=local)
    row = {"id": subscription, "partner": partner, "url": url, "kinds": kinds, "sees": "own", "created_at": at}
    await db.execute(insert(tables.subscription).values(row).on_conflict_do_nothing())


async def of_partner(db: AsyncConnection, partner: UUID) -> list[Subscription]:
    """List the subscriptions of `partner`, the oldest first."""
    rows = await db.execute(_of(partner).order_by(tables.subscription.c.id))
    return [_subscription(row) for row in rows]


async def find(db: AsyncConnection, partner: UUID, subscription: UUID) -> Subscription:
    """Load a subscription of `partner`; raises UnknownSubscription."""
    return await _one(db, _of(partner).where(tables.subscription.c.id == subscription), subscription)


async def lock(db: AsyncConnection, partner: UUID, subscription: UUID) -> Subscription:
    """Load a subscription of `partner` to edit it; raises UnknownSubscription."""
    query = _of(partner).where(tables.subscription.c.id == subscription).with_for_update()
    return await _one(db, query, subscription)


async def change(
    db: AsyncConnection, before: Subscription, *, active: bool, url: str, kinds: list[str], local: bool
) -> Subscription:
    """Write what a locked subscription shall be from now on; raises destination.Forbidden."""
    destination.check(url, local=local)
    changed = {
        "active": active,
        "url": url,
        "kinds": kinds,
        "trouble": before.trouble if active is before.active else None,
        "version": before.version + 1,
    }
    await db.execute(update(tables.subscription).where(tables.subscription.c.id == before.id).values(changed))
    return msgspec.structs.replace(before, **changed)


def _of(partner: UUID) -> Select[tuple[object, ...]]:
    columns = [tables.subscription.c[name] for name in Subscription.__struct_fields__]
    return select(*columns).where(tables.subscription.c.partner == partner)


async def _one(db: AsyncConnection, query: Select[tuple[object, ...]], wanted: UUID) -> Subscription:
    if (row := (await db.execute(query)).one_or_none()) is None:
        raise UnknownSubscription(wanted)
    return _subscription(row)


def _subscription(row: Row[Any]) -> Subscription:
    return Subscription(**row._asdict())
