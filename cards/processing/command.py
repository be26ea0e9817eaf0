"""What leaves the house for a card processor is a row first, and stays one until the processor's answer is known.

asks       app/cards/processing.py      ask()       writes the row in the transaction of whatever led to it
carries    app/cards/processing.py      step()      the worker, with no transaction open, under the row's id as the key
keeps      cards/processing/command.py  add()       <- you are here

requested  nobody was asked                      -> sent
sent       the processor is being asked          -> done | refused | unknown: it did not answer
unknown    it may have done it or not            -> sent: asked again under the same key

A command waits until those before it on its line have ended: a card is not stopped before it is made.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables
from cards.card import Closing, Form, Limits
from cards.processing import events
from cards.processing.processor import Cardholder, Destination, Permits, Refused, Status
from cards.proofs.token import Life
from law.money import Currency
from proof import journal


class CreateCardholder(msgspec.Struct, frozen=True, tag="create_cardholder"):
    """Make somebody known."""

    cardholder: Cardholder


class UpdateCardholder(msgspec.Struct, frozen=True, tag="update_cardholder"):
    """Tell what changed about somebody."""

    cardholder: Cardholder


class IssueCard(msgspec.Struct, frozen=True, kw_only=True, tag="issue_card"):
    """Make a card that spends from `account` on `lane`; the rest is what its row will say."""

    card: UUID
    holder: UUID
    lane: int
    account: UUID
    form: Form
    currency: Currency
    limits: Limits
    denied: frozenset[str]
    issuance_basis: str
    notice_version: str
    notice_language: str
    ship_to: Destination | None = None


class ReplaceCard(msgspec.Struct, frozen=True, kw_only=True, tag="replace_card"):
    """Make `made` in the place of a card, as that one is."""

    card: UUID
    made: UUID
    why: Closing
    ship_to: Destination | None = None


class ShipCard(msgspec.Struct, frozen=True, kw_only=True, tag="ship_card"):
    """Say where a card is sent, as long as it is not on its way; `parcel` is what was made out here for it."""

    card: UUID
    to: Destination
    parcel: UUID | None = None


class SetStatus(msgspec.Struct, frozen=True, kw_only=True, tag="set_status"):
    """Stop a card, let it go on, or close it."""

    card: UUID
    status: Status
    why: Closing | None = None


class SetControls(msgspec.Struct, frozen=True, kw_only=True, tag="set_controls"):
    """Say what a card may do."""

    card: UUID
    permits: Permits


class SetPin(msgspec.Struct, frozen=True, kw_only=True, tag="set_pin"):
    """Set the PIN of a card: encrypted by the device for the processor, and as a part of this row once more."""

    card: UUID
    sealed: str

    def __repr__(self) -> str:
        return f"SetPin({self.card})"


class SetToken(msgspec.Struct, frozen=True, kw_only=True, tag="set_token"):
    """Make a card in a wallet what it is here."""

    card: UUID
    token: UUID
    state: Life


Command = (
    CreateCardholder
    | UpdateCardholder
    | IssueCard
    | ReplaceCard
    | ShipCard
    | SetStatus
    | SetControls
    | SetPin
    | SetToken
)


def about(asked: Command, holder: UUID) -> tuple[str, UUID]:
    """Name what is asked about, and its kind: what the processor has a name for."""
    match asked:
        case CreateCardholder() | UpdateCardholder():
            return "cardholder", holder
        case SetToken():
            return "token", asked.token
        case _:
            return "card", asked.card


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A command on its way. `sealed` is what it says; `leased_until` is this worker's lease."""

    id: UUID
    processor: str
    kind: str
    line: UUID
    about: UUID
    holder: UUID
    sealed: bytes
    attempts: int
    leased_until: datetime


class New(msgspec.Struct, frozen=True, kw_only=True):
    """A command to be written: `sealed` is encrypted for its place by who asks."""

    id: UUID
    processor: str
    kind: str
    line: UUID
    about: UUID
    holder: UUID
    sealed: bytes


async def add(db: AsyncConnection, new: New, *, actor: str, due_at: datetime, at: datetime) -> None:
    """Write a command, due at once by the machine's clock; `at` is the installation's."""
    await db.execute(_ADD, {**msgspec.structs.asdict(new), "due_at": due_at, "at": at})
    told = events.ProcessorAsked(command=new.id, processor=new.processor, kind=new.kind, about=new.about)
    await _tell(db, new, told, actor=actor, at=at)


async def claim(db: AsyncConnection, *, now: datetime, until: datetime, limit: int) -> list[Row]:
    """Take what is due and first on its line, and keep other workers off it `until` then (machine's clock)."""
    rows = await db.execute(_CLAIM, {"now": now, "until": until, "limit": limit})
    return [msgspec.convert(row._asdict(), Row) for row in rows]


async def done(db: AsyncConnection, row: Row, reference: str, *, at: datetime) -> bool:
    """End a command that was carried out; False where another worker has it by now, and then nothing is to be done."""
    ended = await db.scalar(_END, {"id": row.id, "leased_until": row.leased_until, "at": at, "reason": None})
    if ended:
        told = events.ProcessorDid(
            command=row.id, processor=row.processor, kind=row.kind, about=row.about, reference=reference
        )
        await _tell(db, row, told, actor=f"processor:{row.processor}", at=at)
    return bool(ended)


async def refused(db: AsyncConnection, row: Row, said: Refused, *, at: datetime) -> bool:
    """End a command the processor will not carry out; False where another worker has it by now."""
    given = {"id": row.id, "leased_until": row.leased_until, "at": at, "reason": said.why.value}
    ended = await db.scalar(_END, given)
    if ended:
        told = events.ProcessorRefused(
            command=row.id, processor=row.processor, kind=row.kind, about=row.about, reason=said.why
        )
        await _tell(db, row, told, actor=f"processor:{row.processor}", at=at)
        await db.execute(_DETAIL, {"id": row.id, "trouble": said.detail[:200]})
    return bool(ended)


async def later(db: AsyncConnection, row: Row, *, due_at: datetime, trouble: str) -> None:
    """Ask again at `due_at` (machine's clock), unless another worker has it by now."""
    given = {"id": row.id, "leased_until": row.leased_until, "due_at": due_at, "trouble": trouble[:200]}
    await db.execute(_LATER, given)


async def refusals(db: AsyncConnection, row: Row) -> int:
    """Say how often this was refused since it was last done, this time included."""
    given = {"holder": row.holder, "about": row.about, "kind": row.kind}
    return int(await db.scalar(_REFUSALS, given) or 0)


async def tell(db: AsyncConnection, row: Row, told: msgspec.Struct, *, at: datetime) -> None:
    """Tell what came of a command for whose it was."""
    await _tell(db, row, told, actor=f"processor:{row.processor}", at=at)


async def _tell(db: AsyncConnection, row: New | Row, told: msgspec.Struct, *, actor: str, at: datetime) -> None:
    fact = journal.Fact(aggregate=row.id, holder=row.holder, at=at, actor=actor, event=told)
    await journal.append(db, tables.event, fact)


_ADD = text(
    """
    INSERT INTO cards.command (id, processor, kind, line, about, holder, sealed, state, due_at, asked_at)
    VALUES (:id, :processor, :kind, :line, :about, :holder, :sealed, 'requested', :due_at, :at)
    """
)
_CLAIM = text(
    """
    UPDATE cards.command SET state = 'sent', leased_until = :until, attempts = attempts + 1
    WHERE id IN (
        SELECT id FROM cards.command
        WHERE due_at <= :now AND (leased_until IS NULL OR leased_until <= :now)
          AND NOT EXISTS (SELECT FROM cards.command AS earlier WHERE earlier.line = command.line
                          AND earlier.id < command.id AND earlier.due_at IS NOT NULL)
        ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id, processor, kind, line, about, holder, sealed, attempts, leased_until
    """
)
_END = text(
    """
    UPDATE cards.command SET state = CASE WHEN CAST(:reason AS text) IS NULL THEN 'done' ELSE 'refused' END,
        reason = :reason, due_at = NULL, leased_until = NULL, trouble = NULL, sealed = NULL, ended_at = :at
    WHERE id = :id AND leased_until = :leased_until RETURNING true
    """
)
_DETAIL = text("UPDATE cards.command SET trouble = :trouble WHERE id = :id")
_REFUSALS = text(
    """
    SELECT count(*) FROM cards.command AS refused
    WHERE holder = :holder AND about = :about AND kind = :kind AND state = 'refused'
      AND NOT EXISTS (SELECT FROM cards.command AS done WHERE done.holder = :holder AND done.about = :about
                      AND done.kind = :kind AND done.state = 'done' AND done.id > refused.id)
    """
)
_LATER = text(
    """
    UPDATE cards.command SET state = 'unknown', due_at = :due_at, leased_until = NULL, trouble = :trouble
    WHERE id = :id AND leased_until = :leased_until
    """
)
