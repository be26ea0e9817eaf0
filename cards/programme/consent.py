"""Consent: which notice to consumers a holder accepted. No card without that of the day; each is accepted once.

route      app/http/mobile/card_notice.py    POST /v1/cards/notice/acceptances
           app/http/mobile/cards.py          POST /v1/cards
records    cards/programme/consent.py        accept()      <- you are here
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables
from cards.programme import tables as programme_tables
from cards.programme.events import NoticeAccepted
from law.regime import Notice
from proof import journal


class NoticeNotAccepted(Exception):
    """The consumer notice in force is `version`; another one was accepted, or none."""

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.version = version


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the notice, the language it was read in, and when it was accepted."""

    notice_version: str
    language: str
    at: datetime


async def accept(
    db: AsyncConnection, holder: UUID, version: str, language: str, *, notice: Notice, actor: str, at: datetime
) -> bool:
    """Record that `holder` accepts `version`, which has to be the one in force; False where that is recorded already.

    Raises NoticeNotAccepted.
    """
    if version != notice.version:
        raise NoticeNotAccepted(notice.version)
    made = insert(programme_tables.consent).values(holder=holder, notice_version=version, language=language, at=at)
    added = await db.execute(made.on_conflict_do_nothing().returning(programme_tables.consent.c.at))
    if added.one_or_none() is None:
        return False
    fact = NoticeAccepted(notice_version=version, language=language)
    told = journal.Fact(aggregate=holder, holder=holder, at=at, actor=actor, event=fact)
    await journal.append(db, tables.event, told)
    return True


async def require(db: AsyncConnection, holder: UUID, notice: Notice) -> None:
    """Let who accepted the notice in force pass; raises NoticeNotAccepted."""
    if notice.version not in {found.notice_version for found in await of(db, holder)}:
        raise NoticeNotAccepted(notice.version)


async def of(db: AsyncConnection, holder: UUID) -> list[Consent]:
    """List what a holder accepted, the first first."""
    columns = programme_tables.consent.c
    rows = await db.execute(
        select(columns.notice_version, columns.language, columns.at)
        .where(columns.holder == holder)
        .order_by(columns.at)
    )
    return [Consent(notice_version=row.notice_version, language=row.language, at=row.at) for row in rows]
