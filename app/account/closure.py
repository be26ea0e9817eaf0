"""How an account ends: the person asks, may come back for two weeks, then it is closed, and years later erased.

asks       app/http/mobile/account.py    POST, DELETE /v1/me/closure
decides    app/account/closure.py        request(), withdraw()       <- you are here
ends       app/account/ending.py         step()                      when the day has come
erases     migrations/versions/0015_account.py   app.erase()         when nothing must be kept any longer

From the request on sessions are over and credentials void. Signing in still works, to fetch a copy of everything or to
stay: what ends for good ends on `closes_at`, and only if the account is still empty then.
"""

import enum
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app import tables as house_tables
from app.account import tables
from app.account.events import ClosureRequested, ClosureWithdrawn
from app.auth import session
from app.auth.subject import Subject
from invest import life as placement
from law import calendar, retention
from proof import journal
from residency import case
from residency.credential import life
from residency.credential.life import Act, Reason


class State(enum.StrEnum):
    """Where the end of an account stands."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    ERASED = "erased"


class Obstacle(enum.StrEnum):
    """What an account may not end with. What to do about each is told in app/texts/account.toml."""

    BALANCE = "balance"
    HOLDS = "holds"
    CARDS = "cards"
    PLACEMENTS = "placements"
    CASES = "cases"
    RESTRICTIONS = "restrictions"


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an account as it stands; of one that never was asked to end, OPEN and nothing more."""

    state: State = State.OPEN
    version: int = 0
    requested_at: datetime | None = None
    closes_at: datetime | None = None
    erases_on: date | None = None


class NotEmpty(Exception):
    """The account can't end: `obstacles` names everything that is in the way."""

    def __init__(self, found: tuple[Obstacle, ...]) -> None:
        super().__init__(found)
        self.found = found
        self.obstacles = ", ".join(found)


class NotClosing(Exception):
    """Nobody asked for the account to end, or it is too late."""


#: A placement is over when its money is back in the wallet.
_UNSETTLED = [str(state) for state in placement.COMMITTED | {placement.State.REJECTED}]
_FIELDS = [tables.closure.c[field] for field in Closure.__struct_fields__]


async def find(db: AsyncConnection, holder: UUID) -> Closure:
    """Load where the end of an account stands."""
    row = (await db.execute(select(*_FIELDS).where(tables.closure.c.holder == holder))).one_or_none()
    return msgspec.convert(row, Closure, from_attributes=True) if row else Closure()


async def obstacles(db: AsyncConnection, holder: UUID) -> tuple[Obstacle, ...]:
    """Look for everything that is in the way, at once."""
    states = {"unsettled": _UNSETTLED, "open": [str(state) for state in case.OPEN]}
    row = (await db.execute(_OBSTACLES, {"holder": holder, **states})).mappings().one()
    return tuple(each for each in Obstacle if row[each])


async def erases_on(db: AsyncConnection, holder: UUID, closed_on: date) -> date:
    """Answer the day from which nothing of the person must be kept, if the account ends on `closed_on`.

    Whoever was a client is kept for as long as the law on money laundering wants from the end; whoever only applied,
    from the last thing they did; of whoever never showed a document nothing must be kept.
    """
    row = (await db.execute(_RELATIONS, {"holder": holder})).one()
    if row.client:
        return retention.until("client", closed_on)
    if row.applied_at is not None:
        return max(closed_on, retention.until("refused", calendar.statutory_date(row.applied_at)))
    return closed_on


async def request(db: AsyncConnection, holder: UUID, *, at: datetime) -> Closure:
    """Ask for the end; asking again changes nothing. Raises NotEmpty."""
    await db.execute(_LOCK, {"holder": str(holder)})
    before = await find(db, holder)
    if before.state is not State.OPEN:
        return before
    if found := await obstacles(db, holder):
        raise NotEmpty(found)
    closes_on = retention.until("closing", calendar.statutory_date(at))
    asked = Closure(
        state=State.CLOSING,
        version=before.version + 1,
        requested_at=at,
        closes_at=calendar.day_starts(closes_on),
    )
    await write(db, holder, asked, due_at=asked.closes_at)
    actor = f"resident:{holder}"
    await life.act_on_all(db, holder, Act.REVOKE, reason=Reason.HOLDER_REQUEST, actor=actor, at=at)
    await session.end_all(db, Subject(holder, "resident", ""), "signed_out", clock.real())
    await record(db, holder, ClosureRequested(closes_on=closes_on), actor=actor, at=at)
    return asked


async def withdraw(db: AsyncConnection, holder: UUID, *, at: datetime) -> Closure:
    """Stay after all; raises NotClosing."""
    await db.execute(_LOCK, {"holder": str(holder)})
    before = await find(db, holder)
    if before.state is not State.CLOSING:
        raise NotClosing
    stays = msgspec.structs.replace(before, state=State.OPEN, version=before.version + 1)
    await write(db, holder, stays, due_at=None)
    await record(db, holder, ClosureWithdrawn(), actor=f"resident:{holder}", at=at)
    return stays


async def write(db: AsyncConnection, holder: UUID, closure: Closure, *, due_at: datetime | None) -> None:
    """Store where the end of an account stands, and when the worker looks at it next."""
    values = msgspec.structs.asdict(closure) | {"due_at": due_at}
    stored = insert(tables.closure).values(holder=holder, **values)
    await db.execute(stored.on_conflict_do_update(index_elements=["holder"], set_=values))


async def record(db: AsyncConnection, holder: UUID, event: msgspec.Struct, *, actor: str, at: datetime) -> None:
    """Tell what happened to the account."""
    fact = journal.Fact(aggregate=holder, holder=holder, at=at, actor=actor, event=event)
    await journal.append(db, house_tables.event, fact)


# Said in the same transaction by whoever acts on the account, so that its states follow each other.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('app.closure:' || :holder, 0))")
_OBSTACLES = text(
    """
    SELECT EXISTS (SELECT FROM wallet.account WHERE holder = :holder AND posted <> 0) AS balance,
           EXISTS (SELECT FROM wallet.account WHERE holder = :holder AND (hold_out, hold_in) <> (0, 0)) AS holds,
           EXISTS (
               SELECT FROM cards.card CROSS JOIN LATERAL (
                   SELECT state FROM cards.change WHERE change.card = card.id ORDER BY version DESC LIMIT 1
               ) AS latest
               WHERE card.holder = :holder AND latest.state <> 'closed'
           ) AS cards,
           EXISTS (
               SELECT FROM invest.placement WHERE holder = :holder AND state = ANY (:unsettled)
           ) AS placements,
           EXISTS (SELECT FROM residency.application WHERE resident = :holder AND state = ANY (:open)) AS cases,
           EXISTS (SELECT FROM app.restriction WHERE holder = :holder AND state = 'in_force') AS restrictions
    """
)
_RELATIONS = text(
    """
    SELECT EXISTS (SELECT FROM wallet.holder WHERE holder = :holder)
               OR EXISTS (SELECT FROM residency.status WHERE resident = :holder) AS client,
           greatest(
               (SELECT max(at) FROM kyc.document WHERE resident = :holder),
               (SELECT max(at) FROM residency.transition WHERE resident = :holder)
           ) AS applied_at
    """
)
