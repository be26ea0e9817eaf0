"""The life of a credential: one table of what may be done to it, and the verb that does it to all its copies at once.

Copies are what wallets keep; a verifier sees their entries in the status lists. Whatever happens to the credential
happens to every entry in the same transaction, so no copy outlives it.

One that is superseded is still good: new copies open its successor, and when the wallets have those, or at its deadline
(residency/credential/renewal.py), it is revoked. What is done against the successor before that ends it too.
"""

import enum
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, bindparam, exists, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from proof import journal
from residency.credential import events, tables
from residency.credential.dataset import Kind
from residency.credential.status_list import Status


class State(enum.StrEnum):
    """Where a credential stands. The holder may pause and resume it; a suspension is the issuer's."""

    ACTIVE = "active"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"


class Act(enum.StrEnum):
    """What somebody does to a credential."""

    PAUSE = "pause"
    RESUME = "resume"
    SUSPEND = "suspend"
    RESTORE = "restore"
    RENEW = "renew"
    REVOKE = "revoke"


class Reason(enum.StrEnum):
    """Why. The first two are the holder's own; `not_identified`: the document it rests on was refused."""

    HOLDER_REQUEST = "holder_request"
    DEVICE_LOST = "device_lost"
    STATUS_SUSPENDED = "status_suspended"
    STATUS_RESTORED = "status_restored"
    STATUS_REVOKED = "status_revoked"
    DATA_CHANGED = "data_changed"
    NOT_IDENTIFIED = "not_identified"
    ACCOUNT_RECOVERED = "account_recovered"
    KEY_COMPROMISED = "key_compromised"
    ISSUED_IN_ERROR = "issued_in_error"


#: A phone is in other hands: every copy on it is void, and new ones are for whoever shows that it is they.
LOSSES = frozenset({Reason.DEVICE_LOST, Reason.ACCOUNT_RECOVERED})


class Step(msgspec.Struct, frozen=True):
    """Where an act leads and the fact it records."""

    state: State
    fact: type[events.CredentialFact]


LIFE = {
    (State.ACTIVE, Act.PAUSE): Step(State.PAUSED, events.Paused),
    (State.ACTIVE, Act.SUSPEND): Step(State.SUSPENDED, events.Suspended),
    (State.ACTIVE, Act.RENEW): Step(State.SUPERSEDED, events.Superseded),
    (State.ACTIVE, Act.REVOKE): Step(State.REVOKED, events.Revoked),
    (State.PAUSED, Act.RESUME): Step(State.ACTIVE, events.Resumed),
    (State.PAUSED, Act.SUSPEND): Step(State.SUSPENDED, events.Suspended),
    (State.PAUSED, Act.REVOKE): Step(State.REVOKED, events.Revoked),
    (State.SUSPENDED, Act.RESTORE): Step(State.ACTIVE, events.Restored),
    (State.SUSPENDED, Act.REVOKE): Step(State.REVOKED, events.Revoked),
    (State.SUPERSEDED, Act.REVOKE): Step(State.REVOKED, events.Revoked),
}

#: There may be a successor.
ENDED = (State.SUPERSEDED, State.REVOKED)
#: What is done against a credential ends what it supersedes.
_AGAINST = frozenset({Act.PAUSE, Act.SUSPEND, Act.REVOKE})
#: How long the wallets have to fetch new copies of one that is superseded.
GRACE = timedelta(days=14)

#: What verifiers read of it.
SHOWN_AS = {
    State.ACTIVE: Status.VALID,
    State.PAUSED: Status.SUSPENDED,
    State.SUSPENDED: Status.SUSPENDED,
    State.SUPERSEDED: Status.VALID,
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


class Lost(msgspec.Struct, frozen=True):
    """What became of credentials when a phone was lost: void in every copy, or alive in wallets that are elsewhere."""

    revoked: Sequence[UUID]
    kept: Sequence[UUID]


class Whose(msgspec.Struct, frozen=True):
    """Whose credential it is, and of which kind."""

    holder: UUID
    kind: Kind


async def find(db: AsyncConnection, credential: UUID) -> Whose:
    """Say whose a credential is; raises UnknownCredential."""
    columns = tables.credential.c
    row = (await db.execute(select(columns.holder, columns.kind).where(columns.id == credential))).one_or_none()
    if row is None:
        raise UnknownCredential
    return Whose(row.holder, Kind(row.kind))


async def act_on(
    db: AsyncConnection,
    credential: UUID,
    act: Act,
    *,
    reason: Reason,
    actor: str,
    at: datetime,
    until: datetime | None = None,
) -> State:
    """Do `act` to one credential and all its copies; raises UnknownCredential, IllegalAct.

    To renew takes `until`, the instant of the real clock at which the old copies end at the latest.
    """
    table = tables.credential
    named = select(table.c.holder, table.c.kind).where(table.c.id == credential).cte("named")
    of_its_kind = (table.c.holder == named.c.holder) & (table.c.kind == named.c.kind)
    mine = select(table).where(of_its_kind, (table.c.id == credential) | (table.c.state == State.SUPERSEDED))
    found = {each.id: each for each in await db.execute(mine.order_by(table.c.id).with_for_update(of=table))}
    if (asked := found.pop(credential, None)) is None:
        raise UnknownCredential
    state = await _take(db, asked, act, reason=reason, actor=actor, at=at, until=until)
    if act in _AGAINST and asked.state not in ENDED:
        for each in found.values():
            await _take(db, each, Act.REVOKE, reason=reason, actor=actor, at=at)
    return state


async def act_on_all(
    db: AsyncConnection,
    holder: UUID,
    act: Act,
    *,
    reason: Reason,
    actor: str,
    at: datetime,
    of: Kind | None = None,
) -> Sequence[UUID]:
    """Do `act` to every credential of `holder` (of one kind) that it can be done to, and answer which.

    Called by app/credentials/entitlement.py when the holder's status changes.
    """
    table = tables.credential
    mine = table.c.holder == holder if of is None else (table.c.holder == holder) & (table.c.kind == of)
    touched = []
    for found in (await db.execute(select(table).where(mine).order_by(table.c.id).with_for_update())).all():
        done = Act.REVOKE if act in _AGAINST and found.state == State.SUPERSEDED else act
        if (State(found.state), done) in LIFE:
            await _take(db, found, done, reason=reason, actor=actor, at=at)
            touched.append(found.id)
    return touched


async def act_on_lost(
    db: AsyncConnection,
    holder: UUID,
    kept: Collection[str],
    *,
    reason: Reason,
    actor: str,
    at: datetime,
    now: datetime,
) -> Lost:
    """Void every copy of `holder` but those in the wallets `kept`, named by the thumbprints of their DPoP keys.

    What no such wallet has a living copy of is revoked. `now` is the real clock.
    """
    table, made = tables.credential, tables.issuance
    revoked, kept_of = [], []
    mine = select(table).where(table.c.holder == holder, table.c.state != State.REVOKED).order_by(table.c.id)
    for found in (await db.execute(mine.with_for_update())).all():
        elsewhere = (made.c.credential == found.id) & made.c.device.in_(kept) & (made.c.expires_at > now)
        if await db.scalar(select(exists().where(elsewhere, not_voided(made.c.id)))):
            await _void(db, found.id, holder, kept, reason=reason, actor=actor, at=at)
            kept_of.append(found.id)
        else:
            await _take(db, found, Act.REVOKE, reason=reason, actor=actor, at=at)
            revoked.append(found.id)
    return Lost(revoked, kept_of)


def not_voided(issuance: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Say in SQL that the copies of an issuance did not end with a phone."""
    return ~exists().where(tables.voided.c.issuance == issuance)


async def _void(
    db: AsyncConnection,
    credential: UUID,
    holder: UUID,
    kept: Collection[str],
    *,
    reason: Reason,
    actor: str,
    at: datetime,
) -> None:
    made = tables.issuance.c
    lost = (made.credential == credential) & made.device.not_in(kept) & not_voided(made.id)
    found = (await db.execute(select(made.id, made.copies).where(lost).order_by(made.id))).all()
    if not found:
        return
    ids = [each.id for each in found]
    await _show(db, credential, Status.INVALID, only=ids)
    row = {"credential": credential, "holder": holder, "reason": reason.value, "at": at}
    await db.execute(insert(tables.voided), [row | {"issuance": each} for each in ids])
    fact = events.CopiesVoided(credential=credential, reason=reason.value, copies=sum(each.copies for each in found))
    await tell(db, credential, holder, fact, actor=actor, at=at)


async def _take(
    db: AsyncConnection,
    found: Row[tuple[object, ...]],
    act: Act,
    *,
    reason: Reason,
    actor: str,
    at: datetime,
    until: datetime | None = None,
) -> State:
    step = move(State(found.state), act)
    assert (act is Act.RENEW) == (until is not None), "what is renewed has a deadline, and nothing else has"
    table = tables.credential
    to = {"state": step.state.value, "version": found.version + 1, "until": until}
    if step.state in ENDED:
        to["due_at"] = until
    await db.execute(update(table).where(table.c.id == found.id).values(to))
    row = {"credential": found.id, "sort": found.version + 1, "holder": found.holder, "state": step.state.value}
    await db.execute(insert(tables.transition), row | {"act": act, "actor": actor, "reason": reason, "at": at})
    await _show(db, found.id, SHOWN_AS[step.state])
    fact = step.fact(credential=found.id, reason=reason.value)
    if isinstance(fact, events.Superseded):
        fact = msgspec.structs.replace(fact, until=until)
    await tell(db, found.id, found.holder, fact, actor=actor, at=at)
    return step.state


async def tell(
    db: AsyncConnection, credential: UUID, holder: UUID, event: events.CredentialFact, *, actor: str, at: datetime
) -> None:
    """Write down what happened to a credential that this transaction holds."""
    fact = journal.Fact(aggregate=credential, holder=holder, at=at, actor=actor, event=event)
    await journal.append(db, tables.event, fact)


_LISTS = text(
    """
    SELECT id FROM credential.status_list
    WHERE id IN (SELECT list FROM credential.copy WHERE credential = :credential) ORDER BY id FOR NO KEY UPDATE
    """
)
# A copy that ended with a phone is void for good, whatever becomes of its credential.
_ENTRIES = text(
    """
    UPDATE credential.entry SET status = :status FROM credential.copy
    WHERE copy.credential = :credential AND entry.list = copy.list AND entry.idx = copy.idx
    AND (CAST(:only AS uuid[]) IS NULL OR copy.issuance = ANY (CAST(:only AS uuid[])))
    AND NOT EXISTS (SELECT FROM credential.voided WHERE voided.issuance = copy.issuance)
    """
)
_VERSIONS = text("UPDATE credential.status_list SET version = version + 1 WHERE id IN :lists").bindparams(
    bindparam("lists", expanding=True)
)


async def _show(db: AsyncConnection, credential: UUID, status: Status, *, only: Sequence[UUID] | None = None) -> None:
    """Set the entry of every copy, or of those that some issuances made.

    Lists are locked in order, since copies of one credential may be spread over several.
    """
    lists = (await db.scalars(_LISTS, {"credential": credential})).all()
    if not lists:  # no wallet has a copy
        return
    await db.execute(_ENTRIES, {"credential": credential, "status": int(status), "only": only})
    await db.execute(_VERSIONS, {"lists": lists})
