"""What somebody says about their restriction, and how an appeal against it is decided by an officer who had no part.

says      POST /v1/me/restrictions/{id}/responses      respond()
appeals   POST /v1/me/restrictions/{id}/appeals        file()
decides   POST /v1/officer/appeals/{id}/decision       decide()     <- you are here; granted, it is lifted at once

Granting makes two: the person proposes to lift by appealing, the officer agrees. Against an order of a court or a state
body the operator has nothing to decide; the appeal goes to whoever ordered it.
"""

import enum
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.limiting import tables
from app.restrictions import events, restriction
from app.restrictions.reason import CLASSES, Owner
from app.restrictions.restriction import Act, Proposed, Restriction, SameOfficer

_RESPONSES_MAX = 50


class Outcome(enum.StrEnum):
    """How an appeal ends."""

    GRANTED = "granted"
    UPHELD = "upheld"


class UnknownAppeal(Exception):
    """There is no such appeal, or it is decided."""


class AppealOpen(Exception):
    """An appeal against this restriction waits for its answer."""


class AppealElsewhere(Exception):
    """The operator only carries out the order: an appeal goes to its `owner`."""

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner)
        self.owner = owner


class TooManyResponses(Exception):
    """So much was said about this restriction that nothing more is taken in."""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says; the words are sealed."""

    id: UUID
    restriction: UUID
    holder: UUID
    sealed: bytes
    at: datetime


class Appeal(Response, frozen=True, kw_only=True):
    """Words that want an answer, by `answer_due`."""

    answer_due: datetime
    outcome: Outcome | None = None
    decided_at: datetime | None = None


_RESPONSE = [tables.restriction_response.c[name] for name in Response.__struct_fields__]
_APPEAL = [tables.restriction_appeal.c[name] for name in Appeal.__struct_fields__]


async def respond(db: AsyncConnection, said: Response) -> Restriction:
    """Take in what somebody says about their restriction.

    Raises restriction.UnknownRestriction, restriction.NotInForce, TooManyResponses.
    """
    about = await restriction.lock(db, said.restriction, said.holder)
    before = select(func.count()).where(tables.restriction_response.c.restriction == about.id)
    if (await db.scalar(before) or 0) >= _RESPONSES_MAX:
        raise TooManyResponses
    await db.execute(insert(tables.restriction_response).values(msgspec.structs.asdict(said)))
    told = events.Responded(restriction=about.id, response=said.id)
    await restriction.tell_holder(db, about, told, f"resident:{said.holder}", said.at)
    return about


async def file(db: AsyncConnection, said: Response) -> Appeal:
    """Take in an appeal; raises restriction.UnknownRestriction, restriction.NotInForce, AppealElsewhere, AppealOpen."""
    about = await restriction.lock(db, said.restriction, said.holder)
    found = CLASSES[about.reason]
    if found.owner is not Owner.OPERATOR:
        raise AppealElsewhere(found.owner)
    if any(each.outcome is None for each in await of(db, about.id)):
        raise AppealOpen
    due = restriction.after_working_days(said.at, found.answer_days)
    made = Appeal(**msgspec.structs.asdict(said), answer_due=due)
    await db.execute(insert(tables.restriction_appeal).values(msgspec.structs.asdict(made)))
    told = events.Appealed(restriction=about.id, appeal=made.id, answer_due=due)
    await restriction.tell_holder(db, about, told, f"resident:{said.holder}", said.at)
    return made


async def decide(
    db: AsyncConnection, wanted: UUID, outcome: Outcome, *, note: bytes | None, actor: str, at: datetime
) -> Appeal:
    """Answer an appeal, once, as an officer who had no part in imposing; granted, the restriction is lifted at once.

    Raises UnknownAppeal, SameOfficer, restriction.NotInForce.
    """
    about = await restriction.lock(db, (await find(db, wanted)).restriction)
    found = await find(db, wanted)  # as it is now that nobody else decides it
    by = await _imposing(db, about)
    if actor in {by.proposed_by, by.decided_by}:
        raise SameOfficer
    verdict = {
        "appeal": wanted,
        "holder": about.holder,
        "by_act": by.id,
        "first_officer": by.proposed_by,
        "second_officer": by.decided_by,
        "decided_by": actor,
        "note": note,
        "at": at,
    }
    await db.execute(insert(tables.restriction_verdict).values(verdict))
    ended = {"outcome": outcome, "decided_at": at}
    await db.execute(update(tables.restriction_appeal).where(tables.restriction_appeal.c.id == wanted).values(ended))
    told = events.AppealDecided(restriction=about.id, appeal=wanted, outcome=outcome)
    await restriction.tell_holder(db, about, told, actor, at)
    if outcome is Outcome.GRANTED:
        await _grant(db, about, actor, at)
    return msgspec.structs.replace(found, outcome=outcome, decided_at=at)


async def _grant(db: AsyncConnection, about: Restriction, actor: str, at: datetime) -> None:
    asked = Proposed(
        id=ids.new(),
        restriction=about.id,
        holder=about.holder,
        act=Act.LIFT,
        reason=about.reason,
        cause=None,
        note=None,
        proposed_by=f"resident:{about.holder}",
        proposed_at=at,
        decided_by=actor,
        decided_at=at,
        agreed=True,
    )
    await db.execute(insert(tables.restriction_act).values(msgspec.structs.asdict(asked)))
    await restriction.lift(db, about.id, act=asked.id, actor=actor, at=at)


async def _imposing(db: AsyncConnection, about: Restriction) -> Proposed:
    return next(act for act in await restriction.acts(db, about.id) if act.id == about.by_act)


async def responses(db: AsyncConnection, about: UUID) -> list[Response]:
    """List what was said about a restriction, the oldest first."""
    columns = tables.restriction_response.c
    rows = await db.execute(select(*_RESPONSE).where(columns.restriction == about).order_by(columns.id))
    return [Response(**row._asdict()) for row in rows]


async def of(db: AsyncConnection, about: UUID) -> list[Appeal]:
    """List the appeals against a restriction, the oldest first."""
    return await _appeals(db, tables.restriction_appeal.c.restriction == about)


async def find(db: AsyncConnection, wanted: UUID) -> Appeal:
    """Load an appeal that waits for its answer; raises UnknownAppeal."""
    columns = tables.restriction_appeal.c
    found = await _appeals(db, (columns.id == wanted) & columns.outcome.is_(None))
    if not found:
        raise UnknownAppeal
    return found[0]


async def waiting(db: AsyncConnection) -> list[Appeal]:
    """List the appeals that wait for an answer, the one due first at the head."""
    return sorted(await _appeals(db, tables.restriction_appeal.c.outcome.is_(None)), key=lambda each: each.answer_due)


async def _appeals(db: AsyncConnection, wanted: ColumnElement[bool]) -> list[Appeal]:
    rows = await db.execute(select(*_APPEAL).where(wanted).order_by(tables.restriction_appeal.c.id))
    return [msgspec.convert(row, Appeal, from_attributes=True) for row in rows]
