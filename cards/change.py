"""A change of a card by its holder: freeze, unfreeze, close, set limits. Each is a row; the latest is the card.

route      app/http/mobile/cards.py      POST /v1/cards/{id}/freeze, PATCH /v1/cards/{id}
changes    cards/change.py               turn()          <- you are here, with limit()
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import card as cards_card
from cards import events, tables
from cards.card import ALIVE, Act, Card, Limits, State, WrongState
from law.money import Money
from proof import journal


async def locked(db: AsyncConnection, card: UUID) -> Card:
    """Read a card that nobody else changes until this transaction ends; raises UnknownCard."""
    await db.execute(_LOCK, {"card": str(card)})
    return await cards_card.find(db, card)


async def turn(db: AsyncConnection, before: Card, act: Act, *, actor: str, at: datetime) -> Card:
    """Take a card that was `locked` one step through its life; raises WrongState."""
    step = before.after(act)
    after = msgspec.structs.replace(before, state=step.to, version=before.version + 1)
    await record(db, after, step.fact(card=after.id), actor=actor, at=at)
    if step.to is State.CLOSED:
        await db.execute(_LEAVE)
    return after


async def limit(db: AsyncConnection, before: Card, limits: Limits, *, actor: str, at: datetime) -> Card:
    """Set the holder's own limits of a card that was `locked`; raises WrongState."""
    if before.state not in ALIVE:
        raise WrongState("limit", before.state)
    after = msgspec.structs.replace(before, limits=limits, version=before.version + 1)
    fact = events.CardLimited(
        card=after.id,
        currency=str(after.currency),
        per_payment_max_minor=_minor(limits.per_payment),
        per_day_max_minor=_minor(limits.per_day),
    )
    await record(db, after, fact, actor=actor, at=at)
    return after


async def record(db: AsyncConnection, card: Card, fact: msgspec.Struct, *, actor: str, at: datetime) -> None:
    """Write the card's newest version and the fact that made it."""
    await db.execute(
        insert(tables.change).values(
            card=card.id,
            version=card.version,
            holder=card.holder,
            state=card.state,
            per_payment_max_minor=_minor(card.limits.per_payment),
            per_day_max_minor=_minor(card.limits.per_day),
            actor=actor,
            at=at,
        )
    )
    await journal.append(
        db, tables.event, journal.Fact(aggregate=card.id, holder=card.holder, at=at, actor=actor, event=fact)
    )


def _minor(amount: Money | None) -> int | None:
    return None if amount is None else amount.minor


# The API may only add rows, so there is none it could lock; a card's changes pass one by one all the same.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('cards.change:' || :card, 0))")
_LEAVE = text("UPDATE cards.circulation SET alive = alive - 1")
