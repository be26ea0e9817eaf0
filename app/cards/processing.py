"""Cards that another processor answers for: what it is asked leaves the house row by row, and what comes of it is kept.

asks       app/cards/processing.py          ask()        a row, in the transaction of whatever led to it
notices    app/cards/processing.py          step()       a card that changed here: its processor is told
carries    app/cards/processing.py          step()       the worker <- you are here
           app/partners/stripe_issuing/issuer.py         StripeIssuing

No transaction is open while the network is. The row's id is the key of the request: asked again it has one effect.
"""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db, ids, vault
from app.cards import parcels
from app.house import House
from app.partners.stripe_issuing import strays
from app.partners.stripe_issuing.issuer import CODE, StripeIssuing
from app.partners.stripe_issuing.programme import StripeProgramme
from app.vault import Vault
from cards import card as cards_card
from cards.card import Form
from cards.processing import command, elsewhere, events
from cards.processing.command import (
    Command,
    CreateCardholder,
    IssueCard,
    New,
    ReplaceCard,
    Row,
    SetControls,
    SetPin,
    SetStatus,
    SetToken,
    ShipCard,
    UpdateCardholder,
)
from cards.processing.elsewhere import Untold
from cards.processing.processor import (
    Done,
    Issued,
    NewCard,
    Permits,
    Refused,
    Shown,
    Status,
    Successor,
    Unknown,
    Why,
)
from cards.programme import change, shipping
from cards.proofs import token
from law import calendar
from law.regime import PROGRAMME, NoRegime

SIZE_MAX = 20
_LEASE = timedelta(seconds=90)
_BACKOFF_FIRST = timedelta(seconds=2)
_BACKOFF_MAX = timedelta(hours=1)
#: What was refused is asked again, until it is done: never so soon that Stripe is only bothered.
_AGAIN_FIRST, _AGAIN_MAX = timedelta(minutes=1), timedelta(hours=6)
#: Stripe forgets keys after 24 hours, and would make another one then.
KEY_LASTS = timedelta(hours=23)
_DECODER = msgspec.json.Decoder(Command)
_TABLE, _COLUMN = "cards.command", "sealed"

__all__ = ["CODE", "NotAnswered", "NotGranted", "NotOffered", "ask", "denied", "line", "programme", "read", "step"]

_log = structlog.get_logger()

Answer = Done | Issued | Refused | Unknown


class NotOffered(Exception):
    """This installation has no programme with another processor."""


class NotAnswered(Exception):
    """The processor did not answer; nobody knows what it did, and asking again does no harm."""


class NotGranted(Exception):
    """The processor will not do it."""


def line(house: House) -> StripeIssuing:
    """Give the line to the processor that is not ours; raises NotOffered."""
    if house.stripe is None:
        raise NotOffered
    return house.stripe


def programme(house: House) -> StripeProgramme:
    """Give the programme with it; raises NotOffered."""
    return line(house).programme


async def ask(
    connection: AsyncConnection,
    safe: Vault,
    asked: Command,
    *,
    holder: UUID,
    processor: str,
    actor: str,
    at: datetime,
) -> UUID:
    """Write down what `processor` is to be asked, under the key of `holder`; `at` is the installation's clock."""
    id_, (_, about) = ids.new(), command.about(asked, holder)
    new = New(
        id=id_,
        processor=processor,
        kind=str(type(asked).__struct_config__.tag),
        line=holder,
        about=about,
        holder=holder,
        sealed=safe.seal(msgspec.json.encode(asked), table=_TABLE, column=_COLUMN, row=id_),
    )
    await command.add(connection, new, actor=actor, due_at=clock.real(), at=at)
    return id_


def read(safe: Vault, row: UUID, sealed: bytes) -> Command:
    """Read what a row asks that waits, with the key of its holder."""
    asked: Command = _DECODER.decode(safe.open(sealed, table=_TABLE, column=_COLUMN, row=row))
    return asked


async def step(house: House) -> int:
    """Tell processors of cards that changed, and carry out what is due; answers how many of both there were."""
    noticed = await _notice(house)
    now = clock.real()
    async with db.transaction(house.worker) as story:
        taken = await command.claim(await story(), now=now, until=now + _LEASE, limit=SIZE_MAX)
    for row in taken:
        await _carry(house, row)
    return noticed + len(taken)


def denied(on: datetime) -> frozenset[str]:
    """Say which merchants no card of ours pays at `on`, by category, whoever processes it."""
    try:
        return frozenset(PROGRAMME.at(calendar.statutory_date(on)).policy.denied_categories)
    except NoRegime:
        return frozenset()


async def _notice(house: House) -> int:
    """Turn what changed of a card since its processor was last told, and what it would not hear, into commands."""
    async with db.transaction(house.worker) as story:
        waiting = await elsewhere.untold(await story(), SIZE_MAX)
    for ours, holder in waiting:
        try:
            await _notice_one(house, ours, holder)
        except Exception as error:  # noqa: BLE001  one card's fault must not stop the others; it stays due
            _log.error("card_change_untold", about=str(ours), exc_info=error)
            async with db.transaction(house.worker) as story:
                await elsewhere.later(await story(), ours, due_at=clock.real() + _BACKOFF_MAX)
    return len(waiting)


async def _notice_one(house: House, ours: UUID, holder: UUID) -> None:
    async with db.transaction(house.api, holder=holder) as own:
        safe = await vault.existing(await own(), house.keys.kms, holder)
    async with db.transaction(house.worker) as story:
        connection = await story()
        if locked := await elsewhere.lock(connection, ours):  # another worker may have been faster
            tell = _tell_token if locked.kind == "token" else _tell
            await tell(connection, safe, locked, story.now)


async def _tell_token(connection: AsyncConnection, safe: Vault, locked: Untold, at: datetime) -> None:
    """Ask once more for what a token is here by now, under a key of its own: a key that was refused stays refused."""
    ours = await token.locked(connection, locked.ours)
    again = SetToken(card=ours.card, token=ours.id, state=ours.state)
    await ask(connection, safe, again, holder=ours.holder, processor=locked.processor, actor="system", at=at)
    await elsewhere.owe(connection, locked.processor, ours.id, due_at=None)


async def _tell(connection: AsyncConnection, safe: Vault, locked: Untold, at: datetime) -> None:
    card = await cards_card.find(connection, locked.ours)
    status, permitted = elsewhere.status(card), elsewhere.permits(card, denied(at))
    asked: list[Command] = []
    if status is not locked.status:
        asked.append(SetStatus(card=card.id, status=status, why=card.closed_for))
    if elsewhere.digest(permitted) != locked.permits and card.alive:
        asked.append(SetControls(card=card.id, permits=permitted))
    for each in asked:
        await ask(connection, safe, each, holder=card.holder, processor=locked.processor, actor="system", at=at)
    await elsewhere.told(connection, locked, status, elsewhere.digest(permitted))


async def _carry(house: House, row: Row) -> None:
    try:
        async with db.transaction(house.api, holder=row.holder) as story:
            connection = await story()
            safe = await vault.existing(connection, house.keys.kms, row.holder)
            asked = read(safe, row.id, row.sealed)
            known = await _reference(connection, row, asked)
            sealed = _parcel(safe, row, asked)
        if isinstance(asked, CreateCardholder) and known:  # of two first orders, the second finds who it is for
            asked = UpdateCardholder(asked.cardholder)
        if known is None:
            answer: Answer = Refused(Why.UNKNOWN_REFERENCE, "what it is about was never made")
        elif isinstance(asked, CreateCardholder | IssueCard | ReplaceCard) and _outlived(row, clock.real()):
            between = (_minted_at(row), clock.real())
            answer = await strays.made(line(house), asked, known, key=str(row.id), between=between)
        else:
            answer = await _carried(line(house), asked, known, key=str(row.id))
        await _end(house, row, asked, answer, sealed)
    except vault.Erased:
        await _end(house, row, None, Refused(Why.UNKNOWN_REFERENCE, "who it is about was erased"), None)
    except Exception as error:  # noqa: BLE001  one command's fault must not stop the others; it stays due
        _log.error("card_command_failed", command=str(row.id), kind=row.kind, exc_info=error)
        await _end(house, row, None, Unknown(type(error).__name__), None)


def _outlived(row: Row, now: datetime) -> bool:
    """Say whether what was tried before may be forgotten there."""
    return row.attempts > 1 and now - _minted_at(row) > KEY_LASTS


def _minted_at(row: Row) -> datetime:
    """Read when a row was made off its id (UUIDv7)."""
    return datetime.fromtimestamp((row.id.int >> 80) / 1000, UTC)


async def _end(house: House, row: Row, asked: Command | None, answer: Answer, sealed: bytes | None) -> None:
    """Keep what became of a command, and have it here as it is there by now."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        match answer:
            case Unknown(trouble):
                wait = min(_BACKOFF_FIRST * (1 << min(row.attempts, 20)), _BACKOFF_MAX)
                await command.later(connection, row, due_at=clock.real() + wait, trouble=trouble)
            case Refused():
                _log.error("card_command_refused", command=str(row.id), kind=row.kind, why=answer.why)
                if await command.refused(connection, row, answer, at=story.now) and asked is not None:
                    await _undo(connection, row, asked, answer, at=story.now)
            case Issued() | Done():
                assert asked is not None, "nothing is done that could not be read"
                if await command.done(connection, row, answer.reference, at=story.now):
                    await _learn(connection, row, asked, answer, sealed=sealed, at=story.now)


async def _carried(issuer: StripeIssuing, asked: Command, known: str, *, key: str) -> Answer:
    """Ask the processor for what a row says."""
    answering: Awaitable[Answer]
    match asked:
        case CreateCardholder(cardholder):
            answering = issuer.create_cardholder(cardholder, key)
        case UpdateCardholder(cardholder):
            answering = issuer.update_cardholder(known, cardholder, key)
        case IssueCard():
            new = NewCard(
                id=asked.card,
                cardholder=known,
                form=asked.form,
                currency=asked.currency,
                permits=Permits(limits=asked.limits, denied=asked.denied),
                status=Status.INACTIVE if asked.form is Form.PLASTIC else Status.ACTIVE,
                ship_to=asked.ship_to,
            )
            answering = issuer.issue_card(new, key)
        case ReplaceCard():
            heir = Successor(id=asked.made, why=asked.why, ship_to=asked.ship_to)
            answering = issuer.replace(known, heir, key)
        case ShipCard():
            answering = issuer.ship(known, asked.to, key)
        case SetStatus():
            answering = issuer.set_status(known, asked.status, key, why=asked.why)
        case SetControls():
            answering = issuer.set_controls(known, asked.permits, key)
        case SetPin():
            answering = issuer.set_pin(known, Shown(asked.sealed), key)
        case SetToken():
            answering = issuer.set_token(known, asked.state, key)
    return await answering


async def _reference(connection: AsyncConnection, row: Row, asked: Command) -> str | None:
    """Say what the processor calls what a command is about: empty where it is to say so, None where it never did."""
    kind, ours = ("cardholder", row.holder) if isinstance(asked, IssueCard) else command.about(asked, row.holder)
    known = await elsewhere.reference(connection, processor=row.processor, kind=kind, ours=ours)
    return known or "" if isinstance(asked, CreateCardholder) else known


def _parcel(safe: Vault, row: Row, asked: Command) -> bytes | None:
    """Seal where a card goes for the parcel that is made out when there is one, under the name of this row."""
    to = asked.ship_to if isinstance(asked, IssueCard | ReplaceCard) else None
    return None if to is None else parcels.sealed(safe, to, row.id)


async def _undo(connection: AsyncConnection, row: Row, asked: Command, answer: Refused, *, at: datetime) -> None:
    """Take back what was said here to be so, and tell whose card it is; what holds all the same is told again."""
    known = answer.why is not Why.UNKNOWN_REFERENCE
    match asked:
        case ShipCard():
            if asked.parcel is not None:
                await shipping.undo(connection, await change.locked(connection, asked.card), asked.parcel, at=at)
            await command.tell(connection, row, events.AddressRefused(card=asked.card), at=at)
        case SetPin():
            await command.tell(connection, row, events.PinRefused(card=asked.card), at=at)
        case SetToken() if known:
            await elsewhere.owe(connection, row.processor, asked.token, due_at=await _again(connection, row))
        case SetStatus(card=card) | SetControls(card=card) if known:
            what: Literal["status", "permits"] = "status" if isinstance(asked, SetStatus) else "permits"
            await elsewhere.unheard(connection, row.processor, card, what, due_at=await _again(connection, row))
        case _:
            pass  # what was not made is not here


async def _again(connection: AsyncConnection, row: Row) -> datetime:
    """Say when what was refused is asked again: after a minute, and twice as long each time."""
    doubled = await command.refusals(connection, row) - 1
    return clock.real() + min(_AGAIN_FIRST * (1 << min(doubled, 20)), _AGAIN_MAX)


async def _learn(
    connection: AsyncConnection, row: Row, asked: Command, answer: Done | Issued, *, sealed: bytes | None, at: datetime
) -> None:
    """Keep what came of it: a card, or what the processor calls somebody."""
    if isinstance(asked, CreateCardholder):
        await elsewhere.name(
            connection,
            processor=row.processor,
            kind="cardholder",
            reference=answer.reference,
            ours=row.holder,
            holder=row.holder,
            at=at,
        )
    if isinstance(answer, Done):
        return
    match asked:
        case IssueCard():
            language = asked.notice_language
            card = elsewhere.ordered(asked, answer, processor=row.processor, at=at)
        case ReplaceCard():
            before = await change.locked(connection, asked.card)
            language = await elsewhere.language_of(connection, before.id)
            card = elsewhere.heir(before, asked, answer, at=at)
        case _:
            raise AssertionError("only who asks for a card is given one")
    card = await elsewhere.made(connection, card, answer, denied=denied(at), language=language, at=at)
    if sealed is not None:
        await shipping.address(connection, card, row.id, sealed, at=at)
