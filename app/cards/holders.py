"""Who holds cards, as the house knows them: when they were identified, why they are exempt, whether they are listed.

tells      app/cards/holders.py       regime()      the regime of the day, bound by the law of the day
           app/cards/holders.py      holder()      kyc's and residency's answers, as values for cards/programme/order.py
step       app/cards/holders.py       step()        <- you are here: identities that have to be verified again
decides    cards/programme/verification.py     note(), lapse()

A document that was looked at counts, not a list that was: screening decides anew each night, and verifies nobody.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import transaction
from app.house import House
from cards.programme import exemption, listing, verification
from cards.programme.order import Holder
from law import calendar
from law.regime import PROGRAMME, NoRegime, Policy, Regime, bound
from law.seed import THRESHOLDS
from residency import status
from residency.status import State

ACTOR = "service:card-holders"
_AT_ONCE = 50


def regime(at: datetime) -> Regime:
    """Say under which regime cards are issued at an instant, as far as the law of the day lets it; raises NoRegime."""
    today = calendar.statutory_date(at)
    return bound(PROGRAMME.at(today), THRESHOLDS, today)


async def holder(db: AsyncConnection, resident: UUID) -> Holder:
    """Say who a card is for; the resident holds the status of an e-resident."""
    await recognise(db, resident=resident)
    verified_at = await identified_at(db, resident)
    assert verified_at is not None, "nobody becomes an e-resident unidentified"
    return Holder(id=resident, verified_at=verified_at, exemption=await _exempt(db, resident))


async def identified_at(db: AsyncConnection, resident: UUID) -> datetime | None:
    """Say when a resident last showed a document that was found good, or got the status that asks for one."""
    found: datetime | None = await db.scalar(_IDENTIFIED, {"resident": resident})
    return found


async def _exempt(db: AsyncConnection, resident: UUID) -> str | None:
    """Say why a resident is exempt, as long as the status that proves it stands."""
    granted = await exemption.in_force(db, resident)
    if granted is None:
        return None
    stands = {each.id for each in await status.of_resident(db, resident) if each.state is State.ACTIVE}
    return granted.reason.value if granted.status in stands else None


async def recognise(db: AsyncConnection, *, resident: UUID | None = None, listed: UUID | None = None) -> None:
    """Compare the documents of a resident with the lists, or a listing with everybody's; who asks reads neither."""
    await db.execute(_RECOGNISE, {"holder": resident, "listing": listed})


async def step(house: House) -> int:
    """Look at holders whose verification is over: verified again meanwhile, or their cards wait; answers how many."""
    async with transaction(house.worker, actor=ACTOR, operation="card_holders") as story:
        db = await story()
        today = calendar.statutory_date(story.now)
        due = await verification.due(db, story.now, _AT_ONCE)
        policy = _policy(story.now) if due else None
        for each in due:
            await _look(db, each, policy, story.now)
        return len(due) + await listing.end_overdue(db, today, actor=ACTOR, at=story.now)


async def _look(db: AsyncConnection, each: UUID, policy: Policy | None, at: datetime) -> None:
    known, newest = await verification.find(db, each), await identified_at(db, each)
    assert known is not None, "it was due"
    if policy is not None and newest is not None:
        # Another interval may be the law by now, so this is said also where nothing else is new.
        known = await verification.note(db, each, newest, policy=policy, actor=ACTOR, at=at)
    if known.verified_until is not None and calendar.statutory_date(at) > known.verified_until:
        await verification.lapse(db, each, actor=ACTOR, at=at)


def _policy(at: datetime) -> Policy | None:
    try:
        return regime(at).policy
    except NoRegime:
        return None


_IDENTIFIED = text(
    """
    SELECT greatest(
        (SELECT max(document.at) FROM kyc.document WHERE document.resident = :resident AND 'identified' = (
            SELECT outcome FROM kyc.decision WHERE decision.document = document.id ORDER BY version DESC LIMIT 1)),
        (SELECT max(assigned_at) FROM residency.status WHERE status.resident = :resident)
    )
    """
)
_RECOGNISE = text("SELECT app.recognise_listed(:holder, :listing)")
