"""A child's card: it spends from the parent's wallet, the parent decides over it, the programme sets its limits.

route      app/http/mobile/card_children.py    POST /v1/cards/{id}/children
decides    cards/programme/child.py            ensure()      <- you are here
orders     cards/programme/order.py            order()

Who the child is stays sealed under the parent's key (app/vault.py); this room only keeps it.
"""

from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.card import OWN, Card, Limits, State, WrongState
from cards.programme import change
from cards.programme.tables import bearer
from law.money import Money
from law.regime import CapReached, Minors, Regime


class NoCardsForChildren(Exception):
    """The programme has none, or this card can't have one: it is a child's itself, or another processor's."""


class NotAChild(Exception):
    """The programme gives children's cards to who is `years_min` to `years_max` years old."""

    def __init__(self, minors: Minors) -> None:
        super().__init__(minors.years_min, minors.years_max)
        self.years_min = minors.years_min
        self.years_max = minors.years_max


class AboveMinorLimit(Exception):
    """A child's card has limits, and `limit` is at most `most` (minor units)."""

    def __init__(self, limit: str, most: Money) -> None:
        super().__init__(limit, most)
        self.limit = limit
        self.most = most.minor


def offered(programme: Regime) -> Minors:
    """Say what the programme lets children; raises NoCardsForChildren."""
    if programme.policy.minors is None:
        raise NoCardsForChildren
    return programme.policy.minors


async def ensure(db: AsyncConnection, parent: Card, born: date, limits: Limits, *, programme: Regime, on: date) -> None:
    """Let a child of this day of birth have a card on `parent`, which was `locked`.

    Raises NoCardsForChildren, NotAChild, AboveMinorLimit, WrongState, law.regime.CapReached.
    """
    minors = offered(programme)
    if parent.parent is not None or parent.processor != OWN:
        raise NoCardsForChildren
    if parent.state is not State.ACTIVE:
        raise WrongState("add_child", parent.state)
    if not minors.years_min <= age(born, on) <= minors.years_max:
        raise NotAChild(minors)
    within(limits, minors)
    if len(await change.children(db, [parent.id])) >= minors.cards_per_parent:
        raise CapReached("cards_per_parent", minors.cards_per_parent, programme.basis)


def within(limits: Limits, minors: Minors) -> None:
    """Refuse (AboveMinorLimit) limits of a child's card that are missing or too high."""
    for name, most in (
        ("per_payment", minors.per_payment),
        ("per_day", minors.per_day),
        ("per_month", minors.per_month),
    ):
        asked: Money | None = getattr(limits, name)
        if asked is None or asked > most:
            raise AboveMinorLimit(name, most)


def age(born: date, on: date) -> int:
    """Count full years."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


async def keep(db: AsyncConnection, card: Card, person: bytes) -> None:
    """Keep who carries `card`, as the house sealed it."""
    await db.execute(insert(bearer).values(card=card.id, holder=card.holder, person=person))


class Bearer(msgspec.Struct, frozen=True):
    """Who carries a card, sealed for the row of `card`: the first of its line."""

    card: UUID
    person: bytes


async def of(db: AsyncConnection, card: UUID) -> Bearer | None:
    """Read who carries a card: a successor is carried by who carried the first."""
    row = (await db.execute(_BEARER, {"card": card})).one_or_none()
    return None if row is None else Bearer(row.card, row.person)


_BEARER = text(
    """
    WITH RECURSIVE line AS (
        SELECT id, replaces FROM cards.card WHERE id = :card
        UNION ALL SELECT earlier.id, earlier.replaces FROM cards.card AS earlier JOIN line ON earlier.id = line.replaces
    ) SELECT card, person FROM cards.bearer JOIN line ON line.id = bearer.card
    """
)
