"""Places: how many cards and holders the programme has, and its caps, which no race exceeds.

One row is counted up and down under its lock, so orders and closings pass one by one. A card and its successor on the
way share a place: of the two only one can ever be used. Cards that somebody else issues are not of the programme.
"""

from collections.abc import Mapping
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from law import regime
from law.regime import Regime


class Held(msgspec.Struct, frozen=True):
    """What a holder has: cards alive by their form, successors on their way not counted, and who ever barred them."""

    virtual: int = 0
    plastic: int = 0
    barred: bool = False

    def products(self, *, pair_counts_once: bool) -> int:
        """Count as the programme counts: a virtual and a plastic card may be one product."""
        return max(self.virtual, self.plastic) if pair_counts_once else self.virtual + self.plastic


class CardsSuspended(Exception):
    """Risk or the regulator suspended a card of the holder: no other one is a way around that."""


async def take(db: AsyncConnection, holder: UUID, form: str, programme: Regime) -> None:
    """Count one card more; raises law.regime.CapReached, CardsSuspended."""
    alive, holders = (await db.execute(_ENTER)).one()
    # A statement of its own: it must see the card of the order that held the lock before.
    before = await held(db, holder)
    if before.barred:
        raise CardsSuspended
    after = msgspec.structs.replace(before, **{form: getattr(before, form) + 1})
    products = after.products(pair_counts_once=programme.policy.pair_counts_once)
    regime.ensure_cards(programme, after=alive, of_customer_after=products)
    if not before.virtual + before.plastic:
        regime.ensure_customers(programme, after=holders + 1)
        await db.execute(_HOLDERS, {"more": 1})


class Taken(msgspec.Struct, frozen=True):
    """How full the programme is: cards and holders."""

    cards: int
    holders: int


async def taken(db: AsyncConnection) -> Taken:
    """Say how full the programme is."""
    row = (await db.execute(_TAKEN)).one()
    return Taken(row.alive, row.holders)


async def held(db: AsyncConnection, holder: UUID) -> Held:
    """Say what `holder` has."""
    row = (await db.execute(_HELD, {"holder": holder})).one()
    return Held(row.virtual, row.plastic, row.barred)


async def leave(db: AsyncConnection, cards: Mapping[UUID, UUID]) -> None:
    """Give back the places of cards, by id, of these holders, once it is written that they are closed.

    A place that a predecessor or successor goes on in stays taken.
    """
    await db.execute(_LOCK)
    gone = (await db.execute(_GONE, {"cards": list(cards)})).scalars().all()
    if gone:
        left = sum([not _any(await held(db, holder)) for holder in sorted({cards[card] for card in gone})])
        await db.execute(_LEAVE, {"cards": len(gone), "holders": left})


def _any(found: Held) -> bool:
    return bool(found.virtual + found.plastic)


_ENTER = text("UPDATE cards.circulation SET alive = alive + 1 RETURNING alive, holders")
_HOLDERS = text("UPDATE cards.circulation SET holders = holders + :more")
_TAKEN = text("SELECT alive, holders FROM cards.circulation")
_LOCK = text("SELECT FROM cards.circulation FOR UPDATE")
_LEAVE = text("UPDATE cards.circulation SET alive = alive - :cards, holders = holders - :holders")
_CLOSED = "EXISTS (SELECT FROM cards.change WHERE change.card = {}.id AND change.state = 'closed')"
_HELD = text(
    f"""
    SELECT count(*) FILTER (WHERE takes AND form = 'virtual') AS virtual,
           count(*) FILTER (WHERE takes AND form = 'plastic') AS plastic,
           coalesce(bool_or(suspended @> '[{{"owner": "risk"}}]' OR suspended @> '[{{"owner": "regulator"}}]'), false)
           AS barred
    FROM (
        SELECT card.form, latest.suspended, latest.state <> 'closed' AND card.processor = 'own' AND NOT EXISTS (
            SELECT FROM cards.card AS earlier WHERE earlier.id = card.replaces AND NOT {_CLOSED.format("earlier")}
        ) AS takes
        FROM cards.card CROSS JOIN LATERAL (
            SELECT state, suspended FROM cards.change WHERE change.card = card.id ORDER BY version DESC LIMIT 1
        ) AS latest
        WHERE holder = :holder AND card.processor = 'own'
    ) AS own
    """  # noqa: S608  literals of this file
)
_GONE = text(
    f"""
    SELECT card.id FROM cards.card
    WHERE id = ANY(:cards) AND processor = 'own'
      AND NOT EXISTS (SELECT FROM cards.card AS other
                      WHERE (other.id = card.replaces OR other.replaces = card.id) AND NOT {_CLOSED.format("other")})
    """  # noqa: S608  literals of this file
)
