"""A recovery that was not its owner's: stopped on the word of a former passkey, undone by officers.

contests   POST /v1/auth/recovery-contests          contest()    within the day, by whoever holds a former passkey
looks      GET  /v1/officer/residents/…/recoveries  listed()
undoes     POST /v1/officer/recoveries/…/undo       undo()       while the account is shut out
lets in    app/auth/suspension.py                   lift()       two officers, whoever shall own the account then

A thief with the unlocked phone can contest as well, which is why contesting gives nobody anything: it only stops.
"""

import contextlib
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import challenge, passkey, subject, suspension, tables
from app.auth.credential import Assertion
from app.auth.events import RecoveryContested, RecoveryUndone
from app.auth.recovery import LIMITED
from app.db import Story
from app.settings import Settings
from app.tables import event
from proof import journal

ACTOR = "service:recovery"
#: What is older is undone by nobody any more: the account has lived on.
UNDOABLE = timedelta(days=30)


class Unknown(Exception):
    """There is no finished recovery of this id that could be undone."""


class NotSuspended(Exception):
    """The account is open: whoever holds it would act while it is given back."""


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """A recovery by which a new passkey took an account over."""

    id: UUID
    at: datetime
    finished_at: datetime


async def contest(story: Story, settings: Settings, asked: UUID, assertion: Assertion, *, now: datetime) -> None:
    """Stop an account that was recovered within the last day, on the word of a passkey it had before.

    Raises Spent, passkey.Refused: no such passkey, no such recovery, or more than a day ago.
    """
    spent = await challenge.spend(await story(), asked, "assertion", now)
    who = passkey.claimed(assertion)
    await story.speak_for(who)
    db = await story()
    await passkey.prove(db, settings, who, assertion, challenge_bytes=spent.challenge, former=True)
    latest = await listed(db, who)
    if not latest or latest[0].finished_at <= now - LIMITED:
        raise passkey.Refused
    await _record(db, who, RecoveryContested(recovery=latest[0].id), actor=f"resident:{who}", at=now)
    with contextlib.suppress(suspension.AlreadySuspended):
        await suspension.impose(db, who, "fraud_suspected", actor=ACTOR, at=now)


async def listed(db: AsyncConnection, who: UUID) -> list[Finished]:
    """List the recoveries of an account, the latest first."""
    columns = tables.recovery.c
    wanted = select(columns.id, columns.at, columns.finished_at).where(columns.subject == who)
    rows = await db.execute(wanted.where(columns.finished_at.is_not(None)).order_by(columns.finished_at.desc()))
    return [Finished(**row._asdict()) for row in rows]


async def undo(db: AsyncConnection, recovery: UUID, *, actor: str, now: datetime) -> None:
    """Give an account that is shut out back to the passkeys it had before; raises Unknown, NotSuspended.

    What was added with the recovery or after it signs in no more. Nobody gets in by this: lifting takes two officers.
    """
    columns, keys = tables.recovery.c, tables.passkey.c
    rows = await db.execute(
        select(columns.subject, columns.finished_at)
        .where(columns.id == recovery, columns.finished_at > now - UNDOABLE)
        .with_for_update()
    )
    if (found := rows.one_or_none()) is None:
        raise Unknown
    owner = await subject.find(db, found.subject)
    if owner is None or owner.suspended_at is None:
        raise NotSuspended
    theirs = keys.subject == owner.id
    former = theirs & (keys.removed_why == "recovered") & (keys.removed_at == found.finished_at)
    if (await db.execute(select(keys.id).where(former).limit(1))).one_or_none() is None:
        raise Unknown
    since = theirs & keys.removed_at.is_(None) & (keys.at >= found.finished_at)
    await db.execute(update(tables.passkey).where(since).values(removed_at=now, removed_why="removed"))
    await db.execute(update(tables.passkey).where(former).values(removed_at=None, removed_why=None))
    await _record(db, owner.id, RecoveryUndone(recovery=recovery), actor=actor, at=now)


async def _record(
    db: AsyncConnection, who: UUID, fact: RecoveryContested | RecoveryUndone, *, actor: str, at: datetime
) -> None:
    await journal.append(db, event, journal.Fact(aggregate=who, holder=who, at=at, actor=actor, event=fact))
