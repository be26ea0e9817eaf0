"""A token: a number that stands for a card in one wallet or at one shop. The network's service keeps the numbers.

asks       app/http/partner/card_proofs.py    POST /v1/networks/{network}/tokens        ->  request()
           app/http/partner/card_proofs.py    POST …/tokens/{reference}/activation     ->  activate()
holds      app/http/mobile/card_tokens.py     suspend, resume, delete, show the code   ->  turn(), code()
proves     cards/proofs/evidence.py           token()      at each authorisation

The house decides whether a card may go into a wallet: yes, no, or yes once the holder shows that it is theirs, with a
code that the app shows. The code is made anew each time it is asked for; nothing of it is stored but the tries.
"""

import enum
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables
from cards.card import Card, State
from cards.hsm import des
from cards.payments.message import Channel
from cards.proofs import events
from cards.proofs import tables as secret_tables
from cards.proofs.presented import Code
from proof import journal
from proof.kms import Kms

CODE_LASTS = timedelta(minutes=10)
TRIES_MAX = 3
#: A card that is younger is asked about: who stole an account orders a card first.
_YOUNG = timedelta(days=1)
#: More requests in a day are somebody trying.
_PER_DAY = 5
_WINDOW = timedelta(days=1)
#: What wallets say of a phone and of an account, from 1 (never seen, or known for fraud) to 5.
_SCORE_LOW, _SCORE_FAIR = 1, 3


class Life(enum.StrEnum):
    """Where a token is in its life."""

    REQUESTED = "requested"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class Owner(enum.StrEnum):
    """Who paused a token; it pays again once each of them lets it."""

    HOLDER = "holder"
    NETWORK = "network"  # for its wallet: a phone was lost


class Act(enum.StrEnum):
    """What can be done to a token."""

    ACTIVATE = "activate"
    SUSPEND = "suspend"
    RESUME = "resume"
    DELETE = "delete"


LIFE = {
    (Life.REQUESTED, Act.ACTIVATE): Life.ACTIVE,
    (Life.REQUESTED, Act.DELETE): Life.DELETED,
    (Life.ACTIVE, Act.SUSPEND): Life.SUSPENDED,
    (Life.ACTIVE, Act.DELETE): Life.DELETED,
    (Life.SUSPENDED, Act.SUSPEND): Life.SUSPENDED,
    (Life.SUSPENDED, Act.RESUME): Life.ACTIVE,
    (Life.SUSPENDED, Act.DELETE): Life.DELETED,
}
#: Where each act leads, wherever it is done.
LEADS = {act: to for (_, act), to in LIFE.items()}
_FACTS = {
    Life.ACTIVE: events.TokenActivated,
    Life.SUSPENDED: events.TokenSuspended,
    Life.DELETED: events.TokenDeleted,
}


class Device(enum.StrEnum):
    """Where a token lives; at a shop it may be used for that shop alone."""

    PHONE = "phone"
    WATCH = "watch"
    TABLET = "tablet"
    COMPUTER = "computer"
    SHOP = "shop"


#: Where a token may be used, whatever its wallet asks for: what is kept at a shop is never held to a till.
CHANNELS = {
    Device.PHONE: frozenset({Channel.TOKEN, Channel.CONTACTLESS, Channel.ECOMMERCE}),
    Device.WATCH: frozenset({Channel.TOKEN, Channel.CONTACTLESS}),
    Device.TABLET: frozenset({Channel.ECOMMERCE}),
    Device.COMPUTER: frozenset({Channel.ECOMMERCE}),
    Device.SHOP: frozenset({Channel.ECOMMERCE, Channel.RECURRING}),
}


class Decision(enum.StrEnum):
    """What a wallet hears."""

    APPROVE = "approve"
    OTP = "otp"
    DECLINE = "decline"


class Doubt(enum.StrEnum):
    """Why not at once, or not at all."""

    CARD_UNUSABLE = "card_unusable"
    WRONG_CODE = "wrong_code"
    TOO_MANY = "too_many"
    DISTRUSTED_DEVICE = "distrusted_device"
    YOUNG_CARD = "young_card"
    UNPROVED_CARD = "unproved_card"
    UNKNOWN_DEVICE = "unknown_device"


_PAUSES = frozenset({Act.SUSPEND, Act.RESUME})
_REFUSES = frozenset({Doubt.CARD_UNUSABLE, Doubt.WRONG_CODE, Doubt.TOO_MANY, Doubt.DISTRUSTED_DEVICE})


class UnknownToken(Exception):
    """There is no such token, or it is somebody else's, which looks the same."""


class WrongTokenState(Exception):
    """The token's state knows no such act."""

    def __init__(self, act: Act, state: Life) -> None:
        super().__init__(act, state)
        self.act = act
        self.state = state


class OtherToken(Exception):
    """The network gave this name to a token of another card before."""


class ShopUnnamed(Exception):
    """A token of a shop names the shop, and no other does."""


class Wrong(enum.StrEnum):
    """Why a code was not taken. A value, not an exception: a wrong try is counted."""

    WRONG = "wrong"
    NO_TRIES_LEFT = "no_tries_left"
    EXPIRED = "expired"
    NOT_ASKED = "not_asked"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet asks. `proved` says what came of the CVV2 that was typed: right, wrong, or none was."""

    token: UUID
    network: str
    reference: str
    requestor: str
    device: Device
    last4: str
    merchant: str | None = None
    proved: bool | None = None
    device_score: int | None = None
    account_score: int | None = None


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it is now; `last4` is of its own number, `code_expires_at` of the code that activates it."""

    id: UUID
    holder: UUID
    card: UUID
    network: str
    reference: str
    requestor: str
    device: Device
    last4: str
    channels: tuple[str, ...]
    merchant: str | None
    state: Life
    paused_by: tuple[Owner, ...] = ()
    decision: Decision
    reasons: tuple[str, ...]
    code_tries: int
    code_expires_at: datetime | None
    requested_at: datetime
    version: int


def decide(asked: Asked, card: Card, *, lately: int, now: datetime) -> tuple[Decision, tuple[Doubt, ...]]:
    """Answer a wallet; `lately` is how often it was asked for this card since a day. All doubts are found."""
    score = min(asked.device_score or _SCORE_FAIR, asked.account_score or _SCORE_FAIR)
    told = asked.device_score is not None and asked.account_score is not None
    doubts = (
        (Doubt.CARD_UNUSABLE, card.state is not State.ACTIVE or card.frozen or bool(card.suspended)),
        # Who asks too often learns no more of the code: they may be guessing it.
        (Doubt.WRONG_CODE, asked.proved is False and lately < _PER_DAY),
        (Doubt.TOO_MANY, lately >= _PER_DAY),
        (Doubt.DISTRUSTED_DEVICE, score <= _SCORE_LOW),
        (Doubt.YOUNG_CARD, now - card.ordered_at < _YOUNG),
        (Doubt.UNPROVED_CARD, asked.proved is None),
        (Doubt.UNKNOWN_DEVICE, not told or score < _SCORE_FAIR),
    )
    found = tuple(doubt for doubt, holds in doubts if holds)
    if _REFUSES.intersection(found):
        return Decision.DECLINE, found
    return (Decision.OTP if found else Decision.APPROVE), found


async def request(db: AsyncConnection, asked: Asked, card: Card, *, now: datetime, at: datetime) -> Token:
    """Decide about a token of a card that was locked; the same question again is the same token.

    `now` is by the machine's clock, `at` by the installation's. Raises OtherToken.
    """
    if (known := await named(db, asked.network, asked.reference)) is not None:
        if known.card != card.id:
            raise OtherToken
        return known
    lately = await db.scalar(_LATELY, {"card": card.id, "since": now - _WINDOW})
    decision, doubts = decide(asked, card, lately=lately or 0, now=at)
    state = {Decision.APPROVE: Life.ACTIVE, Decision.OTP: Life.REQUESTED, Decision.DECLINE: Life.DELETED}[decision]
    made = Token(
        id=asked.token,
        holder=card.holder,
        card=card.id,
        network=asked.network,
        reference=asked.reference,
        requestor=asked.requestor,
        device=asked.device,
        last4=asked.last4,
        channels=tuple(sorted(CHANNELS[asked.device])),
        merchant=asked.merchant,
        state=state,
        decision=decision,
        reasons=tuple(doubts),
        code_tries=0,
        code_expires_at=now + CODE_LASTS if decision is Decision.OTP else None,
        requested_at=now,
        version=1,
    )
    await db.execute(insert(secret_tables.token).values(row(made)))
    event = events.TokenRequested(
        token=made.id,
        card=card.id,
        requestor=made.requestor,
        device=made.device,
        decision=decision,
        reasons=made.reasons,
    )
    await _record(db, made, event, actor=_network(made), at=at)
    if state is Life.ACTIVE:
        event_ = events.TokenActivated(token=made.id, card=card.id)
        await _record(db, made, event_, actor=_network(made), at=at)
    return made


def code(keys: Kms, token: Token) -> Code:
    """Make the six digits that activate a token; only its holder is shown them."""
    made = keys.blind("cards.token.code", f"{token.id}|{token.code_expires_at}")
    return Code(f"{int.from_bytes(made[:8]) % 1_000_000:06d}")


def code_ends(token: Token, now: datetime) -> datetime:
    """Say until when the code is taken; raises WrongTokenState where none is."""
    ends = token.code_expires_at
    if token.state is not Life.REQUESTED or ends is None or now >= ends or token.code_tries >= TRIES_MAX:
        raise WrongTokenState(Act.ACTIVATE, token.state)
    return ends


async def activate(
    db: AsyncConnection, token: Token, typed: Code, *, keys: Kms, now: datetime, at: datetime
) -> Token | Wrong:
    """Take the code that was typed into the wallet, for a token that was locked, or count a wrong try."""
    if token.state is not Life.REQUESTED or token.code_expires_at is None:
        return Wrong.NOT_ASKED
    if token.code_tries >= TRIES_MAX:
        return Wrong.NO_TRIES_LEFT
    if now >= token.code_expires_at:
        return Wrong.EXPIRED
    if not des.same(typed.value, code(keys, token).value):
        tries = token.code_tries + 1
        await _set(db, token, code_tries=tries)
        return Wrong.WRONG if tries < TRIES_MAX else Wrong.NO_TRIES_LEFT
    return await turn(db, token, Act.ACTIVATE, actor=_network(token), at=at)


async def turn(db: AsyncConnection, token: Token, act: Act, *, actor: str, at: datetime) -> Token:
    """Take a token that was locked one step through its life; raises WrongTokenState.

    Nobody lifts the pause of another, and each lifts their own once.
    """
    to, owner = LIFE.get((token.state, act)), _owner(actor)
    if to is None or (act in _PAUSES and is_done(token, act, owner)):
        raise WrongTokenState(act, token.state)
    paused_by = _paused_by(token, act, owner)
    if act is Act.RESUME and paused_by:
        to = Life.SUSPENDED
    after = await _set(db, token, state=to, paused_by=list(paused_by))
    if act is Act.RESUME and to is Life.SUSPENDED:
        return after  # somebody else still pauses it: what it can do is what it could
    await _record(db, after, _FACTS[to](token=token.id, card=token.card), actor=actor, at=at)
    return after


def is_done(token: Token, act: Act, owner: Owner) -> bool:
    """Say whether there is nothing left to do for who asks for it again."""
    if act in _PAUSES:
        return token.state in {Life.ACTIVE, Life.SUSPENDED} and (owner in token.paused_by) == (act is Act.SUSPEND)
    return token.state is LEADS[act]


def _paused_by(token: Token, act: Act, owner: Owner) -> tuple[Owner, ...]:
    others = tuple(each for each in token.paused_by if each is not owner)
    if act is Act.SUSPEND:
        return (*others, owner)
    return others if act is Act.RESUME else ()


def _owner(actor: str) -> Owner:
    return Owner.NETWORK if actor.startswith(("network:", "processor:")) else Owner.HOLDER


async def follow(db: AsyncConnection, before: UUID, after: UUID, *, actor: str, at: datetime) -> int:
    """Let the tokens of a replaced card stand for its successor, and say how many did: a phone goes on paying."""
    alive = (COLUMNS.card == before) & COLUMNS.state.in_((Life.ACTIVE, Life.SUSPENDED))
    tokens = [of_row(row) for row in await db.execute(SELECT.where(alive).with_for_update())]
    for each in tokens:
        followed = await _set(db, each, card=after)
        event = events.TokenFollowed(token=each.id, card=after, before=before)
        await _record(db, followed, event, actor=actor, at=at)
    return len(tokens)


async def end(db: AsyncConnection, cards: Collection[UUID], *, actor: str, at: datetime) -> int:
    """Delete the tokens of cards that were closed and not replaced, and say how many."""
    alive = COLUMNS.card.in_(cards) & (COLUMNS.state != Life.DELETED)
    tokens = [of_row(row) for row in await db.execute(SELECT.where(alive).with_for_update())]
    for each in tokens:
        await turn(db, each, Act.DELETE, actor=actor, at=at)
    return len(tokens)


async def locked(db: AsyncConnection, token: UUID) -> Token:
    """Read one that nobody else changes until this transaction ends; raises UnknownToken."""
    row = (await db.execute(SELECT.where(COLUMNS.id == token).with_for_update())).one_or_none()
    if row is None:
        raise UnknownToken
    return of_row(row)


async def named(db: AsyncConnection, network: str, reference: str) -> Token | None:
    """Read the one that a network calls `reference`, and lock it."""
    mine = (COLUMNS.network == network) & (COLUMNS.reference == reference)
    row = (await db.execute(SELECT.where(mine).with_for_update())).one_or_none()
    return None if row is None else of_row(row)


async def _set(db: AsyncConnection, token: Token, **changed: object) -> Token:
    values = {**changed, "version": token.version + 1}
    await db.execute(update(secret_tables.token).where(COLUMNS.id == token.id).values(**values))
    return msgspec.convert(msgspec.structs.asdict(token) | values, Token)


async def _record(db: AsyncConnection, token: Token, event: msgspec.Struct, *, actor: str, at: datetime) -> None:
    fact = journal.Fact(aggregate=token.id, holder=token.holder, at=at, actor=actor, event=event)
    await journal.append(db, tables.event, fact)


def _network(token: Token) -> str:
    return f"network:{token.network}"


COLUMNS = secret_tables.token.c
SELECT = select(*(COLUMNS[name] for name in Token.__struct_fields__))
_LATELY = text("SELECT count(*) FROM cards.token WHERE card = :card AND requested_at > :since")


def row(token: Token) -> dict[str, object]:
    """Give the columns of one."""
    return {
        **msgspec.structs.asdict(token),
        "channels": list(token.channels),
        "reasons": list(token.reasons),
        "paused_by": list(token.paused_by),
    }


def of_row(row: Row[tuple[object, ...]]) -> Token:
    """Make one of a row of SELECT."""
    return msgspec.convert(dict(zip(Token.__struct_fields__, row, strict=True)), Token)
