"""A card: who holds it, what its holder lets it spend, and the life it goes through.

orders     cards/programme/order.py      order()
changes    cards/programme/change.py     turn(), freeze(), suspended(), limit(), control()
decides    cards/programme/control.py    refusals()       reads what is here
"""

import enum
from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import events
from cards.programme import events as programme_events
from cards.programme.permission import Controls, Trip
from law.money import Currency, Money


class Form(enum.StrEnum):
    """What the holder gets: a number to pay with, or a piece of plastic that comes by post."""

    VIRTUAL = "virtual"
    PLASTIC = "plastic"


class State(enum.StrEnum):
    """Where a card is in its life. Whether it may be used also depends on its flags: frozen, suspended."""

    ORDERED = "ordered"
    PERSONALISING = "personalising"
    SHIPPED = "shipped"
    INACTIVE = "inactive"  # at its holder's, or ready to be used, and not activated
    ACTIVE = "active"
    CLOSED = "closed"


class Act(enum.StrEnum):
    """What can be done to a card."""

    PERSONALISE = "personalise"
    SHIP = "ship"
    RETURN = "return"
    DELIVER = "deliver"
    ACTIVATE = "activate"
    CLOSE = "close"


class Closing(enum.StrEnum):
    """Why a card was closed."""

    USER = "user"
    LOST = "lost"
    STOLEN = "stolen"
    DAMAGED = "damaged"
    REPLACED = "replaced"  # its successor was activated
    EXPIRED = "expired"
    UNDELIVERABLE = "undeliverable"
    PARENT_CLOSED = "parent_closed"
    ACCOUNT_CLOSED = "account_closed"
    WIND_DOWN = "wind_down"


class Owner(enum.StrEnum):
    """Who suspended a card; only the same one lifts it, and a card is usable once no one is left."""

    RISK = "risk"
    REVERIFY = "reverify"  # the holder's identity has to be verified again
    REGULATOR = "regulator"
    NOTICE = "notice"  # the notice of the new legal basis was not accepted in time
    PROCESSOR = "processor"  # whoever processes the card does not serve its holder


class Suspension(msgspec.Struct, frozen=True):
    """A flag on a card, and the class of reason it was set for."""

    owner: Owner
    reason: str


class Listing(enum.StrEnum):
    """On which of the programme's lists a person stands."""

    SELF_RESTRICTED = "self_restricted"  # barred themselves from betting (Law 219 of 2007, art. 15-1)
    BARRED = "barred"  # the programme pays nothing for them


Fact = type[
    events.CardActivated
    | events.CardClosed
    | programme_events.CardPersonalising
    | programme_events.CardShipped
    | programme_events.CardReturned
    | programme_events.CardDelivered
]


class Step(msgspec.Struct, frozen=True):
    """Where an act leads, and the fact it leaves behind."""

    to: State
    fact: Fact


_CLOSED = Step(State.CLOSED, events.CardClosed)
_ACTIVE = Step(State.ACTIVE, events.CardActivated)

LIFE = {
    (State.ORDERED, Act.PERSONALISE): Step(State.PERSONALISING, programme_events.CardPersonalising),
    (State.ORDERED, Act.CLOSE): _CLOSED,
    (State.PERSONALISING, Act.SHIP): Step(State.SHIPPED, programme_events.CardShipped),
    (State.PERSONALISING, Act.CLOSE): _CLOSED,
    (State.SHIPPED, Act.RETURN): Step(State.PERSONALISING, programme_events.CardReturned),
    (State.SHIPPED, Act.DELIVER): Step(State.INACTIVE, programme_events.CardDelivered),
    (State.SHIPPED, Act.ACTIVATE): _ACTIVE,  # it may be in the holder's hand before the carrier says so
    (State.SHIPPED, Act.CLOSE): _CLOSED,
    (State.INACTIVE, Act.ACTIVATE): _ACTIVE,
    (State.INACTIVE, Act.CLOSE): _CLOSED,
    (State.ACTIVE, Act.CLOSE): _CLOSED,
}

#: The processor that we are ourselves.
OWN = "own"

#: Where a card begins: of a virtual one there is nothing to make or to send.
BEGINS = {Form.VIRTUAL: State.INACTIVE, Form.PLASTIC: State.ORDERED}


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
    """What the holder lets the card spend; None is no limit of the holder's own.

    Days, weeks (from Monday), months and years are those of the calendar in Kazakhstan; cards/spending/velocity.py
    counts.
    """

    per_payment: Money | None = None
    per_day: Money | None = None
    per_week: Money | None = None
    per_month: Money | None = None
    per_year: Money | None = None


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A card as it is now: `version` grows with each change of it.

    `account` is the wallet account it spends from, `expires_on` the last day (in Kazakhstan) it can be used, `replaces`
    the card whose successor it is. `parent` makes it a child's card: `holder`, whose wallet pays, is the parent and
    decides over it. `verified_until` is the last day for which the holder's identity is verified, `exemption` why it
    may be valid for longer than a non-resident's card. `processor` names who answers the network for it.
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
    processor: str = OWN
    replaces: UUID | None = None
    parent: UUID | None = None
    exemption: str | None = None
    closed_for: Closing | None = None
    frozen: bool = False
    suspended: tuple[Suspension, ...] = ()
    controls: Controls = Controls()
    trips: tuple[Trip, ...] = ()
    verified_until: date | None = None
    listed: tuple[Listing, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether it is not closed: it takes a place in the programme, and its holder may change it."""
        return self.state is not State.CLOSED

    def after(self, act: Act) -> Step:
        """Answer where `act` leads from here; raises WrongState."""
        step = LIFE.get((self.state, act))
        if step is None:
            raise WrongState(act, self.state)
        return step

    def suspended_by(self, owner: Owner) -> bool:
        """Say whether the flag of `owner` is set."""
        return any(flag.owner is owner for flag in self.suspended)


async def find(db: AsyncConnection, card: UUID) -> Card:
    """Read one card; raises UnknownCard."""
    found = await _read(db, BY_ID, {"cards": [card]})
    if not found:
        raise UnknownCard(card)
    return found[0]


async def find_all(db: AsyncConnection, cards: Iterable[UUID]) -> dict[UUID, Card]:
    """Read many cards by id in one round trip; those that don't exist are left out."""
    return {card.id: card for card in await _read(db, BY_ID, {"cards": list(cards)})}


async def of_holder(db: AsyncConnection, holder: UUID, *, after: UUID | None, limit: int) -> list[Card]:
    """List a resident's cards, the newest first, from after the card `after`."""
    return await _read(db, _BY_HOLDER, {"holder": holder, "after": after, "limit": limit})


async def alive_of(db: AsyncConnection, holder: UUID) -> list[Card]:
    """List those of a resident's cards that are not closed, the newest first."""
    found = await _read(db, _BY_HOLDER, {"holder": holder, "after": None, "limit": None})
    return [card for card in found if card.alive]


async def _read(db: AsyncConnection, select: str, parameters: dict[str, object]) -> list[Card]:
    rows = await db.execute(text(select), parameters)
    return [of_row(row) for row in rows.mappings()]


def of_row(row: RowMapping) -> Card:
    """Make a card of a row of BY_ID, for who sends several statements in one round trip."""
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
        issuance_basis=row["basis"],
        notice_version=row["notice"],
        ordered_at=row["ordered_at"],
        version=row["version"],
        state=State(row["state"]),
        limits=Limits(
            per_payment=money(row["per_payment_max_minor"]),
            per_day=money(row["per_day_max_minor"]),
            per_week=money(row["per_week_max_minor"]),
            per_month=money(row["per_month_max_minor"]),
            per_year=money(row["per_year_max_minor"]),
        ),
        processor=row["processor"],
        replaces=row["replaces"],
        parent=row["parent"],
        exemption=row["exemption"],
        closed_for=Closing(row["closed_for"]) if row["closed_for"] else None,
        frozen=row["frozen"],
        suspended=msgspec.convert(row["suspended"], tuple[Suspension, ...]) if row["suspended"] else (),
        controls=msgspec.convert(row["controls"], Controls) if row["controls"] else _PERMISSIVE,
        trips=msgspec.convert(row["trips"], tuple[Trip, ...]) if row["trips"] else (),
        verified_until=row["verified_until"],
        listed=tuple(map(Listing, row["listed"])) if row["listed"] else (),
    )


_PERMISSIVE = Controls()

# The latest change is the card as it is now; verification and lists are of the person, whatever the card.
_SELECT = """
SELECT card.id, card.holder, card.lane, card.account, card.form, card.last4, card.currency, card.expires_on,
       card.ordered_at, card.processor, card.replaces, card.exemption,
       coalesce(latest.issuance_basis, card.issuance_basis) AS basis,
       coalesce(latest.notice_version, card.notice_version) AS notice,
       latest.version, latest.state, latest.closed_for, latest.frozen, latest.suspended, latest.controls, latest.trips,
       latest.parent, latest.per_payment_max_minor, latest.per_day_max_minor, latest.per_week_max_minor,
       latest.per_month_max_minor, latest.per_year_max_minor,
       (SELECT verified_until FROM cards.verification WHERE verification.holder = card.holder) AS verified_until,
       ARRAY(SELECT DISTINCT listing FROM cards.listed_person
             WHERE listed_person.holder = card.holder AND ended_at IS NULL) AS listed
FROM {these} AS card
CROSS JOIN LATERAL (
    SELECT * FROM cards.change WHERE change.card = card.id ORDER BY change.version DESC LIMIT 1
) AS latest
ORDER BY card.id DESC
"""
#: Takes :cards, an array of ids.
BY_ID = _SELECT.format(these="(SELECT * FROM cards.card WHERE id = ANY(:cards))")
_BY_HOLDER = _SELECT.format(
    these="""(
    SELECT * FROM cards.card
    WHERE holder = :holder AND (CAST(:after AS uuid) IS NULL OR id < :after)
    ORDER BY id DESC LIMIT CAST(:limit AS bigint)
)"""
)
