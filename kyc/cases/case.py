"""A case as it is stored: found, locked, and moved along the table of kyc/cases/life.py.

Its row is a running total over its moves; of two who move it at once the second waits, and then sees where it stands.
Every move is an event of its own in the chain, and what the person may see of it another one, in their feed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import Select, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import events
from kyc import tables as kyc_tables
from kyc.cases import life, tables
from kyc.cases.life import BIRTH, SHOWN, Act, State
from law import calendar
from proof import journal

IDENTITY = "identity"

#: Working days in which an officer should have acted; a target of ours, no legal term. One for whatever is shown as
#: under review: by its date nobody tells an alert from another one (life.seen).
OFFICERS_HAVE = {
    State.SCREENING_ALERT: 1,
    State.ALERT: 1,
    State.MANUAL_REVIEW: 1,
    State.SECOND_REVIEW: 1,
    State.SUSPENDED: 5,
}
#: Calendar days in which the person answers: then what was asked lapses, or the case is suspended.
PERSON_HAS = {State.NEEDS_INPUT: 30, State.RE_KYC_DUE: 30}
#: So often the machine asks again by itself; then officers look.
ATTEMPTS_MAX = 5


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One case. `version` counts its moves, `records` its looks, `decisions` what was decided, `attempts` retries.

    `told` are codes of kyc/cases/reasons.toml: what the person is to do now, until `answer_by`. `due_at` is when an
    officer should have acted.
    """

    id: UUID
    resident: UUID
    purpose: str
    state: State
    version: int
    records: int
    decisions: int
    decided: bytes | None
    attempts: int
    told: tuple[str, ...]
    opened_at: datetime
    due_at: datetime | None
    answer_by: datetime | None

    @property
    def attempts_left(self) -> int:
        """How often the machine asks again by itself."""
        return max(0, ATTEMPTS_MAX - self.attempts)


class Hop(msgspec.Struct, frozen=True):
    """One move to be made, and the codes it is made for, the first of which is stored with it."""

    act: Act
    codes: tuple[str, ...] = ()


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A move as it was made."""

    sort: int
    before: State | None
    act: Act | None
    state: State
    actor: str
    reason: str | None
    at: datetime


class UnknownCase(Exception):
    """There is no case with this id, or not for this caller."""


COLUMNS = [tables.case.c[field] for field in Case.__struct_fields__]
_MOVES = [tables.case_move.c[field] for field in Move.__struct_fields__]
#: The namespace of moves' ids, by which each is an aggregate of its own in the journal.
_MOVE = UUID("0192f7d0-6a4b-7c3e-9002-6d6f76650000")


async def find(db: AsyncConnection, case_id: UUID) -> Case:
    """Load a case; raises UnknownCase."""
    if (found := await one(db, select(*COLUMNS).where(tables.case.c.id == case_id))) is None:
        raise UnknownCase
    return found


async def lock(db: AsyncConnection, case_id: UUID) -> Case:
    """Load a case and keep others from moving it until the transaction ends; raises UnknownCase."""
    query = select(*COLUMNS).where(tables.case.c.id == case_id).with_for_update()
    if (found := await one(db, query)) is None:
        raise UnknownCase
    return found


async def of(db: AsyncConnection, resident: UUID, *, locked: bool = False) -> Case | None:
    """Load the case of a resident, None while there is none."""
    mine = (tables.case.c.resident == resident) & (tables.case.c.purpose == IDENTITY)
    query = select(*COLUMNS).where(mine)
    return await one(db, query.with_for_update() if locked else query)


async def opened(db: AsyncConnection, resident: UUID, *, at: datetime, by: str) -> Case:
    """Lock the case of a resident, which begins here if there was none."""
    if (known := await of(db, resident, locked=True)) is not None:
        return known
    # Who comes second at the same moment waits, and then finds the first one's.
    await db.execute(_ORDER, {"resident": str(resident)})
    if (known := await of(db, resident, locked=True)) is not None:
        return known
    begun = {"resident": resident, "purpose": IDENTITY, "state": BIRTH, "version": 1, "opened_at": at}
    none = {"records": 0, "decisions": 0, "attempts": 0, "told": []}
    made = (await db.execute(insert(tables.case).values(**begun, **none).returning(*COLUMNS))).one()
    held = msgspec.convert(made, Case, from_attributes=True)
    await _record(db, held, [Move(sort=1, before=None, act=None, state=BIRTH, actor=by, reason=None, at=at)])
    return held


async def move(db: AsyncConnection, held: Case, *hops: Hop, at: datetime, by: str) -> Case:
    """Make moves of a locked case one after the other; raises life.IllegalMove."""
    state, attempts, made = held.state, held.attempts, []
    for nth, hop in enumerate(hops, held.version + 1):
        reached = life.after(state, hop.act)
        reason = hop.codes[0] if hop.codes else None
        made.append(Move(sort=nth, before=state, act=hop.act, state=reached, actor=by, reason=reason, at=at))
        if reached in life.STANDING:
            attempts = 0
        elif hop.act is Act.ASK:
            attempts += 1
        state = reached
    if not made:
        return held
    moved = msgspec.structs.replace(
        held,
        state=state,
        version=made[-1].sort,
        attempts=attempts,
        told=hops[-1].codes if state in PERSON_HAS else (),
        due_at=_due(state, at),
        answer_by=_answer_by(state, at),
    )
    changed = {name: getattr(moved, name) for name in ("state", "version", "attempts", "due_at", "answer_by")}
    mine = (tables.case.c.id == held.id) & (tables.case.c.version == held.version)
    done = await db.execute(update(tables.case).where(mine).values(**changed, told=list(moved.told)))
    assert done.rowcount == 1, "the caller holds the lock"
    await _record(db, moved, made, was=held.state)
    return moved


async def moves(db: AsyncConnection, case_id: UUID) -> list[Move]:
    """List the moves of a case, the first one first; for officers."""
    query = select(*_MOVES).where(tables.case_move.c.case_id == case_id).order_by(tables.case_move.c.sort)
    return [msgspec.convert(row, Move, from_attributes=True) for row in await db.execute(query)]


async def _record(db: AsyncConnection, moved: Case, made: Sequence[Move], *, was: State | None = None) -> None:
    """Store moves and tell them: each to the chain, and to the person what of it they may see."""
    rows = [{"case_id": moved.id, "resident": moved.resident, **msgspec.structs.asdict(each)} for each in made]
    await db.execute(insert(tables.case_move).values(rows))
    facts = [
        journal.Fact(
            aggregate=uuid5(_MOVE, f"{moved.id}/{each.sort}"),
            at=each.at,
            actor=each.actor,
            event=events.CaseMoved(
                identity_case=moved.id,
                sort=each.sort,
                state=each.state,
                before=each.before,
                act=each.act,
                reason=each.reason,
            ),
        )
        for each in made
    ]
    last = made[-1]
    if was is None or SHOWN[was] is not SHOWN[moved.state]:
        event = events.IdentityChanged(identity_case=moved.id, state=SHOWN[moved.state])
        facts.append(journal.Fact(aggregate=moved.id, holder=moved.resident, at=last.at, actor=last.actor, event=event))
    await journal.append(db, kyc_tables.event, *facts)


def _due(state: State, at: datetime) -> datetime | None:
    if (days := OFFICERS_HAVE.get(state)) is None:
        return None
    today = calendar.statutory_date(at)
    last = calendar.current(today).add_working_days(today, days)
    return calendar.day_starts(last + timedelta(days=1))


def _answer_by(state: State, at: datetime) -> datetime | None:
    if (days := PERSON_HAS.get(state)) is None:
        return None
    return calendar.day_starts(calendar.statutory_date(at) + timedelta(days=days + 1))


async def one(db: AsyncConnection, query: Select[tuple[object, ...]]) -> Case | None:
    """Load what a query of COLUMNS finds."""
    row = (await db.execute(query)).one_or_none()
    return msgspec.convert(row, Case, from_attributes=True) if row else None


_ORDER = text("SELECT pg_advisory_xact_lock(hashtextextended('kyc.case:' || :resident, 0))")
