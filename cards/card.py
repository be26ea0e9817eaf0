"""A card: who holds it, what its holder lets it spend, and the life it goes through.

orders     cards/order.py        order()
changes    cards/change.py       turn(), limit()
decides    cards/swipe.py        decide()          reads state and limits of the card
"""

import enum
from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import events
from law.money import Currency, Money


class Form(enum.StrEnum):
    """What the holder gets: a number to pay with."""

    VIRTUAL = "virtual"


class State(enum.StrEnum):
    """Where a card is in its life."""

    ORDERED = "ordered"
    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


class Act(enum.StrEnum):
    """What can be done to a card."""

    ACTIVATE = "activate"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    CLOSE = "close"


Fact = type[events.CardActivated | events.CardFrozen | events.CardUnfrozen | events.CardClosed]


class Step(msgspec.Struct, frozen=True):
    """Where an act leads, and the fact it leaves behind."""

    to: State
    fact: Fact


LIFE = {
    (State.ORDERED, Act.ACTIVATE): Step(State.ACTIVE, events.CardActivated),
    (State.ORDERED, Act.CLOSE): Step(State.CLOSED, events.CardClosed),
    (State.ACTIVE, Act.FREEZE): Step(State.FROZEN, events.CardFrozen),
    (State.ACTIVE, Act.CLOSE): Step(State.CLOSED, events.CardClosed),
    (State.FROZEN, Act.UNFREEZE): Step(State.ACTIVE, events.CardUnfrozen),
    (State.FROZEN, Act.CLOSE): Step(State.CLOSED, events.CardClosed),
}

#: Where the holder may set limits and see the number.
ALIVE = frozenset({State.ORDERED, State.ACTIVE, State.FROZEN})

#: A virtual card needs no post: it can be used the moment it is ordered.
ACTIVE_AT_ONCE = frozenset({Form.VIRTUAL})


class WrongState(Exception):
    """The card's state knows no such act."""

    def __init__(self, act: str, state: State) -> None:
        super().__init__(act, state)
        self.act = act
        self.state = state


class UnknownCard(Exception):
    """There is no such card, or it is somebody else's, which looks the same."""

    def __init__(self, card: UUID) -> None:
        super().__init__(card)
        self.card = card


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the holder lets the card spend; None is no limit of the holder's own. A day is a day in Kazakhstan."""

    per_payment: Money | None = None
    per_day: Money | None = None


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A card as it is now: `version` grows with each change of its state or limits.

    `account` is the wallet account it spends from, `expires_on` the last day (in Kazakhstan) it can be used.
    """

    id: UUID
    holder: UUID
    lane: int
    account: UUID
    form: Form
    last4: str
    currency: Currency
    expires_on: date
    issuance_basis: str
    notice_version: str
    ordered_at: datetime
    version: int
    state: State
    limits: Limits

    def after(self, act: Act) -> Step:
        """Answer where `act` leads from here; raises WrongState."""
        step = LIFE.get((self.state, act))
        if step is None:
            raise WrongState(act, self.state)
        return step


async def find(db: AsyncConnection, card: UUID) -> Card:
    """Read one card; raises UnknownCard."""
    found = await _read(db, _BY_ID, {"cards": [card]})
    if not found:
        raise UnknownCard(card)
    return found[0]


async def find_all(db: AsyncConnection, cards: Iterable[UUID]) -> dict[UUID, Card]:
    """Read many cards by id; those that don't exist are left out."""
    return {card.id: card for card in await _read(db, _BY_ID, {"cards": list(cards)})}


async def of_holder(db: AsyncConnection, holder: UUID, *, after: UUID | None, limit: int) -> list[Card]:
    """List a resident's cards, the newest first, from after the card `after`."""
    return await _read(db, _BY_HOLDER, {"holder": holder, "after": after, "limit": limit})


async def _read(db: AsyncConnection, select: str, parameters: dict[str, object]) -> list[Card]:
    rows = await db.execute(text(select), parameters)
    return [_card(row) for row in rows.mappings()]


def _card(row: RowMapping) -> Card:
    currency = Currency.of(row["currency"])

    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, currency)

    return Card(
        id=row["id"],
        holder=row["holder"],
        lane=row["lane"],
        account=row["account"],
        form=Form(row["form"]),
        last4=row["last4"],
        currency=currency,
        expires_on=row["expires_on"],
        issuance_basis=row["issuance_basis"],
        notice_version=row["notice_version"],
        ordered_at=row["ordered_at"],
        version=row["version"],
        state=State(row["state"]),
        limits=Limits(per_payment=money(row["per_payment_max_minor"]), per_day=money(row["per_day_max_minor"])),
    )


# The latest change is the card as it is now.
_SELECT = """
SELECT card.*, latest.version, latest.state, latest.per_payment_max_minor, latest.per_day_max_minor
FROM {these} AS card
CROSS JOIN LATERAL (
    SELECT * FROM cards.change WHERE change.card = card.id ORDER BY change.version DESC LIMIT 1
) AS latest
ORDER BY card.id DESC
"""
_BY_ID = _SELECT.format(these="(SELECT * FROM cards.card WHERE id = ANY(:cards))")
_BY_HOLDER = _SELECT.format(
    these="""(
    SELECT * FROM cards.card
    WHERE holder = :holder AND (CAST(:after AS uuid) IS NULL OR id < :after)
    ORDER BY id DESC LIMIT :limit
)"""
)
