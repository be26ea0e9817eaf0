"""Breaks: what the network and we say differently, as rows with an age, an owner, and an end two officers agree on.

lists      GET  /v1/officer/settlement/breaks                    page(), ages()
owns       POST /v1/officer/settlement/breaks/{id}/owner         own()
proposes   POST /v1/officer/settlement/breaks/{id}/proposals     propose()
decides    POST /v1/officer/settlement/proposals/{id}/decision   settle()    <- a verb for app/batch.py

What the house resolves by itself: `booked`, what we never heard of is booked as the network says it (a force post);
`arrived`, a later file has what was missing. What officers agree on moves the difference:

    accept_network     adjustment ⇄ card_clearing        the operator bears it, or keeps it
    network_corrects   card_settlement ⇄ card_clearing   the network has paid it beside its files
"""

import enum
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables as cards_tables
from cards.settlement import events, posting, tables
from law import calendar
from law.money import Currency, Money
from proof import journal
from wallet import account
from wallet.chart import CHART, Purpose
from wallet.desk import Desk
from wallet.transfer import Post, Refused, TransferId


class Kind(enum.StrEnum):
    """What differs (cards/settlement/matching.py)."""

    AMOUNT_DIFFERS = "amount_differs"
    CURRENCY_DIFFERS = "currency_differs"
    DUPLICATE = "duplicate"
    MISSING_AT_US = "missing_at_us"
    MISSING_AT_NETWORK = "missing_at_network"


class Resolution(enum.StrEnum):
    """How a break ended."""

    BOOKED = "booked"
    ARRIVED = "arrived"
    NETWORK_CORRECTS = "network_corrects"
    ACCEPT_NETWORK = "accept_network"


#: What officers may agree on, and the account on the other side.
AGREED: Mapping[Resolution, Purpose] = {
    Resolution.NETWORK_CORRECTS: Purpose.CARD_SETTLEMENT,
    Resolution.ACCEPT_NETWORK: Purpose.ADJUSTMENT,
}
Agreed = Literal["network_corrects", "accept_network"]
#: How old a break is, in days: each bucket up to its number, the last without an end.
BUCKETS = (1, 5, 15, 30)
CODES = {
    Resolution.NETWORK_CORRECTS: "settlement_corrected",
    Resolution.ACCEPT_NETWORK: "settlement_accepted",
}


class UnknownBreak(Exception):
    """There is no such break."""


class BreakResolved(Exception):
    """The break has ended already."""


class UnknownProposal(Exception):
    """There is no such proposal, or it was decided."""


class ProposalOpen(Exception):
    """An officer has proposed something already: decide that first."""


class SameOfficer(Exception):
    """Who agrees is another officer than who proposed."""


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """A break. `difference_minor` is by how much the network took more than we booked, below zero less."""

    id: UUID
    network: str
    file: UUID
    kind: Kind
    no: int | None
    lane: int
    payment: UUID | None
    element: int | None
    card: UUID | None
    direction: int
    theirs_minor: int | None
    theirs_currency: str | None
    ours_minor: int | None
    ours_currency: str | None
    difference_minor: int
    opened_at: datetime
    owner: str | None
    resolution: Resolution | None
    resolved_at: datetime | None
    resolved_by: str | None
    version: int

    @property
    def currency(self) -> str:
        """The currency of the difference: ours where there is one."""
        return self.ours_currency or self.theirs_currency or ""

    def age_days(self, on: date) -> int:
        """Count the days since it was found."""
        return max((on - calendar.statutory_date(self.opened_at)).days, 0)


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """How an officer would end a break, and what was said to it."""

    id: UUID
    about: UUID
    resolution: Resolution
    evidence: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    agreed: bool | None = None


class Aged(msgspec.Struct, frozen=True, kw_only=True):
    """The open breaks of a network and kind in one bucket of age."""

    network: str
    kind: Kind
    from_days: int
    to_days: int | None
    breaks: int
    difference_minor: int


class Deciding(NamedTuple):
    """What an officer says to a proposal."""

    proposal: UUID
    agreed: bool
    actor: str


Answer = Proposal | UnknownProposal | SameOfficer | BreakResolved | Refused


async def find(db: AsyncConnection, wanted: UUID) -> Break:
    """Load a break; raises UnknownBreak."""
    query = select(tables.break_).where(tables.break_.c.id == wanted)
    if (row := (await db.execute(query)).one_or_none()) is None:
        raise UnknownBreak
    return msgspec.convert(row, Break, from_attributes=True)


async def page(
    db: AsyncConnection, *, kind: Kind | None, resolved: bool, after: UUID | None, limit: int
) -> list[Break]:
    """List breaks, the oldest first."""
    columns = tables.break_.c
    wanted: ColumnElement[bool] = columns.resolved_at.is_not(None) if resolved else columns.resolved_at.is_(None)
    if kind is not None:
        wanted &= columns.kind == kind
    if after is not None:
        wanted &= columns.id > after
    query = select(tables.break_).where(wanted).order_by(columns.id).limit(limit)
    return [msgspec.convert(row, Break, from_attributes=True) for row in (await db.execute(query))]


async def ages(db: AsyncConnection, *, at: datetime, network: str | None = None) -> list[Aged]:
    """Count the breaks that were open at `at`, by network, kind and bucket of age."""
    asked = {"at": at, "today": calendar.statutory_date(at), "network": network, "buckets": list(BUCKETS)}
    return [
        Aged(
            network=row.network,
            kind=Kind(row.kind),
            from_days=0 if not row.bucket else BUCKETS[row.bucket - 1] + 1,
            to_days=BUCKETS[row.bucket] if row.bucket < len(BUCKETS) else None,
            breaks=row.breaks,
            difference_minor=row.difference_minor,
        )
        for row in await db.execute(_AGES, asked)
    ]


async def own(db: AsyncConnection, wanted: UUID, officer: str) -> Break:
    """Take a break upon oneself; raises UnknownBreak, BreakResolved."""
    columns = tables.break_.c
    mine = (columns.id == wanted) & columns.resolved_at.is_(None)
    taking = update(tables.break_).where(mine).values(owner=officer, version=columns.version + 1)
    if (await db.execute(taking)).rowcount == 0:
        await find(db, wanted)
        raise BreakResolved
    return await find(db, wanted)


async def propose(db: AsyncConnection, made: Proposal, *, at: datetime) -> Proposal:
    """Propose how a break ends; raises UnknownBreak, BreakResolved, ProposalOpen."""
    if (await find(db, made.about)).resolved_at is not None:
        raise BreakResolved
    row = {
        "id": made.id,
        "about": made.about,
        "resolution": made.resolution,
        "evidence": made.evidence,
        "proposed_by": made.proposed_by,
        "proposed_at": at,
    }
    try:
        await db.execute(insert(tables.proposal).values(row))
    except IntegrityError as error:
        raise ProposalOpen from error
    event = events.ResolutionOffered(settlement_break=made.about, proposal=made.id, resolution=made.resolution)
    await _tell(db, made.about, event, actor=made.proposed_by, at=at)
    return made


async def proposals(db: AsyncConnection, wanted: UUID) -> list[Proposal]:
    """List what was proposed of a break, the first one first."""
    columns = tables.proposal.c
    query = select(tables.proposal).where(columns.about == wanted).order_by(columns.id)
    return [msgspec.convert(row, Proposal, from_attributes=True) for row in (await db.execute(query))]


async def lane_of(db: AsyncConnection, proposal: UUID) -> int:
    """Say on which lane the money of a proposal is; raises UnknownProposal."""
    found = await db.scalar(_LANE, {"proposal": proposal})
    if found is None:
        raise UnknownProposal
    return int(found)


async def settle(desk: Desk, asked: Sequence[Deciding]) -> list[Answer]:
    """Decide proposals one after the other, and do what is agreed on: a verb for app/batch.py."""
    return [await _settle(desk, said) for said in asked]


async def _settle(desk: Desk, said: Deciding) -> Answer:
    columns = tables.proposal.c
    query = select(tables.proposal).where((columns.id == said.proposal) & columns.decided_by.is_(None))
    row = (await desk.db.execute(query.with_for_update())).one_or_none()
    if row is None:
        return UnknownProposal()
    found = msgspec.convert(row, Proposal, from_attributes=True)
    if said.agreed:
        if said.actor == found.proposed_by:
            return SameOfficer()
        if (refusal := await _resolve(desk, found, said.actor)) is not None:
            return refusal
    else:
        event = events.ResolutionDropped(settlement_break=found.about, proposal=found.id)
        await _tell(desk.db, found.about, event, actor=said.actor, at=desk.now)
    decided = {"decided_by": said.actor, "decided_at": desk.now, "agreed": said.agreed}
    await desk.db.execute(update(tables.proposal).where(columns.id == found.id).values(decided))
    return msgspec.structs.replace(found, **decided)


async def _resolve(desk: Desk, found: Proposal, actor: str) -> BreakResolved | Refused | None:
    query = select(tables.break_).where(tables.break_.c.id == found.about).with_for_update()
    about = msgspec.convert((await desk.db.execute(query)).one(), Break, from_attributes=True)
    if about.resolved_at is not None:
        return BreakResolved()
    if about.difference_minor:
        moved = desk.post(await _move(desk, about, found.resolution))
        if isinstance(moved, Refused):
            return moved
    await resolved(desk.db, about, found.resolution, actor=actor, at=desk.now)
    return None


async def _move(desk: Desk, about: Break, how: Resolution) -> Post:
    currency = Currency.of(about.currency)
    places = {}
    for purpose in (Purpose.CARD_CLEARING, AGREED[how]):
        label = about.network if CHART[purpose].label else ""
        places[purpose] = await account.operator(
            desk.db, lane=about.lane, purpose=purpose, label=label, currency=currency, at=desk.now
        )
    await desk.load(places.values())
    clearing, other = places[Purpose.CARD_CLEARING], places[AGREED[how]]
    # They took more than we booked: the clearing account lacks it, and the other side gives it.
    lacks = about.difference_minor > 0
    return Post(
        id=TransferId(posting.move_id(about.id, about.lane, how)),
        debit=other if lacks else clearing,
        credit=clearing if lacks else other,
        money=Money(abs(about.difference_minor), currency),
        code=CODES[how],
        reference=f"settlement:{about.file}",
    )


async def resolved(db: AsyncConnection, about: Break, how: Resolution, *, actor: str, at: datetime) -> None:
    """Write down how a break ended, once."""
    columns = tables.break_.c
    said = {"resolution": how, "resolved_at": at, "resolved_by": actor, "version": about.version + 1}
    mine = (columns.id == about.id) & columns.resolved_at.is_(None)
    if (await db.execute(update(tables.break_).where(mine).values(said))).rowcount:
        event = events.BreakResolved(
            settlement_break=about.id, resolution=how, difference_minor=about.difference_minor
        )  # fmt: skip
        await _tell(db, about.id, event, actor=actor, at=at)


async def _tell(db: AsyncConnection, about: UUID, event: msgspec.Struct, *, actor: str, at: datetime) -> None:
    await journal.append(db, cards_tables.event, journal.Fact(aggregate=about, at=at, actor=actor, event=event))


_LANE = text(
    """
    SELECT found.lane FROM cards.settlement_proposal AS proposal
    JOIN cards.settlement_break AS found ON found.id = proposal.about WHERE proposal.id = :proposal
    """
)
# As of an instant: what was found by then and not resolved by then, whatever happened since.
_AGES = text(
    """
    SELECT network, kind, width_bucket(
               CAST(:today AS date) - (opened_at AT TIME ZONE 'Asia/Almaty')::date - 1, CAST(:buckets AS integer[])
           ) AS bucket, count(*)::integer AS breaks, sum(difference_minor)::bigint AS difference_minor
    FROM cards.settlement_break
    WHERE opened_at <= :at AND (resolved_at IS NULL OR resolved_at > :at)
      AND (CAST(:network AS text) IS NULL OR network = :network)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    """
)
