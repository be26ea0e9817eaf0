"""A loss the operator bears: what it gave and the network does not, or what a person owes and cannot pay.

proposes   POST /v1/officer/disputes/{id}/write-offs             propose()
decides    POST /v1/officer/dispute-write-offs/{id}/decision     settle()   <- a verb for app/batch.py

Above BORNE_UP_TO it takes two officers: all of one dispute together, whatever it was for, and what was borne by rule.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables as cards_tables
from cards.disputes import acting, events, paid, tables
from cards.disputes import dispute as disputes
from cards.disputes.acting import Doing
from cards.disputes.dispute import Dispute
from cards.disputes.events import What
from cards.disputes.life import Act
from cards.disputes.reason import BORNE_UP_TO
from cards.disputes.work import BadAmount
from cards.payments import booking, message
from cards.payments.payment import PaymentId
from proof import journal
from wallet.desk import Desk


class UnknownWriteOff(Exception):
    """There is no such proposal, or it was decided."""


class WriteOffOpen(Exception):
    """A write-off of this dispute waits already: decide that one first."""


class SameOfficer(Exception):
    """Who agrees is another officer than who proposed."""


class WriteOff(msgspec.Struct, frozen=True, kw_only=True):
    """What an officer proposed, and what was said to it."""

    id: UUID
    dispute: UUID
    what: What
    amount_minor: int
    cause: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    agreed: bool | None = None


class Deciding(NamedTuple):
    """What an officer says to a write-off of a dispute on `lane`."""

    write_off: UUID
    agreed: bool
    actor: str


Answer = WriteOff | UnknownWriteOff | SameOfficer | acting.Answer


async def propose(db: AsyncConnection, about: Dispute, made: WriteOff, *, at: datetime) -> WriteOff:
    """Propose that the operator bears a loss; raises BadAmount, WriteOffOpen."""
    most = await _most(db, about, made.what)
    whole = made.what is not What.PAYMENT or made.amount_minor == most  # of a loan nothing is left over
    if about.ended_at is None or made.amount_minor > most or not whole:
        raise BadAmount(most if about.ended_at else 0)
    undecided = {name: value for name, value in msgspec.structs.asdict(made).items() if name not in _DECIDED}
    try:
        await db.execute(insert(tables.write_off).values(undecided))
    except IntegrityError as error:
        raise WriteOffOpen from error
    event = events.WriteOffProposed(
        dispute=about.id, write_off=made.id, what=made.what, amount_minor=made.amount_minor
    )  # fmt: skip
    await _tell(db, made, event, actor=made.proposed_by, at=at)
    return made


async def _most(db: AsyncConnection, about: Dispute, what: What) -> int:
    if what is What.PAYMENT:
        return (await paid.find(db, about.payment)).sums().owed.minor
    return about.owed_minor if what is What.DEBT else about.contested_minor


async def of(db: AsyncConnection, dispute: UUID) -> list[WriteOff]:
    """List what was proposed of a dispute, the first one first."""
    query = select(tables.write_off).where(tables.write_off.c.dispute == dispute).order_by(tables.write_off.c.id)
    return [msgspec.convert(row, WriteOff, from_attributes=True) for row in (await db.execute(query))]


async def find(db: AsyncConnection, wanted: UUID) -> WriteOff:
    """Load a proposal; raises UnknownWriteOff."""
    query = select(tables.write_off).where(tables.write_off.c.id == wanted)
    if (row := (await db.execute(query)).one_or_none()) is None:
        raise UnknownWriteOff
    return msgspec.convert(row, WriteOff, from_attributes=True)


async def settle(desk: Desk, asked: Sequence[Deciding]) -> list[Answer]:
    """Decide proposals one after the other, and do what is agreed on: a verb for app/batch.py."""
    return [await _settle(desk, said) for said in asked]


async def _settle(desk: Desk, said: Deciding) -> Answer:
    columns = tables.write_off.c
    query = select(tables.write_off).where((columns.id == said.write_off) & columns.decided_by.is_(None))
    row = (await desk.db.execute(query.with_for_update())).one_or_none()
    if row is None:
        return UnknownWriteOff()
    found = msgspec.convert(row, WriteOff, from_attributes=True)
    if said.agreed:
        about = (await disputes.lock(desk.db, [found.dispute]))[found.dispute]
        borne = about.lost_minor + await _elsewhere(desk.db, about)
        if said.actor == found.proposed_by and borne + found.amount_minor > BORNE_UP_TO.minor:
            return SameOfficer()
        if not isinstance(done := await _bear(desk, found, said.actor), Dispute):
            return done
    else:
        event = events.WriteOffDropped(dispute=found.dispute, write_off=found.id)
        await _tell(desk.db, found, event, actor=said.actor, at=desk.now)
    decided = {"decided_by": said.actor, "decided_at": desk.now, "agreed": said.agreed}
    await desk.db.execute(update(tables.write_off).where(columns.id == found.id).values(decided))
    return msgspec.structs.replace(found, **decided)


async def _elsewhere(db: AsyncConnection, about: Dispute) -> int:
    """Sum what was agreed on of a dispute beside the receivable, which the dispute itself counts as lost."""
    columns = tables.write_off.c
    agreed = (columns.dispute == about.id) & columns.agreed & (columns.what != What.RECEIVABLE)
    return int(await db.scalar(select(func.coalesce(func.sum(columns.amount_minor), 0)).where(agreed)) or 0)


async def _bear(desk: Desk, found: WriteOff, actor: str) -> acting.Answer:
    if found.what is What.PAYMENT:
        about = (await disputes.lock(desk.db, [found.dispute]))[found.dispute]
        amount = about.money(found.amount_minor)
        lost = message.WriteOff(lane=about.lane, payment=PaymentId(about.payment), amount=amount, by=actor)
        [given_up] = await booking.book(desk, [lost], [])
        # Where another amount is owed by now, that is for another proposal.
        return about if given_up else BadAmount((await paid.find(desk.db, about.payment)).sums().owed.minor)
    act = Act.FORGIVE if found.what is What.DEBT else Act.WRITE_OFF
    doing = Doing(dispute=found.dispute, act=act, actor=actor, minor=found.amount_minor, why=found.cause)
    [done] = await acting.act(desk, [doing])
    return done


async def _tell(db: AsyncConnection, about: WriteOff, event: msgspec.Struct, *, actor: str, at: datetime) -> None:
    # Nobody's feed: what officers consider is theirs until it is done.
    fact = journal.Fact(aggregate=about.id, at=at, actor=actor, event=event)
    await journal.append(db, cards_tables.event, fact)


_DECIDED = {"decided_by", "decided_at", "agreed"}  # said by who decides
