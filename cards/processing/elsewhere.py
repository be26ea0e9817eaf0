"""A card that another processor made comes to be here: its row, the names both sides have for it, and its life.

asks       app/cards/processing.py          step()       what the processor answered
keeps      cards/processing/elsewhere.py    made()       <- you are here
decides    cards/payments/swipe.py          for every question, as for a card of our own

It is no card of the national programme: its basis is the operator's agreement with the processor, its number is where
we never see it, and the programme's caps don't count it (cards/programme/place.py).
"""

import hashlib
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import events, tables
from cards.card import BEGINS, Act, Card, State
from cards.processing import tables as processor_tables
from cards.processing.command import IssueCard, ReplaceCard
from cards.processing.processor import Issued, Permits, Status
from cards.programme import change
from cards.programme import tables as programme_tables
from law import calendar

_REFERENCE = processor_tables.reference


def status(card: Card) -> Status:
    """Say what a card's processor is to make true of it: flags of ours are no states of theirs."""
    if not card.alive:
        return Status.CLOSED
    usable = card.state is State.ACTIVE and not card.frozen and not card.suspended
    return Status.ACTIVE if usable else Status.INACTIVE


def permits(card: Card, denied: frozenset[str]) -> Permits:
    """Say what its processor is to let it do."""
    return Permits(limits=card.limits, controls=card.controls, denied=denied)


def digest(permitted: Permits) -> bytes:
    """Recognise what was asked before."""
    return hashlib.sha256(msgspec.json.encode(permitted, order="deterministic")).digest()


def ordered(asked: IssueCard, issued: Issued, *, processor: str, at: datetime) -> Card:
    """Say what a card is that was ordered; of a virtual one there is nothing to make or to send."""
    return Card(
        id=asked.card,
        holder=asked.holder,
        lane=asked.lane,
        account=asked.account,
        form=asked.form,
        last4=issued.last4,
        currency=asked.currency,
        expires_on=issued.expires_on,
        issuance_basis=asked.issuance_basis,
        notice_version=asked.notice_version,
        ordered_at=at,
        version=1,
        state=BEGINS[asked.form],
        limits=asked.limits,
        processor=processor,
    )


def heir(before: Card, asked: ReplaceCard, issued: Issued, *, at: datetime) -> Card:
    """Say what a card is in the place of another: its account, its settings and what somebody else forbade go on."""
    return Card(
        id=asked.made,
        holder=before.holder,
        lane=before.lane,
        account=before.account,
        form=before.form,
        last4=issued.last4,
        currency=before.currency,
        expires_on=issued.expires_on,
        issuance_basis=before.issuance_basis,
        notice_version=before.notice_version,
        ordered_at=at,
        version=1,
        state=BEGINS[before.form],
        limits=before.limits,
        processor=before.processor,
        replaces=before.id,
        suspended=before.suspended,
        controls=before.controls,
        trips=before.trips,
    )


async def made(
    db: AsyncConnection, card: Card, issued: Issued, *, denied: frozenset[str], language: str, at: datetime
) -> Card:
    """Write a card that its processor made; one that it lets be used is active here, and its predecessor ends."""
    await db.execute(insert(tables.card).values(**_row(card), notice_language=language))
    ends_at = calendar.day_starts(card.expires_on + timedelta(days=1))
    await db.execute(insert(programme_tables.term).values(card=card.id, holder=card.holder, ends_at=ends_at))
    fact = events.CardOrdered(
        card=card.id,
        form=card.form,
        issuance_basis=card.issuance_basis,
        notice_version=card.notice_version,
        expires_on=card.expires_on,
        replaces=card.replaces,
    )
    actor = f"processor:{card.processor}"
    await change.record(db, card, fact, actor=actor, at=at)
    if issued.status is Status.ACTIVE:
        card = await change.turn(db, card, Act.ACTIVATE, actor=actor, at=at)
    await db.execute(
        insert(_REFERENCE).values(
            processor=card.processor,
            reference=issued.reference,
            kind="card",
            ours=card.id,
            holder=card.holder,
            status=issued.status,
            permits=digest(permits(card, denied)),
            at=at,
        )
    )
    return card


async def language_of(db: AsyncConnection, card: UUID) -> str:
    """Say in which language the holder of a card read what they accepted."""
    found: str = (await db.execute(_LANGUAGE, {"card": card})).scalar_one()
    return found


async def name(
    db: AsyncConnection, *, processor: str, kind: str, reference: str, ours: UUID, holder: UUID, at: datetime
) -> None:
    """Remember what a processor calls something of ours."""
    values = {"processor": processor, "kind": kind, "reference": reference, "ours": ours, "holder": holder, "at": at}
    await db.execute(insert(_REFERENCE).values(**values))


async def reference(db: AsyncConnection, *, processor: str, kind: str, ours: UUID) -> str | None:
    """Say what a processor calls something of ours; None where it does not know it."""
    found: str | None = await db.scalar(_NAMED, {"processor": processor, "kind": kind, "ours": ours})
    return found


class Untold(msgspec.Struct, frozen=True, kw_only=True):
    """A card that changed here since its processor was last told, or something of which it would not hear.

    `status` and `permits` are what it was told of a card, None where it refused.
    """

    processor: str
    kind: str
    ours: UUID
    holder: UUID
    status: Status | None
    permits: bytes | None


async def untold(db: AsyncConnection, limit: int) -> list[tuple[UUID, UUID]]:
    """List cards and tokens of which processors are to be told, each with its holder."""
    return [(row.ours, row.holder) for row in await db.execute(_UNTOLD, {"limit": limit})]


async def lock(db: AsyncConnection, ours: UUID) -> Untold | None:
    """Keep other workers from telling of a card or a token; None where its processor is told by now."""
    row = (await db.execute(_LOCK, {"ours": ours})).one_or_none()
    return None if row is None else msgspec.convert(row._asdict(), Untold, strict=False)


async def told(db: AsyncConnection, card: Untold, status: Status, permitted: bytes) -> None:
    """Note what a card's processor is being asked to make true."""
    given = {"processor": card.processor, "card": card.ours, "status": status.value, "permits": permitted}
    await db.execute(_TOLD, given)


async def later(db: AsyncConnection, ours: UUID, *, due_at: datetime) -> None:
    """Let a card or a token wait whose processor could not be told (machine's clock), unless it is told by now."""
    await db.execute(_PUT_OFF, {"ours": ours, "due_at": due_at})


async def owe(db: AsyncConnection, processor: str, token: UUID, *, due_at: datetime | None) -> None:
    """Have a processor told at `due_at` (machine's clock) what a token is here; None once it is asked or was told."""
    await db.execute(_OWE, {"processor": processor, "token": token, "due_at": due_at})


async def unheard(
    db: AsyncConnection, processor: str, card: UUID, what: Literal["status", "permits"], *, due_at: datetime
) -> None:
    """Have a processor that would not hear `what` told again at `due_at` (machine's clock), or with the next change."""
    await db.execute(_UNHEARD, {"processor": processor, "card": card, "what": what, "due_at": due_at})


def _row(card: Card) -> dict[str, object]:
    return {
        "id": card.id,
        "lane": card.lane,
        "holder": card.holder,
        "account": card.account,
        "form": card.form,
        "last4": card.last4,
        "currency": str(card.currency),
        "expires_on": card.expires_on,
        "issuance_basis": card.issuance_basis,
        "notice_version": card.notice_version,
        "ordered_at": card.ordered_at,
        "processor": card.processor,
        "replaces": card.replaces,
    }


_LANGUAGE = text("SELECT notice_language FROM cards.card WHERE id = :card")
_NAMED = text(
    "SELECT reference FROM cards.processor_reference WHERE processor = :processor AND kind = :kind AND ours = :ours"
)
_UNTOLD = text("SELECT ours, holder FROM cards.processor_reference WHERE due_at <= now() ORDER BY due_at LIMIT :limit")
_OWE = text(
    """
    UPDATE cards.processor_reference SET due_at = :due_at
    WHERE processor = :processor AND kind = 'token' AND ours = :token
    """
)
_UNHEARD = text(
    """
    UPDATE cards.processor_reference SET due_at = least(due_at, :due_at),
        status = CASE WHEN :what <> 'status' THEN status END, permits = CASE WHEN :what <> 'permits' THEN permits END
    WHERE processor = :processor AND kind = 'card' AND ours = :card
    """
)
_LOCK = text(
    """
    SELECT processor, kind, ours, holder, status, permits FROM cards.processor_reference
    WHERE ours = :ours AND due_at IS NOT NULL FOR UPDATE
    """
)
_PUT_OFF = text("UPDATE cards.processor_reference SET due_at = :due_at WHERE ours = :ours AND due_at IS NOT NULL")
_TOLD = text(
    """
    UPDATE cards.processor_reference SET status = :status, permits = :permits, due_at = NULL
    WHERE processor = :processor AND kind = 'card' AND ours = :card
    """
)
