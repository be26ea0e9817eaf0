"""A look at the number: confirmed once, good for a minute, shown once to one key of a device, and remembered.

confirms   app/http/mobile/card_secrets.py    POST /v1/cards/{id}/reveals            ->  grant()
shows      app/http/mobile/card_secrets.py    POST /v1/card-reveals/{id}/number      ->  show()

What is shown beside the number is a CVV2 of the moment; nothing of either is kept.
"""

from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import events, tables
from cards.card import Card, WrongState
from cards.hsm import verification
from cards.hsm.port import Hsm, Plate
from cards.programme import change
from cards.proofs import pan
from cards.proofs import tables as secret_tables
from cards.proofs.pan import Pan
from cards.proofs.presented import Code
from proof import journal
from proof.kms import Kms

LIFETIME = timedelta(seconds=60)
#: Somebody who looks more often is copying, or is not the holder.
PER_DAY_MAX = 20
_DAY = timedelta(days=1)


class TooManyLooks(Exception):
    """The number was asked for too often today."""


class LookSpent(Exception):
    """There is no such look of this holder, it was used, or its minute is over: all look the same."""


class Grant(msgspec.Struct, frozen=True):
    """A confirmed look."""

    id: UUID
    expires_at: datetime


class Shown(NamedTuple):
    """What the holder sees, and until when the code is good. It prints nothing of it."""

    number: Pan
    expires_on: date
    code: Code
    code_ends_at: datetime
    jwk: str


async def grant(db: AsyncConnection, card: Card, jwk: str, *, look: UUID, now: datetime) -> Grant:
    """Let the holder of a card that was locked look once, with the device key `jwk`.

    `now` is by the machine's clock. Raises WrongState, TooManyLooks.
    """
    if not card.alive:
        raise WrongState("reveal", card.state)
    await db.execute(_FORGET, {"card": card.id, "before": now - _DAY})
    lately = await db.scalar(_LATELY, {"card": card.id})
    if lately is not None and lately >= PER_DAY_MAX:
        raise TooManyLooks
    made = Grant(look, now + LIFETIME)
    row = {"id": look, "holder": card.holder, "card": card.id, "jwk": jwk, "granted_at": now}
    await db.execute(insert(secret_tables.reveal).values(**row, expires_at=made.expires_at))
    return made


async def show(
    db: AsyncConnection, look: UUID, *, hsm: Hsm, keys: Kms, actor: str, now: datetime, at: datetime
) -> Shown:
    """Use a look up; raises LookSpent, WrongState. `now` is by the machine's clock, `at` by the installation's."""
    row = (await db.execute(_USE, {"look": look, "now": now})).one_or_none()
    if row is None:
        raise LookSpent
    card = await change.locked(db, row.card)
    if not card.alive:
        raise WrongState("reveal", card.state)
    kept = await pan.read(db, keys, card.id)
    assert kept is not None, "a card that its holder can see has a number that its holder can see"
    event = events.CardRevealed(card=card.id)
    fact = journal.Fact(aggregate=card.id, holder=card.holder, at=at, actor=actor, event=event)
    await journal.append(db, tables.event, fact)
    code = hsm.code_at(Plate(kept.number, card.expires_on, kept.plate_version), now)
    return Shown(kept.number, card.expires_on, code, verification.bucket_ends(now), row.jwk)


# That there was a look, its event says; here they are only counted.
_FORGET = text("DELETE FROM cards.reveal WHERE card = :card AND granted_at <= :before")
_LATELY = text("SELECT count(*) FROM cards.reveal WHERE card = :card")
_USE = text(
    """
    UPDATE cards.reveal SET used_at = :now WHERE id = :look AND used_at IS NULL AND expires_at > :now
    RETURNING card, jwk
    """
)
