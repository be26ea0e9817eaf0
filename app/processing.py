"""Cards that another processor answers for: what it is asked leaves the house row by row, and what comes of it is kept.

asks       app/processing.py            ask()        a row, in the transaction of whatever led to it
notices    app/processing.py            step()       a card that changed here: its processor is told
carries    app/processing.py            step()       the worker <- you are here
           cards/processor.py           CardProcessor

No transaction is open while the network is. The row's id is the key of the request: asked again it has one effect.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db, ids, vault
from app.house import House
from app.partners.stripe_issuing.issuer import CODE
from app.partners.stripe_issuing.programme import StripeProgramme
from app.vault import Vault
from cards import card as cards_card
from cards import command, elsewhere
from cards.command import Command, CreateCardholder, IssueCard, New, Row, SetControls, SetStatus, UpdateCardholder
from cards.elsewhere import Untold
from cards.processor import CardProcessor, Done, Issued, NewCard, Permits, Refused, Unknown, Why
from law import calendar
from law.regime import PROGRAMME, NoRegime

SIZE_MAX = 20
_LEASE = timedelta(seconds=90)
_BACKOFF_FIRST = timedelta(seconds=2)
_BACKOFF_MAX = timedelta(hours=1)
_DECODER = msgspec.json.Decoder(Command)
_TABLE, _COLUMN = "cards.command", "sealed"

__all__ = ["CODE", "NotOffered", "ask", "denied", "processor", "programme", "step"]

_log = structlog.get_logger()

Answer = Done | Issued | Refused | Unknown


class NotOffered(Exception):
    """This installation has no programme with another processor."""


class NotAnswered(Exception):
    """The processor did not answer; nobody knows what it did, and asking again does no harm."""


class NotGranted(Exception):
    """The processor will not do it."""


def processor(house: House) -> CardProcessor:
    """Give the processor that is not ours; raises NotOffered."""
    if house.stripe is None:
        raise NotOffered
    return house.stripe


def programme(house: House) -> StripeProgramme:
    """Give the programme with it; raises NotOffered."""
    if house.stripe is None:
        raise NotOffered
    return house.stripe.programme


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
    about = holder if isinstance(asked, CreateCardholder | UpdateCardholder) else asked.card
    id_ = ids.new()
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
    """Turn what changed of a card since its processor was last told into commands."""
    async with db.transaction(house.worker) as story:
        waiting = await elsewhere.untold(await story(), SIZE_MAX)
    for card, holder in waiting:
        async with db.transaction(house.api, holder=holder) as own:
            safe = await vault.existing(await own(), house.keys.kms, holder)
        async with db.transaction(house.worker) as story:
            connection = await story()
            if locked := await elsewhere.lock(connection, card):  # another worker may have been faster
                await _tell(connection, safe, locked, story.now)
    return len(waiting)


async def _tell(connection: AsyncConnection, safe: Vault, locked: Untold, at: datetime) -> None:
    card = await cards_card.find(connection, locked.card)
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
    asked: Command | None = None
    try:
        async with db.transaction(house.api, holder=row.holder) as story:
            connection = await story()
            safe = await vault.existing(connection, house.keys.kms, row.holder)
            asked = _DECODER.decode(safe.open(row.sealed, table=_TABLE, column=_COLUMN, row=row.id))
            known = await _reference(connection, row, asked)
        if known is None:
            answer: Answer = Refused(Why.UNKNOWN_REFERENCE, "what it is about was never made")
        else:
            answer = await _carried(processor(house), asked, known, key=str(row.id))
    except vault.Erased:
        answer = Refused(Why.UNKNOWN_REFERENCE, "who it is about was erased")
    except Exception as error:  # noqa: BLE001  one command's fault must not stop the others; it stays due
        _log.error("card_command_failed", command=str(row.id), kind=row.kind, exc_info=error)
        answer = Unknown(type(error).__name__)
    async with db.transaction(house.worker) as story:
        await _learn(await story(), row, asked, answer, story.now)


async def _carried(port: CardProcessor, asked: Command, known: str, *, key: str) -> Answer:
    """Ask the processor for what a row says."""
    match asked:
        case CreateCardholder(cardholder):
            return await port.create_cardholder(cardholder, key)
        case UpdateCardholder(cardholder):
            return await port.update_cardholder(known, cardholder, key)
        case IssueCard():
            new = NewCard(
                id=asked.card,
                cardholder=known,
                form=asked.form,
                currency=asked.currency,
                permits=Permits(limits=asked.limits, denied=asked.denied),
                ship_to=asked.ship_to,
            )
            return await port.issue_card(new, key)
        case SetStatus():
            return await port.set_status(known, asked.status, key, why=asked.why)
        case SetControls():
            return await port.set_controls(known, asked.permits, key)


async def _reference(connection: AsyncConnection, row: Row, asked: Command) -> str | None:
    """Say what the processor calls what a command is about: empty where it is to say so, None where it never did."""
    if isinstance(asked, CreateCardholder):
        return ""
    about, kind = (row.about, "card") if isinstance(asked, SetStatus | SetControls) else (row.holder, "cardholder")
    return await elsewhere.reference(connection, processor=row.processor, kind=kind, ours=about)


async def _learn(connection: AsyncConnection, row: Row, asked: Command | None, answer: Answer, at: datetime) -> None:
    match answer:
        case Unknown(trouble):
            wait = min(_BACKOFF_FIRST * (1 << min(row.attempts, 20)), _BACKOFF_MAX)
            await command.later(connection, row, due_at=clock.real() + wait, trouble=trouble)
        case Refused():
            _log.warning("card_command_refused", command=str(row.id), kind=row.kind, why=answer.why)
            await command.refused(connection, row, answer, at=at)
        case Issued():
            assert isinstance(asked, IssueCard), "only who asks for a card is given one"
            if await command.done(connection, row, answer.reference, at=at):
                await elsewhere.made(connection, asked, answer, processor=row.processor, at=at)
        case Done():
            if await command.done(connection, row, answer.reference, at=at) and isinstance(asked, CreateCardholder):
                await elsewhere.name(
                    connection,
                    processor=row.processor,
                    kind="cardholder",
                    reference=answer.reference,
                    ours=row.holder,
                    holder=row.holder,
                    at=at,
                )
