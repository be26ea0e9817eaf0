"""Settlement files are taken, what we never heard of is booked, what they come to is posted, the day is reported.

takes      cards/settlement/taking.py      take()        one transaction: all of a file or nothing
compares   cards/settlement/matching.py    match()       in the same one
books      app/cards/swiping.py            Till.book     a force post for what was missing at us
posts      cards/settlement/posting.py     moves()       lane by lane
reports    cards/settlement/report.py      made()

A network puts its files into the folder of the settings (app/cards/settlement_folder.py). A file that was taken or
refused is put aside without the numbers of cards; one that comes before its turn stays until its turn. What was taken,
rows say and not the folder; every step is named by the file, so a worker that dies anywhere is followed by one that
goes on.
"""

import asyncio
import hashlib
from datetime import datetime
from pathlib import Path
from typing import TypedDict
from uuid import UUID

import structlog
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app import anchor, clock, db, ids
from app.auth import client_key, jose
from app.cards import settlement_alarm, settlement_folder
from app.cards.settlement_folder import REFUSED, TAKEN
from app.house import House
from app.idempotency_key import Stored
from app.money import FIRST_LANE, claim, plainly
from app.partners import registry
from app.partners.registry import UnknownPartner
from cards import tables as cards_tables
from cards.iso8583 import names
from cards.payments import message
from cards.payments.message import Message
from cards.payments.payment import Merchant, PaymentId
from cards.proofs import pan
from cards.proofs.pan import NotAPan, Pan
from cards.settlement import breaks, events, matching, posting, record, report, tables, taking
from cards.settlement.matching import Missing, Place
from cards.settlement.record import Kind, Malformed, Reading, Record
from cards.settlement.taking import File, OutOfTurn
from law.money import Currency, Money
from proof import canonical, journal
from wallet.chart import CHART

_ACTOR = "system"
_AT_ONCE = 10

_log = structlog.get_logger()


async def step(house: House) -> int:
    """Take the files that are there, and bring those that were taken to their end; answers how much was done."""
    done = 0
    if (folder := house.settings.settlement_folder) is not None:
        for path in await asyncio.to_thread(settlement_folder.waiting, folder):
            done += await _try(house, path)
        await asyncio.to_thread(settlement_folder.forget, folder, now=clock.real())
    return done + await settlement_alarm.look(house) + await _finish(house)


async def _try(house: House, path: Path) -> bool:
    """Take one file; what is wrong with it keeps no other from being taken, and nothing from being settled."""
    try:
        return await take(house, path)
    except FileNotFoundError:  # another worker was faster
        return False
    except Exception as error:  # noqa: BLE001  the file stays, and is tried again
        _log.error("settlement_file_failed", file=path.name, exc_info=error)
        return False


async def take(house: House, path: Path) -> bool:
    """Take one file, or refuse it; answers whether anything became of it: not, where it has to wait for its turn."""
    with path.open("rb") as stream:
        try:
            file, missing = await _taken(house, Reading(settlement_folder.lines(stream)), path)
        except Malformed as error:
            return await _refuse(house, path, why=error.why, line=error.line)
        except OutOfTurn as error:
            header = error.header
            if header.sequence < error.expected:
                why = "sequence_taken"
                return await _refuse(house, path, why=why, network=header.network, sequence=header.sequence)
            await _waits(house, header, error.expected)
            return False
    await _book_missing(house, file, missing, path)
    return await _put_aside(path, TAKEN)


async def _taken(house: House, reading: Reading, path: Path) -> tuple[File, list[Missing]]:
    """Take and compare a file; one that was taken before is given as it was, with what of it is still not booked.

    Raises Malformed, OutOfTurn.
    """
    header = reading.header
    async with db.transaction(house.worker) as story:
        connection, at = await story(), story.now
        if (known := await taking.taken(connection, header.network, header.sequence)) is not None:
            if known != await asyncio.to_thread(settlement_folder.digest, path):
                raise OutOfTurn(header, header.sequence + 1)
            file = await taking.named(connection, header.network, header.sequence)
            return file, await matching.unbooked(connection, file.id)
        file = await taking.take(connection, reading, ids.new(), at=at)
        await _believe(connection, reading)
        opened, missing = await matching.match(connection, file, first_lane=FIRST_LANE, at=at)
        event = events.FileTaken(
            file=file.id,
            network=file.network,
            sequence=file.sequence,
            business_date=file.business_date,
            records=file.records,
            net_minor=file.net_minor,
            currency=file.currency,
            breaks=opened,
            sha256=file.sha256.hex(),
        )
        await _tell(connection, file.id, event, at)
    return file, missing


async def _believe(connection: AsyncConnection, reading: Reading) -> None:
    """Let pass what a key of the network signed, which is believed now; raises Malformed."""
    trailer = reading.trailer
    assert trailer is not None, "read to its end"
    line = trailer.records + 2
    try:
        partner = await registry.find(connection, reading.header.network)
    except UnknownPartner as error:
        raise Malformed(1, "network_unknown") from error
    if partner.kind is not registry.Kind.NETWORK or partner.state is registry.State.CLOSED:
        raise Malformed(1, "network_unknown")
    keys = {each.kid: each.key for each in await client_key.valid(connection, partner.id, clock.real())}
    key = keys.get(trailer.kid)
    try:
        if key is None:
            raise Malformed(line, "not_signed")
        key.verify(trailer.signature, record.SIGNED + trailer.sha256)
    except jose.Unreadable as error:
        raise Malformed(line, "not_signed") from error


async def _book_missing(house: House, file: File, missing: list[Missing], path: Path) -> None:
    """Book what we never heard of as the network says it: never declined, on the card the line names, or on nobody's.

    The lines are read once more, because their card numbers are kept nowhere.
    """
    if not missing:
        return
    wanted = {each.no: each.id for each in missing}
    with path.open("rb") as stream:
        found = [
            (wanted[each.no], each) for each in Reading(settlement_folder.lines(stream)).records() if each.no in wanted
        ]
    for break_, each in found:
        await _book(house, file, break_, each)


async def _book(house: House, file: File, break_: UUID, said: Record) -> None:
    """Book a record where it can be; where it is not booked afterwards under its name, officers end the break."""
    used = await _card(house, said.pan)
    lane, told = used.lane if used else FIRST_LANE, _message(file, said, used)
    place = Place(file.network, said.lifecycle, lane, used.card if used else None)
    if said.currency == file.currency:
        named = claim(f"settlement:{file.network}", f"{said.lifecycle} {said.element}", [said.kind, said.amount_minor])
        await house.money.submit(house.till.book, [told], lanes=[lane], claim=named, render=_booked)
    async with db.transaction(house.worker) as story:
        connection = await story()
        booked = await matching.booked(connection, place, said)
        columns = tables.break_.c
        open_ = (columns.id == break_) & columns.resolved_at.is_(None)
        await connection.execute(update(tables.break_).where(open_).values(lane=lane, left_to_officers=not booked))
        if booked:
            about = await breaks.find(connection, break_)
            await breaks.resolved(connection, about, breaks.Resolution.BOOKED, actor=_ACTOR, at=story.now)


def _booked(_: object) -> Stored:
    return Stored(200, b"null")


async def _card(house: House, digits: str) -> pan.Found | None:
    try:
        index = pan.blind(house.keys.kms, Pan(digits))
    except NotAPan:
        return None
    async with db.transaction(house.posting) as story:
        return await pan.find(await story(), index)


class _About(TypedDict):
    network: str
    lifecycle: str
    element: str
    lane: int
    card: UUID | None
    payment: PaymentId
    amount: Money
    merchant: Merchant
    subject: str | None
    interchange: Money


def _message(file: File, said: Record, used: pan.Found | None) -> Message:
    name = said.merchant_name or said.merchant_id
    about: _About = {
        "network": file.network,
        "lifecycle": said.lifecycle,
        "element": said.element,
        "lane": used.lane if used else FIRST_LANE,
        "card": used.card if used else None,
        "payment": PaymentId(ids.new()),
        "amount": Money(said.amount_minor, Currency.of(said.currency)),
        "merchant": Merchant(
            name=name, id=said.merchant_id, category=said.merchant_category, country=said.merchant_country
        ),
        "subject": names.question(said.element),
        "interchange": Money(said.interchange_minor, Currency.of(said.currency)),
    }
    if said.kind == Kind.REFUND:
        return message.Refund(**about)
    operation = message.Operation.CASH if said.kind == Kind.CASH else message.Operation.PURCHASE
    return message.Clearing(**about, final=said.final, operation=operation)


async def _finish(house: House) -> int:
    """Post and report the files that wait for it; answers how many went on."""
    async with db.transaction(house.worker) as story:
        due = await taking.due(await story(), at=story.now, limit=_AT_ONCE)
    return sum([await _go_on(house, file) for file in due])


async def _go_on(house: House, file: File) -> bool:
    try:
        return await (_settle(house, file) if file.state == "taken" else _report(house, file))
    except Exception as error:  # noqa: BLE001  one file's fault must not stop the others; it stays due
        _log.error("settlement_failed", file=str(file.id), exc_info=error)
        return False


async def _settle(house: House, file: File) -> bool:
    """Post what a file comes to; not before everything in it is booked."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        if await posting.waiting(connection, file.id):
            return False
        parts = await posting.parts(connection, file.id, first_lane=FIRST_LANE)
    for part in parts:
        places = {
            purpose: await house.money.operator(
                purpose,
                lane=part.lane,
                label=file.network if CHART[purpose].label else "",
                currency=Currency.of(file.currency),
            )
            for purpose in posting.PURPOSES
        }
        moves = posting.moves(file, part, places)
        if moves:
            named = claim("settlement", f"{file.id}/{part.lane}", [move.money for move in moves])
            await house.money.move(moves, lanes=[part.lane], claim=named, render=plainly)
    async with db.transaction(house.worker) as story:
        await posting.settled(await story(), file, at=story.now)
    return True


async def _report(house: House, file: File) -> bool:
    """Make the report of a file's day, signed like an anchor."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        told = {"iss": house.settings.issuer, **await report.made(connection, file, first_lane=FIRST_LANE)}
        digest = hashlib.sha256(canonical.dumps(told)).digest()
        jws = anchor.sign(house.keys.audit.current(), told, typ=report.TYP)
        row = {"file": file.id, "sha256": digest, "jws": jws, "at": story.now}
        made = insert(tables.report).values(row).on_conflict_do_nothing().returning(tables.report.c.file)
        if await connection.scalar(made) is not None:
            await taking.reported(connection, file.id)
            await _tell(connection, file.id, events.DayReported(file=file.id, sha256=digest.hex()), story.now)
    return True


async def _refuse(
    house: House,
    path: Path,
    *,
    why: str,
    line: int | None = None,
    network: str | None = None,
    sequence: int | None = None,
) -> bool:
    """Write down that a file was refused as a whole, and put it aside; answers whether that could be."""
    digest = await asyncio.to_thread(settlement_folder.digest, path)
    _log.error("settlement_file_refused", why=why, line=line)
    await _note(house, digest, why=why, line=line, network=network, sequence=sequence)
    return await _put_aside(path, REFUSED)


async def _put_aside(path: Path, to: str) -> bool:
    """Put a file aside; where the folder does not let us it stays, and is known when it is read again."""
    try:
        await asyncio.to_thread(settlement_folder.put_aside, path, to)
    except FileNotFoundError:  # another worker was faster
        return False
    except OSError as error:
        _log.error("settlement_file_stays", file=path.name, exc_info=error)
        return False
    return True


async def _waits(house: House, header: record.Header, expected: int) -> None:
    """Raise an alarm, once, that a file is missing before this one."""
    name = f"{header.network}/{header.sequence}/{expected}".encode()
    digest = hashlib.sha256(name).digest()
    await _note(house, digest, why="sequence_gap", line=None, network=header.network, sequence=header.sequence)


async def _note(
    house: House, digest: bytes, *, why: str, line: int | None, network: str | None, sequence: int | None
) -> None:
    async with db.transaction(house.worker) as story:
        connection, at = await story(), story.now
        row = {"sha256": digest, "network": network, "sequence": sequence, "line": line, "why": why, "at": at}
        noted = insert(tables.refusal).values(row).on_conflict_do_nothing().returning(tables.refusal.c.why)
        if await connection.scalar(noted) is not None:
            event = events.FileRefused(network=network, sequence=sequence, line=line, why=why, sha256=digest.hex())
            await _tell(connection, ids.new(), event, at)


async def _tell(connection: AsyncConnection, about: UUID, event: object, at: datetime) -> None:
    fact = journal.Fact(aggregate=about, at=at, actor=_ACTOR, event=event)  # type: ignore[arg-type]  # a Struct of events
    await journal.append(connection, cards_tables.event, fact)
