"""Codes that prove that somebody receives what is sent to a contact: eight digits, ten minutes, five tries, once.

A code belongs to one flow and one thing in it (a contact that is added, a recovery): what is stored is a keyed digest
of all three, so neither the table nor another flow can tell a right code. Tries are counted in PostgreSQL by the
statement that lets the code be compared at all, so of any number of tries at once five are evaluated.

Counters are per flow and per sender, never per contact alone: strangers who spoil theirs spoil nobody else's. A sender
gets five codes for one contact in ten minutes, which is 25 guesses of 100 000 000; how many for all contacts together,
app/limits.py says (the class "codes").
"""

import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import tables, token
from proof.kms import Kms

Flow = Literal["contact", "recovery"]

LIFETIME = timedelta(minutes=10)
DIGITS = 8
TRIES_MAX = 5
#: Codes that one sender may have sent to one contact in one window.
SENT_MAX = 5
WINDOW = timedelta(minutes=10)


class Refused(Exception):
    """The code is wrong, was used, is too old or was tried too often, or there is none; which of these is not said."""

    headers: Mapping[str, str] = token.Missing.headers


class TooMany(Exception):
    """This sender has had enough codes sent to this contact for now."""

    def __init__(self, again_s: int) -> None:
        super().__init__(again_s)
        self.headers = {"Retry-After": str(again_s)}


async def issue(db: AsyncConnection, kms: Kms, flow: Flow, about: UUID, *, subject: UUID, now: datetime) -> str:
    """Make the code of `about`, for whose `subject` the story speaks; given out once, to be sent."""
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    mac = _mac(kms, flow, about, code)
    row = {"id": about, "flow": flow, "subject": subject, "mac": mac, "expires_at": now + LIFETIME}
    await db.execute(insert(tables.verification).values(row))
    return code


async def evaluate(db: AsyncConnection, kms: Kms, flow: Flow, about: UUID, code: str, *, now: datetime) -> bool:
    """Say whether `code` is the code of `about`, and use it up if so.

    False must be answered by a commit, not by an exception: it is a try that was counted.
    """
    columns = tables.verification.c
    tried = await db.execute(
        update(tables.verification)
        .where(columns.id == about, columns.flow == flow)
        .where(columns.used_at.is_(None), columns.expires_at > now, columns.tries < TRIES_MAX)
        .values(tries=columns.tries + 1)
        .returning(columns.mac)
    )
    stored: bytes | None = tried.scalar_one_or_none()
    right = hmac.compare_digest(stored or bytes(32), _mac(kms, flow, about, code))
    if right:
        await db.execute(update(tables.verification).where(columns.id == about).values(used_at=now))
    return right


async def count(db: AsyncConnection, kms: Kms, *, sender: str, contact: bytes, now: datetime) -> None:
    """Count a code that `sender` asks to be sent to a contact (its blind index); raises TooMany."""
    window_s = int(WINDOW.total_seconds())
    ends_at = datetime.fromtimestamp((int(now.timestamp()) // window_s + 1) * window_s, UTC)
    columns = tables.sending.c
    counted = await db.execute(
        insert(tables.sending)
        .values(key=kms.blind("code.sender", f"{sender} {contact.hex()}"), expires_at=ends_at, sent=1)
        .on_conflict_do_update(
            index_elements=[columns.key, columns.expires_at],
            set_={"sent": columns.sent + 1},
            where=columns.sent < SENT_MAX,
        )
        .returning(columns.sent)
    )
    if counted.one_or_none() is None:
        raise TooMany(int((ends_at - now).total_seconds()) + 1)


def _mac(kms: Kms, flow: Flow, about: UUID, code: str) -> bytes:
    return kms.blind(f"code.{flow}", f"{about} {code}")
