"""Pre-authorised codes: the resident, signed in to the app, lets a wallet fetch a credential (OpenID4VCI 1.0, 4.1.1).

A code is used once, within minutes. With a transaction code, which goes another way than the offer, it is good for five
tries; the right code with a wrong transaction code counts as one.

An offer may go by reference: a ticket from which the code follows, and nobody comes from the code to the ticket. So an
offer is told whoever has its address, for as long as the code is good, and no secret of it is stored.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import subject, tables, ticket
from app.auth.subject import Subject
from app.db import Story

LIFETIME = timedelta(minutes=10)
TRIES_MAX = 5
_FROM_REFERENCE = b"openid4vci credential offer\x00"


class Redeemed(msgspec.Struct, frozen=True):
    """The code was good: whose credential, in which configurations, offered from which of their devices."""

    subject: Subject
    configurations: tuple[str, ...]
    device: UUID | None


class Made(msgspec.Struct, frozen=True):
    """A code for a wallet, and the reference under which the offer that brings it can be fetched."""

    code: str
    reference: str


class Offered(msgspec.Struct, frozen=True):
    """What an offer that was fetched brings: the code, for which configurations, whether another code goes with it."""

    code: str
    configurations: tuple[str, ...]
    has_tx_code: bool


class Denied(msgspec.Struct, frozen=True):
    """The code is not taken; `error` is OAuth's. A value, not an exception: a wrong try is counted."""

    error: str
    reason: str


async def issue_code(
    db: AsyncConnection,
    owner: UUID,
    configurations: Sequence[str],
    *,
    now: datetime,
    tx_code: str | None = None,
    device: UUID | None = None,
    lasts: timedelta = LIFETIME,
) -> Made:
    """Make the `pre-authorized_code` of an offer to the resident `owner`, for whom the story speaks.

    Stored as a hash. `now` is the real clock. `tx_code` is what the wallet must also send;
    the caller gets it to the person by another way. `device` is where the offer was made.
    """
    reference = ticket.new(owner)
    made = _code_of(reference)
    await db.execute(
        insert(tables.pre_authorized_code).values(
            hash=made.hash,
            subject=owner,
            configurations=list(configurations),
            tx_code_hash=_hash(made, tx_code) if tx_code is not None else None,
            expires_at=now + lasts,
            device=device,
        )
    )
    return Made(made.text, reference.text)


async def fetch(story: Story, reference: str, *, now: datetime) -> Offered | None:
    """Give what the offer of this reference brings; None for one that is unknown, used or expired."""
    if (shown := ticket.parse(reference)) is None:
        return None
    await story.speak_for(shown.subject)
    made, columns = _code_of(shown), tables.pre_authorized_code.c
    query = select(columns.configurations, columns.tx_code_hash).where(_standing(made, now))
    found = (await (await story()).execute(query)).one_or_none()
    if found is None:
        return None
    return Offered(made.text, tuple(found.configurations), found.tx_code_hash is not None)


def _code_of(reference: ticket.Ticket) -> ticket.Ticket:
    return ticket.Ticket(reference.subject, sha256(_FROM_REFERENCE + reference.secret).digest())


async def redeem(
    story: Story, text: str, *, tx_code: str | None, asked: frozenset[str], now: datetime
) -> Redeemed | Denied:
    """Use a code up, or count a wrong try; `asked` are the configurations the wallet names, or none."""
    if (shown := ticket.parse(text)) is None:
        return _unknown()
    await story.speak_for(shown.subject)
    db = await story()
    columns = tables.pre_authorized_code.c
    mine = columns.hash == shown.hash
    wanted = select(columns.configurations, columns.tx_code_hash, columns.device)
    query = wanted.where(_standing(shown, now)).with_for_update()
    stored, owner = (await db.execute(query)).one_or_none(), await subject.find(db, shown.subject)
    if stored is None or owner is None or owner.suspended_at is not None:
        return _unknown()
    if (denied := _refusal(stored, shown, tx_code, asked)) is None:
        await _set(db, mine, used_at=now)
        return Redeemed(owner, tuple(stored.configurations), stored.device)
    if denied is _WRONG:
        await _set(db, mine, tries=columns.tries + 1)
    return denied


async def void(db: AsyncConnection, owner: UUID, now: datetime) -> None:
    """Let no wallet redeem what was offered to `owner`, nor what they let a wallet fetch."""
    for table in (tables.pre_authorized_code, tables.authorization_code):
        columns = table.c
        open_ = (columns.subject == owner) & columns.used_at.is_(None) & (columns.expires_at > now)
        await db.execute(update(table).where(open_).values(used_at=now))


def _standing(shown: ticket.Ticket, now: datetime) -> ColumnElement[bool]:
    columns = tables.pre_authorized_code.c
    good = columns.used_at.is_(None) & (columns.expires_at > now) & (columns.tries < TRIES_MAX)
    return (columns.hash == shown.hash) & good


def _refusal(
    stored: Row[Any, Any, Any], shown: ticket.Ticket, tx_code: str | None, asked: frozenset[str]
) -> Denied | None:
    if (stored.tx_code_hash is None) != (tx_code is None):
        return Denied("invalid_request", "tx_code is missing" if tx_code is None else "tx_code is not expected")
    if tx_code is not None and not hmac.compare_digest(stored.tx_code_hash, _hash(shown, tx_code)):
        return _WRONG
    if not asked <= set(stored.configurations):
        return Denied("invalid_authorization_details", "the code is not for these configurations")
    return None


_WRONG = Denied("invalid_grant", "wrong tx_code")


def _unknown() -> Denied:
    return Denied("invalid_grant", "unknown, used or expired code")


def _hash(code: ticket.Ticket, tx_code: str) -> bytes:
    # A few digits are guessed in no time, unless what they are hashed with is secret too.
    return sha256(code.secret + tx_code.encode()).digest()


async def _set(db: AsyncConnection, mine: ColumnElement[bool], **values: object) -> None:
    await db.execute(update(tables.pre_authorized_code).where(mine).values(**values))
