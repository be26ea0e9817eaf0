"""A change of a card: a step of its life, a flag, limits, controls, journeys. Each is a row; the latest is the card.

route      app/http/mobile/card_life.py    POST /v1/cards/{id}/freeze
           app/http/officer/cards.py       POST /v1/officer/cards/{id}/suspensions
changes    cards/programme/change.py       turn(), freeze(), suspended()     <- you are here, with limit()

A flag has an owner: the holder's own is `frozen`, the others are in `suspended`. Whoever set one is who lifts it, and
the card may be used when none is left.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import card as cards_card
from cards import events, tables
from cards.card import Act, Card, Closing, Limits, Owner, State, Suspension, WrongState
from cards.programme import events as programme_events
from cards.programme import place
from cards.programme import tables as kept
from cards.programme.permission import Controls, Trip
from cards.proofs import token
from law.money import Money
from proof import journal


class NotSuspended(Exception):
    """The card bears no flag of this owner; another's is lifted by the other alone."""

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner)
        self.owner = owner


class Changed(msgspec.Struct, frozen=True):
    """A card after a change, and what happened to it."""

    card: Card
    fact: msgspec.Struct


async def locked(db: AsyncConnection, card: UUID) -> Card:
    """Read a card that nobody else changes until this transaction ends, nor its predecessor; raises UnknownCard."""
    await db.execute(_LOCK, {"cards": [card]})
    return await cards_card.find(db, card)


async def all_locked(db: AsyncConnection, cards: Iterable[UUID]) -> list[Card]:
    """Read many cards as `locked` does, in the order of their ids."""
    wanted = list(cards)
    await db.execute(_LOCK, {"cards": wanted})
    found = await cards_card.find_all(db, wanted)
    return [found[each] for each in sorted(found)]


async def turn(db: AsyncConnection, before: Card, act: Act, *, actor: str, at: datetime) -> Card:
    """Take a card that was `locked` one step through its life; raises WrongState. Closing is close().

    A successor that is activated ends its predecessor.
    """
    assert act is not Act.CLOSE, "closing needs a reason"
    step = before.after(act)
    after = following(before, state=step.to)
    await record(db, after, step.fact(card=after.id), actor=actor, at=at)
    if step.to is State.ACTIVE and before.replaces is not None:
        predecessor = await cards_card.find(db, before.replaces)
        if predecessor.alive:
            await token.follow(db, predecessor.id, after.id, actor=actor, at=at)
            await close(db, [predecessor], Closing.REPLACED, actor=actor, at=at)
    return after


async def close(db: AsyncConnection, cards: Sequence[Card], reason: Closing, *, actor: str, at: datetime) -> list[Card]:
    """End cards that were `locked`; raises WrongState.

    Children's cards that hang on them go on with the successor where there is one, and end as well where there is none.
    """
    changed = []
    for before in cards:
        step = before.after(Act.CLOSE)
        fact = events.CardClosed(card=before.id, reason=reason)
        changed.append(Changed(following(before, state=step.to, closed_for=reason), fact))
    await record_all(db, changed, actor=actor, at=at)
    await db.execute(_ENDED, {"cards": [each.card.id for each in changed]})
    await token.end(db, [each.card.id for each in changed], actor=actor, at=at)
    await place.leave(db, {each.card.id: each.card.holder for each in changed})
    await _orphaned(db, [each.card.id for each in changed], actor=actor, at=at)
    return [each.card for each in changed]


async def _orphaned(db: AsyncConnection, parents: Sequence[UUID], *, actor: str, at: datetime) -> None:
    orphans = await children(db, parents)
    if not orphans:
        return
    heirs = {row.replaces: row.id for row in await db.execute(_HEIRS, {"cards": list(parents)})}
    adopted = [
        Changed(following(child, parent=heir), programme_events.CardAdopted(card=child.id, parent=heir))
        for child in orphans
        if (heir := heirs.get(child.parent)) is not None
    ]
    await record_all(db, adopted, actor=actor, at=at)
    left = [child for child in orphans if child.parent not in heirs]
    if left:
        await close(db, left, Closing.PARENT_CLOSED, actor=actor, at=at)


async def children(db: AsyncConnection, parents: Iterable[UUID]) -> list[Card]:
    """Read and lock the living cards that hang on `parents` now."""
    found = (await db.execute(_CHILDREN, {"parents": list(parents)})).scalars().all()
    wanted = set(parents)
    return [card for card in await all_locked(db, found) if card.alive and card.parent in wanted] if found else []


def following(before: Card, **fields: Any) -> Card:  # noqa: ANN401  the fields of Card
    """Say what a card is after a change of these fields."""
    return msgspec.structs.replace(before, version=before.version + 1, **fields)


async def freeze(db: AsyncConnection, before: Card, *, frozen: bool, actor: str, at: datetime) -> Card:
    """Set or lift the holder's own flag of a card that was `locked`; raises WrongState where it is as asked already."""
    if not before.alive or before.frozen is frozen:
        raise WrongState("freeze" if frozen else "unfreeze", before.state)
    after = following(before, frozen=frozen)
    fact = (events.CardFrozen if frozen else events.CardUnfrozen)(card=after.id)
    await record(db, after, fact, actor=actor, at=at)
    return after


def suspended(before: Card, owner: Owner, reason: str) -> Changed:
    """Set the flag of `owner`, or give it another reason; raises WrongState."""
    if not before.alive:
        raise WrongState("suspend", before.state)
    flags = (*_others(before, owner), Suspension(owner, reason))
    fact = programme_events.CardSuspended(card=before.id, owner=owner, reason=reason)
    return Changed(following(before, suspended=flags), fact)


def lifted(before: Card, owner: Owner) -> Changed:
    """Lift the flag of `owner` and no other; raises NotSuspended."""
    if not before.suspended_by(owner):
        raise NotSuspended(owner)
    fact = programme_events.CardSuspensionLifted(card=before.id, owner=owner)
    return Changed(following(before, suspended=_others(before, owner)), fact)


def _others(before: Card, owner: Owner) -> tuple[Suspension, ...]:
    return tuple(flag for flag in before.suspended if flag.owner is not owner)


async def limit(db: AsyncConnection, before: Card, limits: Limits, *, actor: str, at: datetime) -> Card:
    """Set the holder's own limits of a card that was `locked`; raises WrongState."""
    after = _permitted(before, "limit", limits=limits)
    fact = events.CardLimited(
        card=after.id,
        currency=str(after.currency),
        per_payment_max_minor=_minor(limits.per_payment),
        per_day_max_minor=_minor(limits.per_day),
        per_week_max_minor=_minor(limits.per_week),
        per_month_max_minor=_minor(limits.per_month),
        per_year_max_minor=_minor(limits.per_year),
    )
    await record(db, after, fact, actor=actor, at=at)
    return after


async def control(db: AsyncConnection, before: Card, controls: Controls, *, actor: str, at: datetime) -> Card:
    """Set what the holder permits with a card that was `locked`; raises WrongState."""
    after = _permitted(before, "control", controls=controls)
    names = Controls.__struct_fields__
    fields = tuple(name for name in names if getattr(before.controls, name) != getattr(controls, name))
    fact = programme_events.CardControlled(card=after.id, fields=fields)
    await record(db, after, fact, actor=actor, at=at)
    return after


async def travel(db: AsyncConnection, before: Card, trips: tuple[Trip, ...], *, actor: str, at: datetime) -> Card:
    """Say where the holder of a card that was `locked` goes, instead of what was said before; raises WrongState."""
    after = _permitted(before, "travel", trips=trips)
    fact = programme_events.CardTravelling(card=after.id, trips=len(trips))
    await record(db, after, fact, actor=actor, at=at)
    return after


def _permitted(before: Card, act: str, **fields: Any) -> Card:  # noqa: ANN401  the fields of Card
    if not before.alive:
        raise WrongState(act, before.state)
    return following(before, **fields)


async def record(db: AsyncConnection, card: Card, fact: msgspec.Struct, *, actor: str, at: datetime) -> None:
    """Write the card's newest version and the fact that made it."""
    await record_all(db, [Changed(card, fact)], actor=actor, at=at)


async def record_all(db: AsyncConnection, changed: Sequence[Changed], *, actor: str, at: datetime) -> None:
    """Write the newest versions of cards and what happened to each, with two statements."""
    if not changed:
        return
    await db.execute(insert(tables.change), [{**_row(each.card), "actor": actor, "at": at} for each in changed])
    facts = [
        journal.Fact(aggregate=each.card.id, holder=each.card.holder, at=at, actor=actor, event=each.fact)
        for each in changed
    ]
    await journal.append(db, tables.event, *facts)


def _row(card: Card) -> dict[str, object]:
    return {
        "card": card.id,
        "version": card.version,
        "holder": card.holder,
        "state": card.state,
        "closed_for": card.closed_for,
        "frozen": card.frozen,
        "suspended": msgspec.to_builtins(card.suspended) or None,
        "controls": msgspec.to_builtins(card.controls) or None,
        "trips": msgspec.to_builtins(card.trips) or None,
        "per_payment_max_minor": _minor(card.limits.per_payment),
        "per_day_max_minor": _minor(card.limits.per_day),
        "per_week_max_minor": _minor(card.limits.per_week),
        "per_month_max_minor": _minor(card.limits.per_month),
        "per_year_max_minor": _minor(card.limits.per_year),
        "parent": card.parent,
        "issuance_basis": card.issuance_basis,
        "notice_version": card.notice_version,
    }


def _minor(amount: Money | None) -> int | None:
    return None if amount is None else amount.minor


# The API may only add rows, so there is none it could lock; a card's changes pass one by one all the same. In the order
# of their ids: two that lock several can't wait for each other.
_LOCK = text(
    """
    SELECT pg_advisory_xact_lock(hashtextextended('cards.change:' || id, 0))
    FROM (
        SELECT unnest(CAST(:cards AS uuid[])) AS id
        UNION SELECT replaces FROM cards.card WHERE card.id = ANY(:cards) AND replaces IS NOT NULL
        ORDER BY id
    ) AS wanted
    """
)
_ENDED = kept.term.delete().where(text("card = ANY(:cards)"))
_HEIRS = text(
    """
    SELECT replaces, id FROM cards.card
    WHERE replaces = ANY(:cards)
      AND NOT EXISTS (SELECT FROM cards.change WHERE change.card = card.id AND change.state = 'closed')
    """
)
_CHILDREN = text("SELECT DISTINCT card FROM cards.change WHERE parent = ANY(:parents)")
