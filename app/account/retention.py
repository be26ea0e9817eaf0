"""What was kept long enough goes, kind by kind, a bounded batch at a time; each run is an event with its count.

rules      law/retention.py          how long, since when, by which act
applies    app/account/retention.py  step()       <- you are here, a step of the worker
persons    app/account/ending.py     what is kept with a person goes with the person

Not here, because it goes within minutes of its own end: challenges, codes and used proofs (app/auth/forgetting.py),
nonces (app/nonces.py), and copies that were not fetched (app/account/export.py).
"""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app import tables as house_tables
from app.account.events import RetentionApplied
from app.db import Story, transaction
from app.house import House
from law import calendar
from law import retention as rules
from proof import journal
from residency import application, filing

ACTOR = "service:retention"
BATCH = 500
_EVERY = timedelta(days=1)
_KINDS = UUID("0192f7d0-6a4b-7c3e-9001-72657465696e")


class Kind(msgspec.Struct, frozen=True):
    """How one kind goes: a statement that takes what began before :before, :size rows at most.

    `real` is for what the machine's clock dates; everything else is dated by the installation's. `then` does to each
    row what a room's own verb must do.
    """

    statement: TextClause
    real: bool
    then: Callable[[AsyncConnection, UUID, datetime], Awaitable[object]] | None = None


async def step(house: House) -> int:
    """Apply the rule of one kind that is due; answers how many rows went."""
    async with transaction(house.worker, actor=ACTOR, operation="retention") as story:
        db = await story()
        kind: str | None = await db.scalar(_TAKE, {"now": story.now})
        return await _apply(db, kind, story) if kind else 0


async def _apply(db: AsyncConnection, kind: str, story: Story) -> int:
    known = KINDS[kind]
    today = calendar.statutory_date(clock.real() if known.real else story.now)
    before = rules.before(kind, today)
    instant = {"before": calendar.day_starts(before), "size": BATCH, "now": story.now}
    rows = (await db.scalars(known.statement, instant)).all()
    if known.then is not None:
        for row in rows:
            await known.then(db, row, story.now)
    gone = len(rows)
    # A full batch is probably not the last one.
    await db.execute(_NEXT, {"kind": kind, "due_at": story.now if gone == BATCH else story.now + _EVERY})
    await _tell(db, kind, before, gone, story.now)
    return gone


async def _tell(db: AsyncConnection, kind: str, before: date, gone: int, at: datetime) -> None:
    fact = RetentionApplied(kind=kind, before=before, count=gone)
    told = journal.Fact(aggregate=uuid5(_KINDS, kind), at=at, actor=ACTOR, event=fact)
    await journal.append(db, house_tables.event, told)


_TAKE = text("SELECT kind FROM app.retention WHERE due_at <= :now ORDER BY due_at, kind LIMIT 1 FOR UPDATE SKIP LOCKED")
_NEXT = text("UPDATE app.retention SET due_at = :due_at WHERE kind = :kind")

# A key that did not move money; the database refuses to part with the others (0015).
_IDEMPOTENCY = """
DELETE FROM app.idempotency WHERE (principal, key) IN (
    SELECT principal, key FROM app.idempotency WHERE NOT money AND at < :before ORDER BY at LIMIT :size
) RETURNING 1
"""
# With everything that hangs on it, unless something was signed in it, which is evidence and stays with the person.
_SESSION = """
WITH over AS (
    SELECT id FROM app.session WHERE coalesce(ended_at, expires_at) < :before
      AND NOT EXISTS (SELECT FROM app.step_up WHERE step_up.session = session.id)
    ORDER BY coalesce(ended_at, expires_at) LIMIT :size
), refreshed AS (
    DELETE FROM app.refresh USING over WHERE refresh.session = over.id
), attested AS (
    DELETE FROM app.attestation USING over WHERE attestation.session = over.id
), coded AS (
    DELETE FROM app.authorization_code USING over WHERE authorization_code.session = over.id
), wallets AS (
    DELETE FROM app.wallet_session USING over WHERE wallet_session.session = over.id
)
DELETE FROM app.session USING over WHERE session.id = over.id RETURNING 1
"""
_STEP_UP = """
DELETE FROM app.step_up WHERE id IN (
    SELECT id FROM app.step_up WHERE used_at IS NULL AND expires_at < :before ORDER BY expires_at LIMIT :size
) RETURNING 1
"""
# What a bank wrote names who paid; what was done about it stays, by amount and id.
_PAYMENT_MESSAGE = """
UPDATE app.inbox SET body = '' WHERE id IN (
    SELECT id FROM app.inbox WHERE body <> '' AND state <> 'waiting' AND received_at < :before
    ORDER BY received_at LIMIT :size
) RETURNING 1
"""
_CARD_NUMBER = "SELECT app.forget_cards(:before, :size)"
# Whoever applied and holds nothing, and did nothing since: their account ends by itself and is erased at once. An open
# case is the operator's to decide first.
_REFUSED = """
INSERT INTO app.closure (holder, state, version, requested_at, closes_at, due_at)
SELECT holder, 'closing', 1, :now, :now, :now FROM (
    SELECT resident AS holder, at FROM kyc.document UNION ALL SELECT resident, at FROM residency.transition
) AS applied
WHERE NOT EXISTS (SELECT FROM wallet.holder AS client WHERE client.holder = applied.holder)
  AND NOT EXISTS (SELECT FROM residency.status WHERE status.resident = applied.holder)
  AND NOT EXISTS (
      SELECT FROM residency.application AS waiting
      WHERE waiting.resident = applied.holder AND waiting.state NOT IN ('granted', 'refused', 'withdrawn')
  )
  AND NOT EXISTS (SELECT FROM app.closure AS known WHERE known.holder = applied.holder AND known.state <> 'open')
GROUP BY holder HAVING max(at) < :before ORDER BY max(at) LIMIT :size
ON CONFLICT (holder) DO UPDATE SET
    state = 'closing', version = closure.version + 1, closes_at = :now, requested_at = :now, due_at = :now
RETURNING 1
"""

# With its payments, of which none was made: so many lists as have fifty thousand, one of them at least.
_PAYMENT_LIST = """
WITH over AS (
    SELECT id FROM (
        SELECT id, sum(items) OVER (ORDER BY expires_at, id) - items AS earlier FROM app.payment_list
        WHERE state IN ('draft', 'cancelled') AND expires_at < :before ORDER BY expires_at, id LIMIT :size
    ) AS list WHERE earlier < 50000
), items AS (
    DELETE FROM app.payment_item USING over WHERE payment_item.list = over.id
)
DELETE FROM app.payment_list USING over WHERE payment_list.id = over.id RETURNING 1
"""
# What a paper or a face came in stays with it.
_KYC_FILE = """
DELETE FROM kyc.file WHERE id IN (
    SELECT id FROM kyc.file WHERE at < :before
      AND NOT EXISTS (SELECT FROM kyc.paper_file WHERE paper_file.file = file.id)
      AND NOT EXISTS (SELECT FROM kyc.face_session WHERE face_session.selfie = file.id)
    ORDER BY at LIMIT :size
) RETURNING 1
"""
_SHOWING = """
DELETE FROM credential.showing WHERE id IN (
    SELECT id FROM credential.showing WHERE at < :before ORDER BY at LIMIT :size
) RETURNING 1
"""
_DRAFT = """
SELECT id FROM residency.application JOIN residency.transition ON application_id = id AND sort = version
WHERE application.state = 'draft' AND at < :before ORDER BY at LIMIT :size FOR UPDATE OF application SKIP LOCKED
"""


async def _withdrawn(db: AsyncConnection, draft: UUID, at: datetime) -> None:
    await filing.withdraw(db, await application.lock(db, draft), at=at, by=ACTOR)


KINDS = {
    "idempotency": Kind(text(_IDEMPOTENCY), real=True),
    "session": Kind(text(_SESSION), real=True),
    "step_up": Kind(text(_STEP_UP), real=True),
    "payment_message": Kind(text(_PAYMENT_MESSAGE), real=True),
    "card_number": Kind(text(_CARD_NUMBER), real=False),
    "kyc_file": Kind(text(_KYC_FILE), real=False),
    "showing": Kind(text(_SHOWING), real=False),
    "draft": Kind(text(_DRAFT), real=False, then=_withdrawn),
    "payment_list": Kind(text(_PAYMENT_LIST), real=False),
    "refused": Kind(text(_REFUSED), real=False),
}
