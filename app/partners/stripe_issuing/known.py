"""What Stripe's names stand for here: cards, their holders, disputes. A name never changes its meaning."""

from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.payments.payment import Merchant
from law.money import Currency


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A card of ours by its name at a processor."""

    card: UUID
    holder: UUID
    lane: int


async def card(db: AsyncConnection, processor: str, reference: str) -> Known | None:
    """Find the card with this name; None where it is none of ours."""
    row = (await db.execute(_CARD, {"processor": processor, "reference": reference})).one_or_none()
    return None if row is None else Known(card=row.id, holder=row.holder, lane=row.lane)


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """A payment of ours by the name of its purchase."""

    lane: int
    card: UUID | None
    currency: Currency
    merchant: Merchant


async def purchase(db: AsyncConnection, processor: str, lifecycle: str) -> Purchase | None:
    """Find the payment of a purchase; None where we never heard of it."""
    row = (await db.execute(_PURCHASE, {"processor": processor, "lifecycle": lifecycle})).one_or_none()
    if row is None:
        return None
    named = Merchant(
        name=row.merchant_name, id=row.merchant_id, category=row.merchant_category, country=row.merchant_country
    )
    return Purchase(lane=row.lane, card=row.card, currency=Currency.of(row.currency), merchant=named)


async def dispute(db: AsyncConnection, processor: str, reference: str) -> UUID | None:
    """Find the dispute with this name; None where it is none of ours."""
    found: UUID | None = await db.scalar(_DISPUTE, {"processor": processor, "reference": reference})
    return found


async def taken(db: AsyncConnection, processor: str, lifecycle: str) -> str | None:
    """Name what was taken last of a purchase, as the processor names it; None where nothing was yet."""
    found: str | None = await db.scalar(_TAKEN, {"processor": processor, "lifecycle": lifecycle})
    return found


_CARD = text(
    """
    SELECT card.id, card.holder, card.lane
    FROM cards.processor_reference AS named JOIN cards.card ON card.id = named.ours
    WHERE named.processor = :processor AND named.reference = :reference AND named.kind = 'card'
    """
)
# By way of the lanes, of which there are few: the key of payments begins with them.
_PURCHASE = text(
    """
    SELECT payment.lane, payment.card, payment.currency, merchant_name, merchant_id, merchant_category, merchant_country
    FROM wallet.lane JOIN cards.payment ON payment.lane = lane.lane
    WHERE payment.network = :processor AND payment.lifecycle = :lifecycle
    """
)
_DISPUTE = text(
    """
    SELECT ours FROM cards.processor_reference
    WHERE processor = :processor AND reference = :reference AND kind = 'dispute'
    """
)
_TAKEN = text(
    """
    SELECT element.source FROM wallet.lane JOIN cards.payment ON payment.lane = lane.lane
    JOIN cards.element ON element.lane = payment.lane AND element.payment = payment.id
    WHERE payment.network = :processor AND payment.lifecycle = :lifecycle AND element.kind = 'clearing'
    ORDER BY element.number DESC LIMIT 1
    """
)
