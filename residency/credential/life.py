"""The life of a credential: one table of what may be done to it, and the verb that does it to all its copies at once.

Copies are what wallets keep; a verifier sees their entries in the status lists. Whatever happens to the credential
happens to every entry in the same transaction, so no copy outlives it.
"""

import enum
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from proof import journal
from residency.credential import events, tables
from residency.credential.status_list import Status


class State(enum.StrEnum):
    """Where a credential stands. The holder may pause and resume it; a suspension is the issuer's."""

    ACTIVE = "active"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Act(enum.StrEnum):
    """What somebody does to a credential."""

    PAUSE = "pause"
    RESUME = "resume"
    SUSPEND = "suspend"
    RESTORE = "restore"
    REVOKE = "revoke"


class Reason(enum.StrEnum):
    """Why. The first two are the holder's own."""

    HOLDER_REQUEST = "holder_request"
    DEVICE_LOST = "device_lost"
    STATUS_SUSPENDED = "status_suspended"
    STATUS_RESTORED = "status_restored"
    STATUS_REVOKED = "status_revoked"
    DATA_CHANGED = "data_changed"
    KEY_COMPROMISED = "key_compromised"


class Step(msgspec.Struct, frozen=True):
    """Where an act leads and the fact it records."""

    state: State
    fact: type[events.CredentialFact]


LIFE = {
    (State.ACTIVE, Act.PAUSE): Step(State.PAUSED, events.Paused),
    (State.ACTIVE, Act.SUSPEND): Step(State.SUSPENDED, events.Suspended),
    (State.ACTIVE, Act.REVOKE): Step(State.REVOKED, events.Revoked),
    (State.PAUSED, Act.RESUME): Step(State.ACTIVE, events.Resumed),
    (State.PAUSED, Act.SUSPEND): Step(State.SUSPENDED, events.Suspended),
    (State.PAUSED, Act.REVOKE): Step(State.REVOKED, events.Revoked),
    (State.SUSPENDED, Act.RESTORE): Step(State.ACTIVE, events.Restored),
    (State.SUSPENDED, Act.REVOKE): Step(State.REVOKED, events.Revoked),
}

#: What verifiers read of it.
SHOWN_AS = {
    State.ACTIVE: Status.VALID,
    State.PAUSED: Status.SUSPENDED,
    State.SUSPENDED: Status.SUSPENDED,
    State.REVOKED: Status.INVALID,
}


class UnknownCredential(Exception):
    """There is no such credential, or it is somebody else's."""


class IllegalAct(Exception):
    """The credential is not in a state in which this may be done."""

    def __init__(self, state: State, act: Act) -> None:
        super().__init__(state, act)
        self.state = state
        self.act = act


def move(state: State, act: Act) -> Step:
    """Look up where `act` leads from `state`; raises IllegalAct."""
    if (step := LIFE.get((state, act))) is None:
        raise IllegalAct(state, act)
    return step


async def act_on(db: AsyncConnection, credential: UUID, act: Act, *, reason: Reason, actor: str, at: datetime) -> State:
    """Do `act` to one credential and all its copies; raises UnknownCredential, IllegalAct."""
    table = tables.credential
    found = (await db.execute(select(table).where(table.c.id == credential).with_for_update())).one_or_none()
    if found is None:
        raise UnknownCredential
    return await _take(db, found, act, reason=reason, actor=actor, at=at)


async def act_on_all(
    db: AsyncConnection, holder: UUID, act: Act, *, reason: Reason, actor: str, at: datetime
) -> Sequence[UUID]:
    """Do `act` to every credential of `holder` that it can be done to, and answer which.

    Called by app/credentials.py when the holder's status changes: what the credential is proof of is no longer so.
    """
    table = tables.credential
    mine = select(table).where(table.c.holder == holder).order_by(table.c.id).with_for_update()
    touched = [found for found in await db.execute(mine) if (State(found.state), act) in LIFE]
    for found in touched:
        await _take(db, found, act, reason=reason, actor=actor, at=at)
    return [found.id for found in touched]


async def _take(
    db: AsyncConnection, found: Row[tuple[object, ...]], act: Act, *, reason: Reason, actor: str, at: datetime
) -> State:
    step = move(State(found.state), act)
    table = tables.credential
    to = {"state": step.state.value, "version": found.version + 1}
    await db.execute(update(table).where(table.c.id == found.id).values(to))
    row = {"credential": found.id, "sort": found.version + 1, "holder": found.holder, "state": step.state.value}
    await db.execute(insert(tables.transition), row | {"act": act, "actor": actor, "reason": reason, "at": at})
    await _show(db, found.id, SHOWN_AS[step.state])
    fact = step.fact(credential=found.id, reason=reason.value)
    await journal.append(
        db, tables.event, journal.Fact(aggregate=found.id, holder=found.holder, at=at, actor=actor, event=fact)
    )
    return step.state


_LISTS = text(
    """
    SELECT id FROM credential.status_list
    WHERE id IN (SELECT list FROM credential.copy WHERE credential = :credential) ORDER BY id FOR NO KEY UPDATE
    """
)
_ENTRIES = text(
    """
    UPDATE credential.entry SET status = :status FROM credential.copy
    WHERE copy.credential = :credential AND entry.list = copy.list AND entry.idx = copy.idx
    """
)
_VERSIONS = text("UPDATE credential.status_list SET version = version + 1 WHERE id IN :lists").bindparams(
    bindparam("lists", expanding=True)
)


async def _show(db: AsyncConnection, credential: UUID, status: Status) -> None:
    """Set every copy's entry. Lists are locked in order, since copies of one credential may be spread over several."""
    lists = (await db.scalars(_LISTS, {"credential": credential})).all()
    if not lists:  # no wallet has a copy
        return
    await db.execute(_ENTRIES, {"credential": credential, "status": int(status)})
    await db.execute(_VERSIONS, {"lists": lists})
