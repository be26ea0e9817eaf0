"""The worker's step for the terms of cards: what ends soon is renewed, what is over is closed.

finds      app/cards/terms.py            step()        <- you are here
makes      app/cards/own_processor.py    replace()     of a card that we process ourselves
closes     cards/programme/change.py     close()

A virtual card is renewed by itself; its successor is activated by the holder, or on the day the card ends. A plastic
one needs an address, so its holder is told. What stands against a renewal is told as well, once.
"""

import structlog
from sqlalchemy import text

from app import ids, problems
from app.cards import processors
from app.db import Story, transaction
from app.house import House
from app.refusals import REFUSALS
from cards import card as cards_card
from cards import tables
from cards.card import Act, Card, Closing, Form, State
from cards.programme import change, renewal
from cards.programme.events import CardRenewalDue
from proof import journal

ACTOR = "service:card-terms"
ADDRESS_NEEDED = "address_needed"
_ONE_ROUND_MAX = 50

_log = structlog.get_logger()


async def step(house: House) -> int:
    """Renew and end what is due, a card at a time; answers how many."""
    done = 0
    while done < _ONE_ROUND_MAX and await _one(house):
        done += 1
    return done


async def _one(house: House) -> bool:
    async with transaction(house.worker, actor=ACTOR, operation="card_terms") as story:
        db = await story()
        due = (await db.execute(_DUE, {"now": story.now})).one_or_none()
        if due is None:
            return False
        card = await change.locked(db, due.card)
        if due.ends_at <= story.now:
            await _end(story, card)
        else:
            await db.execute(_ASKED, {"card": card.id})
            await _renew(house, story, card)
        return True


async def _end(story: Story, card: Card) -> None:
    """Close a card whose last day is over; a virtual successor that nobody activated takes its place."""
    db, at = await story(), story.now
    heir = await renewal.of(db, card.id)
    if heir is not None:
        successor = await change.locked(db, heir)
        if successor.form is Form.VIRTUAL and successor.state is State.INACTIVE:
            await change.turn(db, successor, Act.ACTIVATE, actor=ACTOR, at=at)
            card = await cards_card.find(db, card.id)
    if card.alive:
        await change.close(db, [card], Closing.EXPIRED, actor=ACTOR, at=at)


async def _renew(house: House, story: Story, card: Card) -> None:
    db = await story()
    if not card.alive or await renewal.of(db, card.id) is not None:
        return
    why = ADDRESS_NEEDED if card.form is Form.PLASTIC else await _refused(house, story, card)
    if why is not None:
        fact = CardRenewalDue(card=card.id, expires_on=card.expires_on, why=why)
        told = journal.Fact(aggregate=card.id, holder=card.holder, at=story.now, actor=ACTOR, event=fact)
        await journal.append(db, tables.event, told)


async def _refused(house: House, story: Story, card: Card) -> str | None:
    """Renew a virtual card; the code of what stands against it, or None where it is done."""
    db = await story()
    try:
        async with db.begin_nested():
            by = await processors.asking(story, ACTOR)
            await processors.of(house, card.processor).replace(by, card, renewal.Cause.ENDING, made=ids.new())
    except tuple(REFUSALS) as refusal:
        _log.info("card_not_renewed", code=problems.of(refusal).code)
        return problems.of(refusal).code
    return None


_DUE = text(
    """
    SELECT card, ends_at FROM cards.term WHERE ends_at <= :now OR renew_at <= :now
    ORDER BY least(ends_at, renew_at) LIMIT 1 FOR UPDATE SKIP LOCKED
    """
)
_ASKED = text("UPDATE cards.term SET renew_at = NULL WHERE card = :card")
