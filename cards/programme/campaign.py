"""A campaign: something done to all cards of a legal basis, one after the other, while they go on being used.

route      app/http/officer/card_campaigns.py    propose, approve, pause, resume, roll back
turns      cards/programme/campaign.py           turn()       <- you are here
step       app/cards/campaigns.py                step()       a batch of cards at a time, by the worker
moves      cards/programme/rounds.py             advance()

migration   every card moves to another basis (from the sandbox to the licence). Where the notice changed, a card waits
            until its holder accepted it, at most until `consent_until`; then it is suspended until they do.
wind_down   nothing is issued any more; cards spend until `spends_until` and are closed then. Money stays in wallets.
"""

import enum
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables
from cards.programme import events
from cards.programme.tables import campaign as table
from law.regime import Regime
from proof import journal


class Kind(enum.StrEnum):
    """What is done to the cards."""

    MIGRATION = "migration"
    WIND_DOWN = "wind_down"


class State(enum.StrEnum):
    """Where a campaign is in its life."""

    PROPOSED = "proposed"
    DROPPED = "dropped"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"


class Act(enum.StrEnum):
    """What officers do to a campaign, and the worker (finish)."""

    APPROVE = "approve"
    DROP = "drop"
    PAUSE = "pause"
    RESUME = "resume"
    ROLL_BACK = "roll_back"
    FINISH = "finish"


LIFE = {
    (State.PROPOSED, Act.APPROVE): State.RUNNING,
    (State.PROPOSED, Act.DROP): State.DROPPED,
    (State.RUNNING, Act.PAUSE): State.PAUSED,
    (State.RUNNING, Act.ROLL_BACK): State.ROLLING_BACK,
    (State.RUNNING, Act.FINISH): State.DONE,
    (State.PAUSED, Act.RESUME): State.RUNNING,
    (State.PAUSED, Act.ROLL_BACK): State.ROLLING_BACK,
    (State.DONE, Act.ROLL_BACK): State.ROLLING_BACK,
    (State.ROLLING_BACK, Act.FINISH): State.ROLLED_BACK,
}


class Outcome(enum.StrEnum):
    """What a campaign did to a card."""

    WAITING = "waiting"  # for the consent of its holder
    MOVED = "moved"
    CLOSED = "closed"
    ROLLED_BACK = "rolled_back"


class UnknownCampaign(Exception):
    """There is no such campaign."""


class CampaignUnderWay(Exception):
    """Another campaign over the cards of this basis has not ended."""


class WrongStep(Exception):
    """The campaign's state knows no such act; a wind-down is not rolled back once cards were closed by it."""

    def __init__(self, act: str, state: State) -> None:
        super().__init__(act, state)
        self.act = act
        self.state = state


class SameOfficer(Exception):
    """Who proposes and who approves are two officers."""


class NotInForce(Exception):
    """Cards move to the basis of a regime that is in force, to no other."""

    def __init__(self, basis: str) -> None:
        super().__init__(basis)
        self.basis = basis


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as it is now. `place` is the last card of this round, `found_any` whether it found any to do."""

    id: UUID
    kind: Kind
    basis: str
    state: State
    proposed_by: str
    proposed_at: datetime
    to_basis: str | None = None
    notice_version: str | None = None
    spends_until: datetime | None = None
    consent_until: datetime | None = None
    place: UUID | None = None
    found_any: bool = False
    due_at: datetime | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None


def migration(made: UUID, basis: str, to: Regime, *, actor: str, at: datetime) -> Campaign:
    """Plan to move all cards of `basis` to the regime `to`, which is in force; raises NotInForce."""
    if to.basis == basis:
        raise NotInForce(basis)
    return Campaign(
        id=made,
        kind=Kind.MIGRATION,
        basis=basis,
        to_basis=to.basis,
        notice_version=to.notice.version,
        consent_until=at + timedelta(days=to.policy.reconsent_days),
        state=State.PROPOSED,
        proposed_by=actor,
        proposed_at=at,
    )


def wind_down(made: UUID, basis: str, spends_until: datetime, *, actor: str, at: datetime) -> Campaign:
    """Plan to end the programme of `basis`."""
    return Campaign(
        id=made,
        kind=Kind.WIND_DOWN,
        basis=basis,
        spends_until=spends_until,
        state=State.PROPOSED,
        proposed_by=actor,
        proposed_at=at,
    )


async def propose(db: AsyncConnection, wanted: Campaign) -> Campaign:
    """Store a plan for another officer to approve; raises CampaignUnderWay."""
    row = {**msgspec.structs.asdict(wanted), "kind": wanted.kind.value, "state": wanted.state.value}
    try:
        async with db.begin_nested():
            await db.execute(insert(table).values(row))
    except IntegrityError as refused:
        if "campaign_open" in str(refused):
            raise CampaignUnderWay from refused
        raise
    await tell(db, wanted, wanted.proposed_by, wanted.proposed_at)
    return wanted


async def turn(db: AsyncConnection, campaign: UUID, act: Act, *, actor: str, at: datetime) -> Campaign:
    """Take a campaign one step through its life; raises UnknownCampaign, WrongStep, SameOfficer."""
    before = await locked(db, campaign)
    to = LIFE.get((before.state, act))
    if to is None or (act is Act.ROLL_BACK and before.kind is Kind.WIND_DOWN and await _closed_any(db, campaign)):
        raise WrongStep(act, before.state)
    after = msgspec.structs.replace(before, state=to, due_at=_due(before, to, at))
    if act is Act.APPROVE:
        if before.proposed_by == actor:
            raise SameOfficer
        # Holders have their days from now on, however long the plan lay there.
        late = at - before.proposed_at
        until = before.consent_until + late if before.consent_until else None
        after = msgspec.structs.replace(after, approved_by=actor, approved_at=at, consent_until=until)
    if act in {Act.APPROVE, Act.ROLL_BACK}:
        # With this lock orders stand still (cards/programme/place.py): one that is under way ends before, the next sees
        # us.
        await db.execute(_STOP_ORDERS)
        after = msgspec.structs.replace(after, place=None, found_any=False)
    await write(db, after, *(_APPROVAL if act is Act.APPROVE else ()))
    await tell(db, after, actor, at)
    return after


def _due(before: Campaign, to: State, at: datetime) -> datetime | None:
    if to is State.ROLLING_BACK:
        return at
    if to is not State.RUNNING:
        return None
    return before.spends_until if before.kind is Kind.WIND_DOWN else at


async def locked(db: AsyncConnection, campaign: UUID) -> Campaign:
    """Read a campaign that nobody else changes until this transaction ends; raises UnknownCampaign."""
    rows = await found(db, table.c.id == campaign, lock=True)
    if not rows:
        raise UnknownCampaign
    return rows[0]


async def listed(db: AsyncConnection) -> list[Campaign]:
    """List all campaigns, the newest first."""
    return list(reversed(await found(db, table.c.id.is_not(None), lock=False)))


async def counts(db: AsyncConnection, campaign: UUID) -> dict[Outcome, int]:
    """Count what a campaign did to cards."""
    rows = await db.execute(_COUNTS, {"campaign": campaign})
    return {Outcome(row.outcome): row.cards for row in rows}


async def due(db: AsyncConnection, now: datetime) -> Campaign | None:
    """Take a campaign that is due; nobody else takes it meanwhile."""
    row = (await db.execute(_DUE, {"now": now})).one_or_none()
    return None if row is None else await locked(db, row.id)


async def _closed_any(db: AsyncConnection, campaign: UUID) -> bool:
    return Outcome.CLOSED in await counts(db, campaign)


async def found(db: AsyncConnection, wanted: ColumnElement[bool], *, lock: bool) -> list[Campaign]:
    """Find campaigns, the first first."""
    columns = [table.c[name] for name in Campaign.__struct_fields__]
    query = select(*columns).where(wanted).order_by(table.c.id)
    rows = await db.execute(query.with_for_update() if lock else query)
    return [msgspec.convert(row, Campaign, from_attributes=True) for row in rows]


async def write(db: AsyncConnection, after: Campaign, *more: str) -> None:
    """Store how far a campaign that was `locked` is, and `more` of it, which only officers may."""
    names = ("place", "found_any", "due_at", *more)
    values = {**{name: getattr(after, name) for name in names}, "state": after.state.value}
    await db.execute(update(table).where(table.c.id == after.id).values(values))


async def tell(db: AsyncConnection, about: Campaign, actor: str, at: datetime) -> None:
    """Say in the journal where a campaign is in its life."""
    fact = events.CampaignMoved(
        campaign=about.id, kind=about.kind, state=about.state, basis=about.basis, to_basis=about.to_basis
    )
    await journal.append(db, tables.event, journal.Fact(aggregate=about.id, at=at, actor=actor, event=fact))


_APPROVAL = ("consent_until", "approved_by", "approved_at")
_STOP_ORDERS = text("SELECT FROM cards.circulation FOR UPDATE")
_COUNTS = text("SELECT outcome, count(*) AS cards FROM cards.campaign_card WHERE campaign = :campaign GROUP BY outcome")
_DUE = text("SELECT id FROM cards.campaign WHERE due_at <= :now ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED")
