"""A restriction of what somebody may do with money: imposed, extended and lifted by two officers, never in silence.

proposes   POST /v1/officer/restrictions, …/{id}/acts             impose(), change()
decides    POST /v1/officer/restriction-acts/{id}/decision        another officer: decide()      <- you are here
holds      app/allowance.py                                       in every process, with the next batch
reminds    app/restrictions/overdue.py                            when the review is due and nobody looked
answers    app/restrictions/appeal.py                             what the person says against it

It changes under the lock of the person's lane (`app.hold_lane`): a batch that is under way has seen either all of the
change or nothing of it. Why really is the officers' alone; the class, its basis and its clock are public.
"""

import enum
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.auth import subject
from app.limiting import tables
from app.restrictions import events
from app.restrictions.reason import CAUSES, CLASSES, Reason
from app.tables import event
from law import calendar
from proof import journal
from wallet.limit import Operation


class Act(enum.StrEnum):
    """What officers do to a restriction."""

    IMPOSE = "impose"
    EXTEND = "extend"
    LIFT = "lift"


class State(enum.StrEnum):
    """Where a restriction stands; one that is only proposed is not yet one."""

    IN_FORCE = "in_force"
    LIFTED = "lifted"


class UnknownRestriction(Exception):
    """There is no such restriction, or not for this caller."""


class UnknownAct(Exception):
    """Nobody proposed this, or it is decided."""


class UnknownPerson(Exception):
    """There is no resident of this id."""


class UnknownCause(Exception):
    """No class of restrictions has this cause."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Stands(Exception):
    """A restriction of this class stands already, or is proposed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotInForce(Exception):
    """The restriction has been lifted."""


class ActOpen(Exception):
    """Another act on this restriction waits for its second officer."""


class SameOfficer(Exception):
    """Who proposes and who decides are two people, and neither is whom it is about."""


class Restriction(msgspec.Struct, frozen=True, kw_only=True):
    """A restriction as the person sees it. `by_act` imposed it."""

    id: UUID
    holder: UUID
    reason: Reason
    state: State
    version: int
    imposed_at: datetime
    review_due: datetime
    overdue_since: datetime | None = None
    lifted_at: datetime | None = None
    by_act: UUID


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """An act of one officer, and what another one said to it; `note` is sealed."""

    id: UUID
    restriction: UUID
    holder: UUID
    act: Act
    reason: Reason
    cause: str | None
    note: bytes | None
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    agreed: bool | None = None


_RESTRICTION = [tables.restriction.c[name] for name in Restriction.__struct_fields__]
_ACT = [tables.restriction_act.c[name] for name in Proposed.__struct_fields__]


# -- reading -----------------------------------------------------------------------------------------------------------


async def of(db: AsyncConnection, holder: UUID) -> list[Restriction]:
    """List the restrictions of a person, those lifted too, the oldest first."""
    return await _restrictions(db, tables.restriction.c.holder == holder)


async def find(db: AsyncConnection, wanted: UUID, holder: UUID | None = None) -> Restriction:
    """Load a restriction, of `holder` where one is named; raises UnknownRestriction."""
    found = await _restrictions(db, tables.restriction.c.id == wanted)
    if not found or holder not in {None, found[0].holder}:
        raise UnknownRestriction
    return found[0]


async def queue(db: AsyncConnection) -> list[Restriction]:
    """List what is in force, the one that is to be reviewed first at the head."""
    return await _restrictions(db, tables.restriction.c.state == State.IN_FORCE, by_review=True)


async def waiting(db: AsyncConnection) -> list[Proposed]:
    """List what waits for a second officer, the oldest first."""
    return await _acts(db, tables.restriction_act.c.agreed.is_(None))


async def acts(db: AsyncConnection, wanted: UUID) -> list[Proposed]:
    """List what was proposed and decided about a restriction, the oldest first."""
    return await _acts(db, tables.restriction_act.c.restriction == wanted)


async def stops(db: AsyncConnection, holder: UUID, operation: Operation, *, at: datetime) -> bool:
    """Say whether a restriction stops an operation of a person at an instant."""
    in_force = (tables.restriction.c.holder == holder) & (tables.restriction.c.state == State.IN_FORCE)
    standing = await _restrictions(db, in_force)
    return any(not CLASSES[each.reason].allows(operation, at - each.imposed_at) for each in standing)


async def hold_still(db: AsyncConnection, holder: UUID) -> None:
    """Let no restriction of a person begin or end before the transaction does: said before any other lock is taken.

    For what is decided without the lane's lock, such as that a bank is asked to pay.
    """
    await db.execute(_LOCK_SHARED, {"holder": str(holder)})


# -- proposing ---------------------------------------------------------------------------------------------------------


async def impose(
    db: AsyncConnection, holder: UUID, cause: str, *, act: UUID, note: bytes | None, actor: str, at: datetime
) -> Proposed:
    """Propose to restrict a resident for `cause`, of which the person learns only the class.

    Raises UnknownPerson, UnknownCause, Stands, SameOfficer.
    """
    if (reason := CAUSES.get(cause)) is None:
        raise UnknownCause(cause)
    found = await subject.find(db, holder)
    if found is None or found.role != "resident":
        raise UnknownPerson
    await db.execute(_LOCK, {"holder": str(holder)})
    open_or_standing = {"holder": holder, "reason": str(reason)}
    if await db.scalar(_STANDS, open_or_standing):
        raise Stands(reason)
    return await _propose(
        db, Act.IMPOSE, ids.new(), holder, reason, act=act, cause=cause, note=note, actor=actor, at=at
    )


async def change(
    db: AsyncConnection, wanted: UUID, what: Act, *, act: UUID, note: bytes | None, actor: str, at: datetime
) -> Proposed:
    """Propose to extend or lift a restriction; raises UnknownRestriction, NotInForce, ActOpen."""
    standing = await lock(db, wanted)
    return await _propose(
        db, what, wanted, standing.holder, standing.reason, act=act, cause=None, note=note, actor=actor, at=at
    )


async def _propose(
    db: AsyncConnection,
    what: Act,
    restriction: UUID,
    holder: UUID,
    reason: Reason,
    *,
    act: UUID,
    cause: str | None,
    note: bytes | None,
    actor: str,
    at: datetime,
) -> Proposed:
    if await _acts(db, (tables.restriction_act.c.restriction == restriction) & _OPEN):
        raise ActOpen
    made = Proposed(
        id=act,
        restriction=restriction,
        holder=holder,
        act=what,
        reason=reason,
        cause=cause,
        note=note,
        proposed_by=actor,
        proposed_at=at,
    )
    await db.execute(insert(tables.restriction_act).values(msgspec.structs.asdict(made)))
    await _tell(db, made.id, events.ActProposed(act=what), actor, at)
    return made


# -- deciding ----------------------------------------------------------------------------------------------------------


async def decide(db: AsyncConnection, wanted: UUID, *, agreed: bool, actor: str, at: datetime) -> Proposed:
    """Agree to what another officer proposed, which is done at once, or drop it.

    Raises UnknownAct, SameOfficer, NotInForce, Stands.
    """
    found = await _acts(db, (tables.restriction_act.c.id == wanted) & _OPEN)
    if not found:
        raise UnknownAct
    await db.execute(_LOCK, {"holder": str(found[0].holder)})
    [proposed] = await _acts(db, tables.restriction_act.c.id == wanted)
    if proposed.agreed is not None:
        raise UnknownAct
    if actor == proposed.proposed_by:
        raise SameOfficer
    await close(db, wanted, agreed=agreed, actor=actor, at=at)
    if not agreed:
        await _tell(db, wanted, events.ActDropped(), actor, at)
    elif proposed.act is Act.IMPOSE:
        await _impose(db, proposed, actor, at)
    elif proposed.act is Act.EXTEND:
        await _extend(db, proposed, actor, at)
    else:
        await lift(db, proposed.restriction, act=proposed.id, actor=actor, at=at)
    return msgspec.structs.replace(proposed, decided_by=actor, decided_at=at, agreed=agreed)


async def close(db: AsyncConnection, act: UUID, *, agreed: bool, actor: str, at: datetime) -> None:
    """Write what the second officer says to an act."""
    said = {"decided_by": actor, "decided_at": at, "agreed": agreed}
    await db.execute(update(tables.restriction_act).where(tables.restriction_act.c.id == act).values(said))


async def lift(db: AsyncConnection, wanted: UUID, *, act: UUID, actor: str, at: datetime) -> None:
    """Let everything work again, by an act that two agreed on; raises UnknownRestriction, NotInForce."""
    standing = await lock(db, wanted)
    await db.execute(_HOLD_LANE, {"holder": standing.holder})
    for other in await _acts(db, (tables.restriction_act.c.restriction == wanted) & _OPEN):
        await close(db, other.id, agreed=False, actor="system:lifted", at=at)
        await _tell(db, other.id, events.ActDropped(), actor, at)
    ended = {"state": State.LIFTED, "lifted_at": at, "lift_act": act, "due_at": None}
    await _set(db, standing, ended)
    await tell_holder(db, standing, events.RestrictionLifted(restriction=wanted, reason=standing.reason), actor, at)


async def _impose(db: AsyncConnection, agreed: Proposed, actor: str, at: datetime) -> None:
    await db.execute(_HOLD_LANE, {"holder": agreed.holder})
    due = review_due(agreed.reason, at)
    made = Restriction(
        id=agreed.restriction,
        holder=agreed.holder,
        reason=agreed.reason,
        state=State.IN_FORCE,
        version=1,
        imposed_at=at,
        review_due=due,
        by_act=agreed.id,
    )
    await db.execute(insert(tables.restriction).values(msgspec.structs.asdict(made) | {"due_at": due}))
    imposed = events.RestrictionImposed(restriction=made.id, reason=made.reason, review_due=due)
    await tell_holder(db, made, imposed, actor, at)


async def _extend(db: AsyncConnection, agreed: Proposed, actor: str, at: datetime) -> None:
    standing = await lock(db, agreed.restriction)
    due = review_due(agreed.reason, at)
    await _set(db, standing, {"review_due": due, "due_at": due, "overdue_since": None})
    extended = events.RestrictionExtended(restriction=standing.id, reason=standing.reason, review_due=due)
    await tell_holder(db, standing, extended, actor, at)


def review_due(reason: Reason, at: datetime) -> datetime:
    """Answer when a restriction of this class is to be reviewed that is put on or extended at `at`."""
    return after_working_days(at, CLASSES[reason].review_days)


def after_working_days(at: datetime, days: int) -> datetime:
    """Answer the end of the `days`-th working day after the day of `at`, in Kazakhstan."""
    today = calendar.statutory_date(at)
    last = calendar.current(today).add_working_days(today, days)
    return calendar.day_starts(last + timedelta(days=1))


# -- storing -----------------------------------------------------------------------------------------------------------


async def lock(db: AsyncConnection, wanted: UUID, holder: UUID | None = None) -> Restriction:
    """Wait for one's turn on a restriction in force, of `holder` where one is named.

    Raises UnknownRestriction, NotInForce.
    """
    known = await find(db, wanted, holder)
    await db.execute(_LOCK, {"holder": str(known.holder)})
    standing = await find(db, wanted, holder)
    if standing.state is not State.IN_FORCE:
        raise NotInForce
    return standing


async def _set(db: AsyncConnection, standing: Restriction, values: dict[str, object]) -> None:
    changed = {"version": standing.version + 1, **values}
    await db.execute(update(tables.restriction).where(tables.restriction.c.id == standing.id).values(changed))


async def _restrictions(
    db: AsyncConnection, wanted: ColumnElement[bool], *, by_review: bool = False
) -> list[Restriction]:
    order = [tables.restriction.c.review_due] if by_review else []
    rows = await db.execute(select(*_RESTRICTION).where(wanted).order_by(*order, tables.restriction.c.id))
    return [msgspec.convert(row, Restriction, from_attributes=True) for row in rows]


async def _acts(db: AsyncConnection, wanted: ColumnElement[bool]) -> list[Proposed]:
    rows = await db.execute(select(*_ACT).where(wanted).order_by(tables.restriction_act.c.id))
    return [msgspec.convert(row, Proposed, from_attributes=True) for row in rows]


async def tell_holder(db: AsyncConnection, about: Restriction, fact: msgspec.Struct, actor: str, at: datetime) -> None:
    """Tell the person what happened to their restriction."""
    await _tell(db, about.id, fact, actor, at, holder=about.holder)


async def _tell(
    db: AsyncConnection, aggregate: UUID, fact: msgspec.Struct, actor: str, at: datetime, *, holder: UUID | None = None
) -> None:
    told = journal.Fact(aggregate=aggregate, holder=holder, at=at, actor=actor, event=fact)
    await journal.append(db, event, told)


_OPEN = tables.restriction_act.c.agreed.is_(None)
# Said in the same transaction by whoever acts on a person's restrictions, so that acts follow each other.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('app.restriction:' || :holder, 0))")
_LOCK_SHARED = text("SELECT pg_advisory_xact_lock_shared(hashtextextended('app.restriction:' || :holder, 0))")
_HOLD_LANE = text("SELECT app.hold_lane(:holder)")
_STANDS = text(
    """
    SELECT EXISTS (
        SELECT FROM app.restriction WHERE holder = :holder AND reason = :reason AND state = 'in_force'
    ) OR EXISTS (
        SELECT FROM app.restriction_act
        WHERE holder = :holder AND reason = :reason AND act = 'impose' AND agreed IS NULL
    )
    """
)
