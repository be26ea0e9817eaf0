"""A placement: free balance that goes to a partner bank for a term, and every step on the way as a row.

confirms   app/http/mobile/invest.py    POST /v1/invest/placements
requests   invest/request.py            request()      sets the money aside and writes the placement, in one batch
advances   invest/placement.py          record()       <- you are here
settles    invest/settlement.py         book(), release(), repay()
asks bank  app/partners/placing.py      step()
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from invest import events, life, tables
from invest.life import Act, State
from law.money import Currency, Money
from proof import journal


class UnknownPlacement(Exception):
    """There is no such placement, or it is somebody else's, which looks the same."""

    def __init__(self, placement: UUID) -> None:
        super().__init__(placement)
        self.placement = placement


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """A placement as it stands. `hold` is the money set aside in the wallet, under the placement's own id.

    The term is `[starts_on, matures_on)`, Almaty days. `reason` is the bank's for refusing, `trouble` what the last
    attempt of the next step ran into.
    """

    id: UUID
    holder: UUID
    preview: UUID
    product: UUID
    terms: UUID
    partner: UUID
    principal_minor: int
    interest_minor: int
    currency: Currency
    starts_on: date
    matures_on: date
    requested_at: datetime
    state: State
    version: int
    bank_reference: str | None = None
    reason: str | None = None
    trouble: str | None = None
    attempts: int = 0

    @property
    def principal(self) -> Money:
        """What goes to the bank."""
        return Money(self.principal_minor, self.currency)

    @property
    def interest(self) -> Money:
        """What the bank adds at maturity."""
        return Money(self.interest_minor, self.currency)


class Requested(msgspec.Struct, frozen=True):
    """A new placement, who confirmed it, and when (real clock) the bank is to be asked."""

    placement: Placement
    actor: str
    due_at: datetime


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One act on a placement as it was loaded and locked. `due_at` (real clock) is when to try the next step."""

    placement: Placement
    act: Act
    at: datetime
    actor: str
    due_at: datetime | None = None
    bank_reference: str | None = None
    reason: str | None = None
    trouble: str | None = None


async def load(db: AsyncConnection, placement: UUID, holder: UUID) -> Placement:
    """Load a placement of `holder`; raises UnknownPlacement."""
    places = tables.placement.c
    found = await _placements(db, select(tables.placement).where(places.id == placement, places.holder == holder))
    if not found:
        raise UnknownPlacement(placement)
    return found[0]


async def page(db: AsyncConnection, holder: UUID, *, before: UUID | None, limit: int) -> list[Placement]:
    """List placements of `holder`, newest first, older than `before`."""
    places = tables.placement.c
    query = select(tables.placement).where(places.holder == holder).order_by(places.id.desc()).limit(limit)
    return await _placements(db, query if before is None else query.where(places.id < before))


async def held_by(db: AsyncConnection, holder: UUID, states: Iterable[State]) -> list[Placement]:
    """List the placements of `holder` that are in one of `states`, oldest first."""
    places = tables.placement.c
    query = select(tables.placement).where(places.holder == holder, places.state.in_(list(states)))
    return await _placements(db, query.order_by(places.id))


async def lock(db: AsyncConnection, placements: Iterable[UUID]) -> dict[UUID, Placement]:
    """Load and lock `placements` in the order of their ids; those that don't exist are absent."""
    places = tables.placement.c
    query = select(tables.placement).where(places.id.in_(sorted(placements))).order_by(places.id).with_for_update()
    return {found.id: found for found in await _placements(db, query)}


async def claim(db: AsyncConnection, *, now: datetime, until: datetime, today: date, limit: int) -> list[Placement]:
    """Take placements whose step is due at `now` (real clock) and keep other workers off them `until` then.

    A deposit that should have ended before `today` (Almaty, the installation's clock) without word of its bank is due
    as well.
    """
    rows = await db.execute(_CLAIM, {"now": now, "until": until, "today": today, "limit": limit})
    return [_placement(row._asdict()) for row in rows]


async def postpone(db: AsyncConnection, placement: Placement, *, due_at: datetime, trouble: str) -> None:
    """Try the step again at `due_at` (real clock), unless the placement moved on meanwhile; `trouble` stays visible."""
    await db.execute(
        _POSTPONE, {"id": placement.id, "version": placement.version, "due_at": due_at, "trouble": trouble}
    )


async def record(db: AsyncConnection, changes: Sequence[Change]) -> list[Placement]:
    """Write the acts, set-wise: transitions, the running end of each, events. Raises life.WrongState, then nothing is.

    The placements were locked by this transaction, and each is named once.
    """
    if not changes:
        return []
    moved = [_moved(change) for change in changes]
    rows = [
        {
            "id": after.id,
            "holder": after.holder,
            "act": change.act.value,
            "state": after.state.value,
            "version": after.version,
            "bank_reference": after.bank_reference,
            "reason": after.reason,
            "trouble": after.trouble,
            "due_at": change.due_at,
            "actor": change.actor,
            "at": change.at,
        }
        for change, after in zip(changes, moved, strict=True)
    ]
    written = await db.execute(_RECORD, {"rows": msgspec.json.encode(rows).decode()})
    assert written.scalar_one() == len(changes), "a locked placement moved on"
    facts = [_fact(change, after) for change, after in zip(changes, moved, strict=True)]
    await journal.append(db, tables.event, *facts)
    return moved


async def insert(db: AsyncConnection, requested: Sequence[Requested]) -> None:
    """Write new placements with their first transition and event, set-wise."""
    if not requested:
        return
    await db.execute(
        tables.placement.insert(),
        [
            {name: getattr(new.placement, name) for name in Placement.__struct_fields__} | {"due_at": new.due_at}
            for new in requested
        ],
    )
    await db.execute(
        tables.transition.insert(),
        [
            {
                "placement": new.placement.id,
                "version": new.placement.version,
                "holder": new.placement.holder,
                "act": "request",
                "state": new.placement.state,
                "actor": new.actor,
                "at": new.placement.requested_at,
            }
            for new in requested
        ],
    )
    await journal.append(db, tables.event, *(_requested(new.placement, new.actor) for new in requested))


def _requested(placement: Placement, actor: str) -> journal.Fact:
    event = events.PlacementRequested(
        placement=placement.id,
        partner=placement.partner,
        product=placement.product,
        terms=placement.terms,
        principal_minor=placement.principal_minor,
        currency=placement.currency.value,
        matures_on=placement.matures_on,
    )
    return journal.Fact(
        aggregate=placement.id, holder=placement.holder, at=placement.requested_at, actor=actor, event=event
    )


def _moved(change: Change) -> Placement:
    before = change.placement
    return msgspec.structs.replace(
        before,
        state=life.after(before.state, change.act),
        version=before.version + 1,
        bank_reference=change.bank_reference or before.bank_reference,
        reason=change.reason or before.reason,
        trouble=change.trouble,
        attempts=0,
    )


def _fact(change: Change, after: Placement) -> journal.Fact:
    event = _EVENTS[change.act](after)
    return journal.Fact(aggregate=after.id, holder=after.holder, at=change.at, actor=change.actor, event=event)


_EVENTS: dict[Act, Callable[[Placement], msgspec.Struct]] = {
    Act.SEND: lambda it: events.PlacementSent(it.id, it.partner),
    Act.FIND: lambda it: events.PlacementSent(it.id, it.partner),
    Act.LOSE: lambda it: events.PlacementUnknown(it.id, it.partner),
    Act.CONFIRM: lambda it: events.PlacementConfirmed(it.id, it.partner, it.bank_reference or ""),
    Act.REJECT: lambda it: events.PlacementRejected(it.id, it.partner, it.reason or ""),
    Act.BOOK: lambda it: events.PlacementBooked(
        it.id, it.partner, it.principal_minor, it.currency.value, it.matures_on
    ),
    Act.RELEASE: lambda it: events.PlacementReleased(it.id, it.partner),
    Act.MATURE: lambda it: events.PlacementMatured(it.id, it.partner),
    Act.REPAY: lambda it: events.PlacementRepaid(
        it.id, it.partner, it.principal_minor, it.interest_minor, it.currency.value
    ),
}

_CLAIM = text(
    """
    UPDATE invest.placement SET leased_until = :until, attempts = attempts + 1
    WHERE id IN (
        SELECT id FROM invest.placement
        WHERE (leased_until IS NULL OR leased_until <= :now)
          AND (due_at <= :now OR (due_at IS NULL AND state = 'booked' AND matures_on < :today))
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING *
    """
)
_POSTPONE = text(
    """
    UPDATE invest.placement SET due_at = :due_at, trouble = :trouble, leased_until = NULL
    WHERE id = :id AND version = :version
    """
)
_RECORD = text(
    """
    WITH change AS (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS change (id uuid, holder uuid, act text, state text, version integer, bank_reference text, reason text,
                   trouble text, due_at timestamptz, actor text, at timestamptz)
    ), moved AS (
        UPDATE invest.placement SET
            state = change.state, version = change.version, bank_reference = change.bank_reference,
            reason = change.reason, trouble = change.trouble, due_at = change.due_at, attempts = 0,
            leased_until = NULL
        FROM change WHERE placement.id = change.id AND placement.version = change.version - 1
        RETURNING placement.id
    ), written AS (
        INSERT INTO invest.transition (placement, version, holder, act, state, actor, at)
        SELECT change.id, change.version, change.holder, change.act, change.state, change.actor, change.at
        FROM change JOIN moved USING (id)
    )
    SELECT count(*) FROM moved
    """
)


async def _placements(db: AsyncConnection, query: Select[tuple[object, ...]]) -> list[Placement]:
    return [_placement(dict(row)) for row in (await db.execute(query)).mappings()]


def _placement(row: dict[str, object]) -> Placement:
    return msgspec.convert({name: row[name] for name in Placement.__struct_fields__}, Placement, strict=False)
