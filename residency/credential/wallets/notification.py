"""A wallet says what became of an issuance (OpenID4VCI 1.0 section 11); said twice it is heard once."""

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from proof import journal
from residency.credential import events, issuing, tables


class Outcome(enum.StrEnum):
    """What a wallet can say."""

    ACCEPTED = "credential_accepted"
    FAILURE = "credential_failure"
    DELETED = "credential_deleted"


class UnknownNotification(Exception):
    """No issuance to this holder has this notification id."""


async def record(
    db: AsyncConnection, notification_id: str, outcome: Outcome, *, holder: UUID, actor: str, at: datetime
) -> None:
    """Note the outcome of an issuance to `holder`; raises UnknownNotification."""
    table, parent = tables.issuance, tables.credential
    mine = (
        select(table.c.id, table.c.credential)
        .join(parent, parent.c.id == table.c.credential)
        .where(table.c.notification_hash == issuing.hash_of(notification_id), table.c.holder == holder)
        .with_for_update(of=parent)
    )
    found = (await db.execute(mine)).one_or_none()
    if found is None:
        raise UnknownNotification
    new = insert(tables.notice).values(issuance=found.id, event=outcome.value, holder=holder, at=at)
    if await db.scalar(new.on_conflict_do_nothing().returning(tables.notice.c.event)) is not None:
        event = events.Notified(credential=found.credential, issuance=found.id, outcome=outcome.value)
        fact = journal.Fact(aggregate=found.credential, holder=holder, at=at, actor=actor, event=event)
        await journal.append(db, tables.event, fact)
