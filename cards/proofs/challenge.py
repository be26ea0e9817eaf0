"""A challenge of 3-D Secure: a shop's bank asks, the holder sees who wants how much, and says yes or no in the app.

asks       app/http/partner/card_proofs.py       POST /v1/networks/{network}/challenges  ->  ask()
answers    app/http/mobile/card_challenges.py    approve(), decline()
proves     cards/proofs/evidence.py              yes()       at the authorisation that follows

The yes becomes twenty bytes that stand for this merchant and this amount alone (Hsm.authentication). They are made
again from the row each time somebody asks for them, and are used up by one approved authorisation.
"""

import enum
import secrets
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables
from cards.card import Card, State
from cards.hsm.port import Bound, Hsm
from cards.payments.payment import Merchant
from cards.proofs import events
from cards.proofs import tables as secret_tables
from cards.proofs.pan import Pan
from cards.proofs.presented import Bytes
from law.money import Currency, Money
from proof import journal

#: How long a shop waits for its customer (EMV 3-D Secure 2.3, challenge timeout of a browser session).
LIFETIME = timedelta(minutes=10)
#: So many in an hour that the holder did not agree to, and no more are asked: who is asked often enough says yes.
UNAGREED_MAX = 5
_WINDOW = timedelta(hours=1)
#: The sequence number of a challenge: bytes 3 to 6 of its value, so that who has the value finds the challenge.
_PLACE = slice(2, 6)
_SEQUENCES = 2**32


class Status(enum.StrEnum):
    """How a challenge stands."""

    ASKED = "asked"
    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"


class UnknownChallenge(Exception):
    """There is no such challenge, or it is somebody else's, which looks the same."""


class ChallengeAnswered(Exception):
    """It was answered before."""


class ChallengeExpired(Exception):
    """Nobody waits for the answer any more."""


class CardUnusable(Exception):
    """The card can't pay now, so its holder is not asked."""


class TooManyChallenges(Exception):
    """The holder was asked about this card too often lately, and did not agree."""


class OtherChallenge(Exception):
    """The network gave this name to another purchase before."""


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """What its holder is asked. `amount` is what the shop shows, in its own currency."""

    id: UUID
    holder: UUID
    card: UUID
    network: str
    transaction: str
    sequence: int
    merchant_name: str
    merchant_id: str
    merchant_country: str
    amount_minor: int
    currency: str
    asked_at: datetime
    expires_at: datetime
    answered_at: datetime | None = None
    approved: bool | None = None

    @property
    def amount(self) -> Money:
        """What the holder agrees to, at most."""
        return Money(self.amount_minor, Currency.of(self.currency))

    def status(self, now: datetime) -> Status:
        """Say how it stands at `now`, by the machine's clock."""
        if self.approved is not None:
            return Status.APPROVED if self.approved else Status.DECLINED
        return Status.ASKED if now < self.expires_at else Status.EXPIRED

    def value(self, hsm: Hsm, number: Pan) -> Bytes:
        """Answer what the holder's yes is to the network; only for one that was approved."""
        assert self.approved, "a value is made of a yes"
        return hsm.authentication(number, bound(self.id, self.sequence, self.merchant_id, self.amount))


def bound(challenge: UUID, number: int, merchant: str, amount: Money) -> Bound:
    """Say what a value stands for."""
    return Bound(challenge=challenge, sequence=number, merchant=merchant, amount=amount)


def sequence(value: bytes) -> int:
    """Read the sequence number in a value; -1 where there is none."""
    return int.from_bytes(value[_PLACE]) if len(value) >= _PLACE.stop else -1


async def ask(
    db: AsyncConnection,
    card: Card,
    merchant: Merchant,
    amount: Money,
    *,
    challenge: UUID,
    network: str,
    transaction: str,
    now: datetime,
    at: datetime,
) -> Challenge:
    """Ask the holder of a card; the same question again is the same challenge. `now` is by the machine's clock.

    Raises CardUnusable, OtherChallenge, TooManyChallenges. The card is locked: nobody else asks about it meanwhile.
    """
    if (known := await named(db, network, transaction)) is not None:
        if (known.card, known.merchant_id, known.amount) != (card.id, merchant.id, amount):
            raise OtherChallenge
        return known
    if card.state is not State.ACTIVE or card.frozen or card.suspended:
        raise CardUnusable
    lately = (_COLUMNS.card == card.id) & (_COLUMNS.asked_at > now - _WINDOW) & _COLUMNS.approved.is_not(True)
    if (await db.scalar(select(func.count()).where(lately)) or 0) >= UNAGREED_MAX:
        raise TooManyChallenges
    made = Challenge(
        id=challenge,
        holder=card.holder,
        card=card.id,
        network=network,
        transaction=transaction,
        sequence=secrets.randbelow(_SEQUENCES),
        merchant_name=merchant.name,
        merchant_id=merchant.id,
        merchant_country=merchant.country,
        amount_minor=amount.minor,
        currency=str(amount.currency),
        asked_at=now,
        expires_at=now + LIFETIME,
    )
    await db.execute(insert(secret_tables.challenge).values(msgspec.structs.asdict(made)))
    event = events.ChallengeAsked(
        challenge=made.id,
        card=card.id,
        amount_minor=amount.minor,
        currency=str(amount.currency),
        expires_at=made.expires_at,
    )
    await _record(db, made, event, actor=f"network:{network}", at=at)
    return made


async def find(db: AsyncConnection, challenge: UUID) -> Challenge:
    """Read one; raises UnknownChallenge."""
    row = (await db.execute(_SELECT.where(_COLUMNS.id == challenge))).one_or_none()
    if row is None:
        raise UnknownChallenge
    return _challenge(row)


async def named(db: AsyncConnection, network: str, transaction: str) -> Challenge | None:
    """Read the one that a network calls `transaction`."""
    mine = (_COLUMNS.network == network) & (_COLUMNS.transaction == transaction)
    row = (await db.execute(_SELECT.where(mine))).one_or_none()
    return None if row is None else _challenge(row)


async def of_holder(db: AsyncConnection, holder: UUID, *, after: UUID | None, limit: int) -> list[Challenge]:
    """List what a resident was asked, the newest first, from after `after`."""
    mine = _COLUMNS.holder == holder
    wanted = mine if after is None else mine & (_COLUMNS.id < after)
    rows = await db.execute(_SELECT.where(wanted).order_by(_COLUMNS.id.desc()).limit(limit))
    return [_challenge(row) for row in rows]


async def answer(
    db: AsyncConnection,
    asked: Challenge,
    *,
    approved: bool,
    step_up: UUID | None,
    actor: str,
    now: datetime,
    at: datetime,
) -> Challenge:
    """Say yes or no, once, in time; raises ChallengeAnswered, ChallengeExpired."""
    if asked.approved is not None:
        raise ChallengeAnswered
    if now >= asked.expires_at:
        raise ChallengeExpired
    unanswered = (_COLUMNS.id == asked.id) & _COLUMNS.approved.is_(None)
    said = {"approved": approved, "answered_at": now, "step_up": step_up}
    done = await db.execute(update(secret_tables.challenge).where(unanswered).values(**said).returning(_COLUMNS.id))
    if done.one_or_none() is None:
        raise ChallengeAnswered
    event: msgspec.Struct = events.ChallengeDeclined(challenge=asked.id, card=asked.card)
    if approved:
        event = events.ChallengeApproved(challenge=asked.id, card=asked.card, step_up=step_up)
    await _record(db, asked, event, actor=actor, at=at)
    return msgspec.structs.replace(asked, approved=approved, answered_at=now)


async def _record(db: AsyncConnection, about: Challenge, event: msgspec.Struct, *, actor: str, at: datetime) -> None:
    fact = journal.Fact(aggregate=about.id, holder=about.holder, at=at, actor=actor, event=event)
    await journal.append(db, tables.event, fact)


_COLUMNS = secret_tables.challenge.c
_SELECT = select(*(_COLUMNS[name] for name in Challenge.__struct_fields__))


def _challenge(row: Row[tuple[object, ...]]) -> Challenge:
    return Challenge(**row._mapping)  # noqa: SLF001  the columns are the fields
