"""The PIN of a card: set by its holder, tried at terminals, blocked after three wrong ones.

sets       app/http/mobile/card_secrets.py    POST /v1/cards/{id}/pin             ->  set_()
unblocks   app/http/mobile/card_secrets.py    POST /v1/cards/{id}/pin/unblocking  ->  unblock()
changes    app/http/partner/card_proofs.py    POST /v1/networks/{network}/pin-changes  ->  change()
tries      cards/proofs/evidence.py           pin()

What is stored is four digits that verify and lead nowhere (PVV), in the vault; the PIN is never outside of the machine
(cards/hsm). Wrong tries are counted in a row that stays locked from the look to the count.
"""

import enum
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables
from cards.card import Card, State, WrongState
from cards.hsm.port import Hsm, Pvv
from cards.proofs import events, pan
from cards.proofs.pan import Pan
from cards.proofs.presented import Bytes, PinBlock
from proof import journal
from proof.kms import Kms

TRIES_MAX = 3


class Standing(enum.StrEnum):
    """What there is of a PIN."""

    NOT_SET = "not_set"
    OK = "ok"
    BLOCKED = "blocked"
    ELSEWHERE = "elsewhere"  # whoever processes the card keeps it, and says nothing of it


class Pin(msgspec.Struct, frozen=True):
    """What may be said of a PIN."""

    standing: Standing
    tries_left: int
    set_at: datetime | None


class PinNotSet(Exception):
    """The card has no PIN yet."""


class PinNotBlocked(Exception):
    """The PIN was not typed wrong three times."""


class Changed(enum.StrEnum):
    """What became of a change at a terminal."""

    DONE = "done"
    WRONG = "wrong"
    BLOCKED = "blocked"
    NOT_SET = "not_set"


async def of(db: AsyncConnection, card: UUID) -> Pin:
    """Say how the PIN of a card of the resident this transaction speaks for stands."""
    row = (await db.execute(_OF, {"card": card})).one_or_none()
    if row is None:
        return Pin(Standing.NOT_SET, 0, None)
    left = TRIES_MAX - row.tries
    return Pin(Standing.OK if left else Standing.BLOCKED, left, row.set_at)


async def set_(
    db: AsyncConnection, card: Card, letter: str, *, name: str, hsm: Hsm, keys: Kms, actor: str, at: datetime
) -> None:
    """Give a card that was locked a new PIN, with all its tries; the letter names it as its holder does.

    Raises WrongState, cards.hsm.port.WeakPin, cards.hsm.letter.BadLetter.
    """
    if card.state is State.CLOSED:
        raise WrongState("set_pin", card.state)
    kept = await pan.read(db, keys, card.id)
    assert kept is not None, "a card that its holder can see has a number that its holder can see"
    stored = hsm.pin_value(kept.number, letter, card=name)
    await db.scalar(_SET, {"card": card.id, "pvv": stored.value.value, "version": stored.version, "at": at})
    await _record(db, card, events.PinSet(card=card.id), actor=actor, at=at)


async def unblock(db: AsyncConnection, card: Card, *, actor: str, at: datetime) -> None:
    """Let the PIN of a card that was locked be tried again; raises WrongState, PinNotSet, PinNotBlocked."""
    if card.state is State.CLOSED:
        raise WrongState("unblock_pin", card.state)
    match (await of(db, card.id)).standing:
        case Standing.NOT_SET:
            raise PinNotSet
        case Standing.OK:
            raise PinNotBlocked
        case Standing.ELSEWHERE:
            raise AssertionError("only of a card of another processor")
        case Standing.BLOCKED:
            await db.scalar(_UNBLOCK, {"card": card.id})
            await _record(db, card, events.PinUnblocked(card=card.id), actor=actor, at=at)


async def change(
    db: AsyncConnection, card: Card, number: Pan, old: PinBlock, new: PinBlock, *, hsm: Hsm, actor: str, at: datetime
) -> Changed:
    """Take the PIN that was typed at a terminal for the old one, and the one typed after it for the new.

    A wrong old one counts like everywhere. Raises cards.hsm.port.WeakPin, UnknownKey, cards.hsm.pinblock.BadBlock,
    WrongState; then nothing is counted.
    """
    if card.state is not State.ACTIVE:
        raise WrongState("change_pin", card.state)
    row = (await db.execute(_TYPED, {"cards": [card.id]})).one_or_none()
    if row is None:
        return Changed.NOT_SET
    if row.tries >= TRIES_MAX:
        return Changed.BLOCKED
    if not hsm.is_pin(number, old, Pvv(Bytes(row.pvv), row.version)):
        await db.execute(_COUNT, {"cards": [card.id], "tries": [row.tries + 1]})
        return Changed.WRONG if row.tries + 1 < TRIES_MAX else Changed.BLOCKED
    stored = hsm.pin_value(number, new, card="")
    changed = {"card": card.id, "pvv": stored.value.value, "version": stored.version, "at": at}
    await db.execute(_CHANGE, changed)
    await _record(db, card, events.PinSet(card=card.id, at_terminal=True), actor=actor, at=at)
    return Changed.DONE


async def _record(db: AsyncConnection, card: Card, event: msgspec.Struct, *, actor: str, at: datetime) -> None:
    fact = journal.Fact(aggregate=card.id, holder=card.holder, at=at, actor=actor, event=event)
    await journal.append(db, tables.event, fact)


_OF = text("SELECT tries, set_at FROM card_vault.pin_of(:card)")
_SET = text("SELECT card_vault.set_pin(:card, :pvv, :version, :at)")
_UNBLOCK = text("SELECT card_vault.unblock_pin(:card)")
_TYPED = text("SELECT pvv, version, tries FROM card_vault.typed_pins(CAST(:cards AS uuid[]))")
_COUNT = text("SELECT card_vault.count_pins(CAST(:cards AS uuid[]), CAST(:tries AS integer[]))")
_CHANGE = text("SELECT card_vault.change_pin(:card, :pvv, :version, :at)")
