"""What a person is to the state: statuses, each its own dated rows, assigned by a grant and ended with a reason.

Five statuses stay separate by the decree (reading note 3): this room assigns `e_resident` and `altyn`; the others join
`Kind` with the services that grant them. Nothing is derived from "is a resident".
"""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Uuid, bindparam, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from law import calendar
from proof import journal
from residency import eligibility, events, number, reason, tables
from residency.eligibility import Citizenship, Person, Verdict
from residency.rules import RULES


class Kind(StrEnum):
    """The statuses there are."""

    E_RESIDENT = "e_resident"
    ALTYN = "altyn"  # the Altyn visa (D2.2)


#: Demonstration numbers, on purpose unlike any state number: an e-resident has no IIN by being one.
SCHEMES = {Kind.E_RESIDENT: "DEMO-ERID", Kind.ALTYN: "DEMO-ALTYN"}


class State(StrEnum):
    """Whether a status gives its rights."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Act(StrEnum):
    """What is done to a status."""

    SUSPEND = "suspend"
    RESTORE = "restore"
    REVOKE = "revoke"


class Step(msgspec.Struct, frozen=True):
    """Where an act leads, the fact it records, and the use its reason must allow; restoring needs none."""

    state: State
    fact: type[events.StatusFact]
    use: reason.Use | None


LIFE = {
    (State.ACTIVE, Act.SUSPEND): Step(State.SUSPENDED, events.StatusSuspended, reason.Use.SUSPEND),
    (State.ACTIVE, Act.REVOKE): Step(State.REVOKED, events.StatusRevoked, reason.Use.REVOKE),
    (State.SUSPENDED, Act.RESTORE): Step(State.ACTIVE, events.StatusRestored, None),
    (State.SUSPENDED, Act.REVOKE): Step(State.REVOKED, events.StatusRevoked, reason.Use.REVOKE),
}


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """One status of one person. `number` is unique within `scheme`; `version` counts its changes."""

    id: UUID
    resident: UUID
    kind: Kind
    scheme: str
    number: str
    citizenship: Citizenship
    application_id: UUID
    state: State
    version: int
    assigned_at: datetime


class IneligibleCitizen(Exception):
    """A citizen of Kazakhstan can't be an electronic resident (D3.2-d: foreigners and stateless persons)."""


class UnderAge(Exception):
    """The person was not of age on the day the application was filed."""


class Unidentified(Exception):
    """No verified document says whose citizen the person is, or that they are nobody's."""


class StatusHeld(Exception):
    """The person holds this status already; only a revoked one can be applied for again."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.kind = kind


class UnknownStatus(Exception):
    """There is no status with this id, or not for this caller."""


class IllegalChange(Exception):
    """The status is not in a state in which this may be done."""

    def __init__(self, state: State, act: Act) -> None:
        super().__init__(state, act)
        self.state = state
        self.act = act


_REFUSES = {"ineligible_citizen": IneligibleCitizen, "under_age": UnderAge}
_COLUMNS = [tables.status.c[field] for field in Status.__struct_fields__]


async def assign(
    db: AsyncConnection,
    *,
    resident: UUID,
    kind: Kind,
    application_id: UUID,
    person: Person,
    filed_at: datetime,
    at: datetime,
    by: str,
) -> Status:
    """Give the status for a granted application, with the next free number.

    Raises IneligibleCitizen, UnderAge, Unidentified, StatusHeld.
    """
    citizenship = _may_hold(person, filed_at)
    if await held(db, resident, kind):
        raise StatusHeld(kind)
    serial = await db.scalar(select(func.nextval(text("'residency.erid_serial'"))))
    assert serial is not None, "a sequence always answers"
    new = {
        "resident": resident,
        "kind": kind,
        "scheme": SCHEMES[kind],
        "number": number.of(calendar.statutory_date(at).year, serial),
        "citizenship": citizenship,
        "application_id": application_id,
        "state": State.ACTIVE,
        "version": 1,
        "assigned_at": at,
    }
    row = (await db.execute(insert(tables.status).values(new).returning(*_COLUMNS))).one()
    status = msgspec.convert(row, Status, from_attributes=True)
    await _record(db, status, events.StatusAssigned, None, at=at, by=by)
    return status


async def change(
    db: AsyncConnection, status_id: UUID, act: Act, *, at: datetime, by: str, reason_code: str | None = None
) -> Status:
    """Suspend, restore or revoke a status; raises UnknownStatus, IllegalChange, reason.UnknownReason."""
    query = select(*_COLUMNS).where(tables.status.c.id == status_id).with_for_update()
    if (row := (await db.execute(query)).one_or_none()) is None:
        raise UnknownStatus
    status = msgspec.convert(row, Status, from_attributes=True)
    if (step := LIFE.get((status.state, act))) is None:
        raise IllegalChange(status.state, act)
    why = reason.of(reason_code, step.use) if step.use else None
    changed = msgspec.structs.replace(status, state=step.state, version=status.version + 1)
    await db.execute(
        update(tables.status)
        .where(tables.status.c.id == status_id)
        .values(state=changed.state, version=changed.version)
    )
    await _record(db, changed, step.fact, why, at=at, by=by)
    return changed


async def of_resident(db: AsyncConnection, resident: UUID) -> list[Status]:
    """List every status a person ever had, the oldest first."""
    query = select(*_COLUMNS).where(tables.status.c.resident == resident).order_by(tables.status.c.id)
    return [msgspec.convert(row, Status, from_attributes=True) for row in await db.execute(query)]


async def keep(db: AsyncConnection, resident: UUID) -> None:
    """Let no status of a person change before this transaction ends; what is read of them afterwards stays true."""
    mine = select(tables.status.c.id).where(tables.status.c.resident == resident).order_by(tables.status.c.id)
    await db.execute(mine.with_for_update(read=True))


async def held(db: AsyncConnection, resident: UUID, kind: Kind) -> bool:
    """Whether a person holds the status, suspended or not."""
    found = select(tables.status.c.id).where(
        tables.status.c.resident == resident, tables.status.c.kind == kind, tables.status.c.state != State.REVOKED
    )
    return bool(await db.scalar(select(found.exists())))


async def active(db: AsyncConnection, residents: Collection[UUID], kind: Kind) -> set[UUID]:
    """Find those of `residents` whom the status gives its rights now."""
    columns = tables.status.c
    found = select(columns.resident).where(
        columns.resident == func.any(bindparam("residents", list(residents), ARRAY(Uuid))),
        columns.kind == kind,
        columns.state == State.ACTIVE,
    )
    return set((await db.execute(found)).scalars())


def _may_hold(person: Person, filed_at: datetime) -> Citizenship:
    for finding in eligibility.judge(person, calendar.statutory_date(filed_at), RULES):
        if finding.verdict is Verdict.FAIL and finding.reason:
            raise _REFUSES[finding.reason]
    if person.citizenship is Citizenship.UNSPECIFIED:
        raise Unidentified
    return person.citizenship


async def _record(
    db: AsyncConnection,
    status: Status,
    fact: type[events.StatusFact],
    why: reason.Reason | None,
    *,
    at: datetime,
    by: str,
) -> None:
    await db.execute(
        insert(tables.status_change).values(
            status_id=status.id,
            sort=status.version,
            resident=status.resident,
            state=status.state,
            actor=by,
            reason=why.code if why else None,
            ground=why.ground if why else None,
            at=at,
        )
    )
    event = fact(status_id=status.id, kind=status.kind, reason=why.code if why else None)
    told = journal.Fact(aggregate=status.id, holder=status.resident, at=at, actor=by, event=event)
    await journal.append(db, tables.event, told)
