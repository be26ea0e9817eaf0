"""What follows from alerts, at once: money is frozen, freed, the person's case goes on; whitelistings run out.

grave      app/measures.py   step()          <- you are here, a step of the worker: nobody waits for the morning
confirms   app/measures.py   confirmed()     one officer is enough: the law wants a freeze without delay
frees      app/measures.py   freed()         two officers, who lift with the same word what stood because of the alert

A list by which the law freezes (the national one, the United Nations': kyc/screening/standard.py) stops everything
once an officer has confirmed, openly, as an order of a state body. Before that, and on a list that is only our risk, it
is the review that any doubt is (app/restrictions/reason.py): the same words for every cause, so nobody is tipped off.
"""

from datetime import datetime
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids, monitoring
from app.db import transaction
from app.house import House
from app.limiting import tables as limiting
from app.restrictions import restriction
from app.restrictions.restriction import Act as Restricting
from app.restrictions.restriction import Proposed, Restriction, Stands, UnknownPerson
from kyc.lists import edition
from kyc.screening import act, alert, standard, tables
from kyc.screening.act import Acted
from kyc.screening.alert import Alert, State
from kyc.screening.standard import Effect

#: Who proposes what follows from the lists; the database lets the worker impose nothing else.
ACTOR = "service:screening"
#: Who agrees where the lists leave no doubt and no officer has looked yet.
_LAW = "system:targeted_sanctions"
_PRECAUTION = "list_match"
_ORDER = "published_list"
_AT_ONCE = 20

_log = structlog.get_logger()


async def step(house: House) -> int:
    """Restrict who is gravely near, look again at whom the whitelisting is over; answers how many."""
    async with transaction(house.worker, actor=ACTOR, operation=monitoring.OPERATION) as story:
        db = await story()
        grave = [(row.id, row.resident) for row in await db.execute(_GRAVE, {"limit": _AT_ONCE})]
        for found, resident in grave:
            await _impose(db, resident, _PRECAUTION, agreed_by=_LAW, at=story.now)
            await db.execute(_MEASURED, {"alert": found})
        over = await alert.expired(db, at=story.now, limit=_AT_ONCE)
        for each in over:
            await act.reopen(db, each, actor=ACTOR, at=story.now)
            await report(db, each.resident, at=story.now, actor=ACTOR)
    return len(grave) + len(over)


async def settled(db: AsyncConnection, about: Alert, acted: Acted, *, at: datetime) -> None:
    """Let follow what an officer did: of a confirmed alert the freeze, of a cleared one the end of it."""
    if acted.agreed is not True:
        return
    if about.state is State.CONFIRMED:
        await confirmed(db, about, actor=acted.proposed_by, at=at)
    elif about.state is State.CLEARED:
        assert acted.decided_by is not None, "two agreed"
        await freed(db, about.resident, first=acted.proposed_by, second=acted.decided_by, at=at)
    await report(db, about.resident, at=at, actor=acted.decided_by or acted.proposed_by)


async def confirmed(db: AsyncConnection, about: Alert, *, actor: str, at: datetime) -> None:
    """Restrict somebody who is on a list, by the officer's word and the list's."""
    freezes = standard.publisher(about.source).effect is Effect.FREEZE
    await _impose(db, about.resident, _ORDER if freezes else _PRECAUTION, agreed_by=actor, at=at)


async def freed(db: AsyncConnection, resident: UUID, *, first: str, second: str, at: datetime) -> None:
    """Lift what was imposed because of the lists, unless another alert wants it on."""
    if any(
        each.state is State.CONFIRMED or (each.grave and each.state is State.OPEN)
        for each in await _alerts(db, resident)
    ):
        return
    for standing in await restriction.of(db, resident):
        if standing.state is restriction.State.IN_FORCE and await _is_ours(db, standing):
            await _lift(db, standing, first=first, second=second, at=at)


async def report(db: AsyncConnection, resident: UUID, *, at: datetime, actor: str) -> None:
    """Tell the person's case how their alerts stand now."""
    finding = alert.finding(await alert.standing(db, resident), await edition.newest(db))
    asked = await db.scalar(select(tables.screened.c.asked).where(tables.screened.c.resident == resident))
    await monitoring.report(db, resident, finding, asked=bytes(asked or resident.bytes), at=at, actor=actor)


async def _alerts(db: AsyncConnection, resident: UUID) -> list[Alert]:
    return await alert.of(db, resident)


async def _impose(db: AsyncConnection, resident: UUID, cause: str, *, agreed_by: str, at: datetime) -> None:
    """Restrict somebody at once, where they have anything and it does not stand already."""
    proposal = ids.new()
    try:
        await restriction.impose(db, resident, cause, act=proposal, note=None, actor=ACTOR, at=at)
    except Stands as stands:
        await _agree_to_standing(db, resident, stands, agreed_by=agreed_by, at=at)
        return
    except UnknownPerson:  # somebody who was looked up, and has no account with us
        _log.warning("nobody_to_restrict", why=cause)
        return
    await restriction.decide(db, proposal, agreed=True, actor=agreed_by, at=at)


async def _agree_to_standing(
    db: AsyncConnection, resident: UUID, stands: Stands, *, agreed_by: str, at: datetime
) -> None:
    """Agree to a restriction of the same class that somebody else has proposed and nobody has decided."""
    for each in await restriction.waiting(db):
        proposes = each.act is Restricting.IMPOSE and each.reason == stands.reason
        if each.holder == resident and proposes and each.proposed_by != agreed_by:
            await restriction.decide(db, each.id, agreed=True, actor=agreed_by, at=at)


async def _is_ours(db: AsyncConnection, standing: Restriction) -> bool:
    return any(
        each.id == standing.by_act and each.proposed_by == ACTOR for each in await restriction.acts(db, standing.id)
    )


async def _lift(db: AsyncConnection, standing: Restriction, *, first: str, second: str, at: datetime) -> None:
    agreed = Proposed(
        id=ids.new(),
        restriction=standing.id,
        holder=standing.holder,
        act=Restricting.LIFT,
        reason=standing.reason,
        cause=None,
        note=None,
        proposed_by=first,
        proposed_at=at,
        decided_by=second,
        decided_at=at,
        agreed=True,
    )
    await db.execute(insert(limiting.restriction_act).values(msgspec.structs.asdict(agreed)))
    await restriction.lift(db, standing.id, act=agreed.id, actor=second, at=at)


_GRAVE = text(
    """
    SELECT id, resident FROM kyc.alert WHERE grave AND state = 'open' AND NOT measured
    ORDER BY raised_at LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_MEASURED = text("UPDATE kyc.alert SET measured = true WHERE id = :alert")
