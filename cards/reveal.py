"""A reveal: the holder is shown the full number, and the house remembers that it was."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from cards import events, pan, tables
from cards.card import ALIVE, Card, WrongState
from cards.pan import Pan
from proof import journal
from proof.kms import Kms


async def reveal(db: AsyncConnection, card: Card, *, keys: Kms, actor: str, at: datetime) -> Pan:
    """Open the number of a card that was locked, for the resident this transaction speaks for; raises WrongState."""
    if card.state not in ALIVE:
        raise WrongState("reveal", card.state)
    number = await pan.read(db, keys, card.id)
    assert number is not None, "a card that its holder can see has a number that its holder can see"
    fact = journal.Fact(
        aggregate=card.id, holder=card.holder, at=at, actor=actor, event=events.CardRevealed(card=card.id)
    )
    await journal.append(db, tables.event, fact)
    return number
