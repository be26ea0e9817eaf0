"""What officers do to an alert: one confirms, and it holds at once; what frees a person takes two of them.

The database knows no other way (migrations/screening.py).

proposes   POST /v1/officer/screening/alerts/{id}/acts       propose()
settles    POST /v1/officer/screening/acts/{id}/decision     decide()        <- you are here
follows    app/measures.py                                   money is frozen, freed; the person's case goes on
expires    app/measures.py                                   step(): reopen(), when a whitelisting is over
"""

import enum
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc.screening import alert, events, tables
from kyc.screening.alert import Alert, State


class Act(enum.StrEnum):
    """What is done: it is somebody else; somebody else, and we look again later; it is the person; it is no more."""

    CLEAR = "clear"
    WHITELIST = "whitelist"
    CONFIRM = "confirm"
    RELEASE = "release"


#: The life of an alert, as far as officers lead it.
LIFE = {
    (State.OPEN, Act.CLEAR): State.CLEARED,
    (State.OPEN, Act.WHITELIST): State.CLEARED,
    (State.OPEN, Act.CONFIRM): State.CONFIRMED,
    (State.CLEARED, Act.CONFIRM): State.CONFIRMED,
    (State.CONFIRMED, Act.RELEASE): State.CLEARED,
}
_OTHER = frozenset({"other_birth", "other_nationality", "other_name", "other_documents"})
#: Why; each with its act.
REASONS: dict[Act, frozenset[str]] = {
    Act.CLEAR: _OTHER,
    Act.WHITELIST: _OTHER,
    Act.CONFIRM: frozenset({"same_person", "ordered_by_authority"}),
    Act.RELEASE: frozenset({"delisted", "mistaken_identity", "released_by_authority"}),
}
#: The longest a whitelisting lasts.
WHITELIST_MAX = timedelta(days=366)
_SYSTEM = "system:confirmed"


class IllegalAct(Exception):
    """An alert that stands so can't be acted on so."""

    def __init__(self, state: State, act: Act) -> None:
        super().__init__(state, act)
        self.state = state
        self.act = act


class UnsuitableReason(Exception):
    """This is no reason for this act."""

    def __init__(self, act: Act, reason: str) -> None:
        super().__init__(act, reason)
        self.act = act
        self.reason = reason


class UnsuitableEnd(Exception):
    """A whitelisting ends at an instant to come, within a year; nothing else ends."""


class ProposalOpen(Exception):
    """Another act on this alert waits for its second officer."""


class SameEyes(Exception):
    """Who proposes and who settles are two officers."""


class UnknownProposal(Exception):
    """Nobody proposed this, or it is settled."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an officer wants; `note` is sealed, `until` goes with a whitelisting."""

    act: Act
    reason: str
    until: datetime | None = None
    note: bytes | None = None


class Acted(msgspec.Struct, frozen=True, kw_only=True):
    """An act of one officer, and what another one said to it."""

    id: UUID
    alert: UUID
    resident: UUID
    act: Act
    reason: str
    until: datetime | None
    note: bytes | None
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    agreed: bool | None = None


_ACT = [tables.alert_act.c[name] for name in Acted.__struct_fields__]
_OPEN = tables.alert_act.c.agreed.is_(None)


async def propose(
    db: AsyncConnection, alert_id: UUID, wanted: Wanted, *, act: UUID, actor: str, at: datetime
) -> tuple[Alert, Acted]:
    """Confirm at once, or propose to free somebody.

    Raises alert.UnknownAlert, IllegalAct, UnsuitableReason, UnsuitableEnd, ProposalOpen.
    """
    _check(wanted, at)
    about = await alert.lock(db, alert_id)
    if (becomes := LIFE.get((about.state, wanted.act))) is None:
        raise IllegalAct(about.state, wanted.act)
    confirms = wanted.act is Act.CONFIRM
    waiting = await _acts(db, (tables.alert_act.c.alert == alert_id) & _OPEN)
    if waiting and not confirms:
        raise ProposalOpen
    made = Acted(
        id=act,
        alert=alert_id,
        resident=about.resident,
        proposed_by=actor,
        proposed_at=at,
        agreed=True if confirms else None,
        **msgspec.structs.asdict(wanted),
    )
    for other in waiting:
        await _close(db, other, agreed=False, actor=_SYSTEM, at=at)
    await db.execute(insert(tables.alert_act).values(msgspec.structs.asdict(made)))
    if not confirms:
        told = events.AlertActProposed(alert=alert_id, act=act, what=wanted.act, reason=wanted.reason)
        await alert.tell(db, alert_id, told, at=at, actor=actor)
        return about, made
    about = await _move(db, about, becomes, act=act, until=None, at=at)
    confirmed = events.AlertConfirmed(alert=alert_id, act=act, reason=wanted.reason)
    await alert.tell(db, alert_id, confirmed, at=at, actor=actor)
    return about, made


async def decide(db: AsyncConnection, act: UUID, *, agreed: bool, actor: str, at: datetime) -> tuple[Alert, Acted]:
    """Agree to what another officer proposed, which is done at once, or drop it.

    Raises UnknownProposal, SameEyes, IllegalAct.
    """
    wanted = (tables.alert_act.c.id == act) & _OPEN
    if not (found := await _acts(db, wanted)):
        raise UnknownProposal
    about = await alert.lock(db, found[0].alert)
    if not (found := await _acts(db, wanted)):
        raise UnknownProposal
    [proposed] = found
    if actor == proposed.proposed_by:
        raise SameEyes
    settled = await _close(db, proposed, agreed=agreed, actor=actor, at=at)
    if not agreed:
        return about, settled
    if (becomes := LIFE.get((about.state, proposed.act))) is None:
        raise IllegalAct(about.state, proposed.act)
    about = await _move(db, about, becomes, act=act, until=proposed.until, at=at)
    told = events.AlertCleared(alert=about.id, act=act, what=proposed.act, until=proposed.until)
    await alert.tell(db, about.id, told, at=at, actor=actor)
    return about, settled


async def reopen(db: AsyncConnection, about: Alert, *, actor: str, at: datetime) -> Alert:
    """End a whitelisting: an officer looks again, unless it is not so any more."""
    state = State.OPEN if about.present else State.LAPSED
    told = events.AlertReopened(alert=about.id) if about.present else events.AlertLapsed(alert=about.id)
    await alert.tell(db, about.id, told, at=at, actor=actor)
    return await _move(db, about, state, act=None, until=None, at=at)


async def of(db: AsyncConnection, alert_id: UUID) -> list[Acted]:
    """List what was done to an alert, the oldest first."""
    return await _acts(db, tables.alert_act.c.alert == alert_id)


async def waiting(db: AsyncConnection) -> list[Acted]:
    """List what waits for a second officer, the oldest first."""
    return await _acts(db, _OPEN)


def _check(wanted: Wanted, at: datetime) -> None:
    if wanted.reason not in REASONS[wanted.act]:
        raise UnsuitableReason(wanted.act, wanted.reason)
    lasts = wanted.until is not None and at < wanted.until <= at + WHITELIST_MAX
    if lasts != (wanted.act is Act.WHITELIST) or (wanted.until is not None and not lasts):
        raise UnsuitableEnd


async def _close(db: AsyncConnection, proposed: Acted, *, agreed: bool, actor: str, at: datetime) -> Acted:
    said = {"decided_by": actor, "decided_at": at, "agreed": agreed}
    await db.execute(update(tables.alert_act).where(tables.alert_act.c.id == proposed.id).values(said))
    if not agreed:
        dropped = events.AlertActDropped(alert=proposed.alert, act=proposed.id)
        await alert.tell(db, proposed.alert, dropped, at=at, actor=actor)
    return msgspec.structs.replace(proposed, decided_by=actor, decided_at=at, agreed=agreed)


async def _move(
    db: AsyncConnection, about: Alert, state: State, *, act: UUID | None, until: datetime | None, at: datetime
) -> Alert:
    moved = msgspec.structs.replace(about, state=state, act=act, until=until, version=about.version + 1, changed_at=at)
    changed = {name: getattr(moved, name) for name in ("state", "act", "until", "version", "changed_at")}
    await db.execute(update(tables.alert).where(tables.alert.c.id == about.id).values(changed))
    return moved


async def _acts(db: AsyncConnection, wanted: ColumnElement[bool]) -> list[Acted]:
    rows = await db.execute(select(*_ACT).where(wanted).order_by(tables.alert_act.c.id))
    return [msgspec.convert(row, Acted, from_attributes=True) for row in rows]
