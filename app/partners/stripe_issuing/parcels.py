"""How far a plastic card is that Stripe sends: the card and its parcel here go along.

asks    app/partners/stripe_issuing/cards.py      follow()
goes    app/partners/stripe_issuing/parcels.py    follow()      <- you are here
moves   cards/programme/shipping.py               ship(), deliver(), take_back(), as officers do for cards of our own

Steps that were not heard of are made up for in order; what was said before does not come back.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db, vault
from app.house import House
from app.partners.stripe_issuing.issuer import CODE
from app.vault import Vault
from cards.card import LIFE, Act, Card
from cards.programme import change, shipping
from cards.programme.shipping import Parcel

#: What has happened to a card by the word Stripe has for where it is.
_PASSED: dict[str | None, tuple[Act, ...]] = {
    "submitted": (Act.PERSONALISE,),
    "shipped": (Act.PERSONALISE, Act.SHIP),
    "delivered": (Act.PERSONALISE, Act.SHIP, Act.DELIVER),
    "failure": (Act.PERSONALISE, Act.SHIP, Act.RETURN),
    "returned": (Act.PERSONALISE, Act.SHIP, Act.RETURN),
}
_ACTOR = f"processor:{CODE}"


class Shipping(msgspec.Struct, frozen=True, kw_only=True):
    """Where a card is, as Stripe has it."""

    status: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None


async def safe(house: House, holder: UUID) -> Vault:
    """Open the vault of a holder, under whose key the number is kept that a parcel is tracked by."""
    async with db.transaction(house.api, holder=holder) as own:
        return await vault.existing(await own(), house.keys.kms, holder)


async def follow(connection: AsyncConnection, card: Card, there: Shipping, keys: Vault, *, at: datetime) -> Card:
    """Take a card that was locked as far as its parcel is."""
    found = await shipping.of_card(connection, card.id)
    if not found or found[0].ended_at is not None:
        return card
    for act in _PASSED.get(there.status, ()):
        if (card.state, act) in LIFE:
            card = await _step(connection, card, act, there, _sealed(keys, found[0], there), at=at)
    return card


async def _step(
    connection: AsyncConnection, card: Card, act: Act, there: Shipping, tracking: bytes | None, *, at: datetime
) -> Card:
    match act:
        case Act.SHIP:
            carrier = there.carrier or CODE
            return await shipping.ship(connection, card, carrier=carrier, tracking=tracking, actor=_ACTOR, at=at)
        case Act.DELIVER:
            return await shipping.deliver(connection, card, actor=_ACTOR, at=at)
        case Act.RETURN:
            return await shipping.take_back(connection, card, actor=_ACTOR, at=at)
        case _:
            return await change.turn(connection, card, act, actor=_ACTOR, at=at)


def _sealed(keys: Vault, parcel: Parcel, there: Shipping) -> bytes | None:
    if there.tracking_number is None:
        return None
    return keys.seal(there.tracking_number.encode(), table="cards.parcel", column="tracking", row=parcel.id)
