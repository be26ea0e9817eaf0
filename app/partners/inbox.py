"""What partners tell us: kept first, acted on later, once.

receives   app/http/partner/webhooks.py  POST /v1/partner/{code}/webhooks
proves     app/partners/webhook.py       verify()       over the raw bytes
keeps      app/partners/inbox.py         keep()         <- you are here; the answer is 202 before anything is done
acts       app/partners/inbox.py         step()         the worker, by the kind of message
           app/partners/payments.py      received()     payment.received
           app/partners/placements.py    confirmed() …  placement.*
           app/banking/hearing.py        told()         order.*
           app/banking/bank_account.py   reported()     account.balance

A message that comes too early waits for its turn. One nobody here can act on is parked for an officer, never dropped;
one whose handling fails is tried again, later and later, and stays visible with what went wrong.
"""

import enum
import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db, ids
from app.banking import bank_account, hearing
from app.house import House
from app.partners import payments, placements, registry
from app.partners.message import Envelope, Handler, Message, TooEarly, Unfit, read
from app.partners.registry import Kind, Partner
from app.partners.webhook import Received
from proof.kms import Kms

SIZE_MAX = 20
_LEASE = timedelta(seconds=60)
_BACKOFF_FIRST = timedelta(seconds=1)
_BACKOFF_MAX = timedelta(hours=1)


class Hearing(NamedTuple):
    """Who acts on a kind of message, and the kinds of partner it is believed of."""

    act: Handler
    believed: frozenset[Kind]


_BANKS = frozenset({Kind.BANK})

#: What is heard at all. Only a bank holds the money that becomes e-money; placements.py believes their own bank only.
HANDLERS: dict[str, Hearing] = {
    "payment.announced": Hearing(payments.announced, _BANKS),
    "payment.received": Hearing(payments.received, _BANKS),
    "order.done": Hearing(hearing.told, _BANKS),
    "order.rejected": Hearing(hearing.told, _BANKS),
    "order.returned": Hearing(hearing.told, _BANKS),
    "account.balance": Hearing(bank_account.reported, _BANKS),
    "placement.confirmed": Hearing(placements.confirmed, _BANKS),
    "placement.rejected": Hearing(placements.rejected, _BANKS),
    "placement.matured": Hearing(placements.matured, _BANKS),
}

_log = structlog.get_logger()


class Kept(enum.StrEnum):
    """What became of a message at the door."""

    NEW = "new"
    REPEATED = "repeated"
    CONFLICTING = "conflicting"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the inbox taken by this worker."""

    id: UUID
    partner: UUID
    body: bytes
    attempts: int
    leased_until: datetime


async def keep(
    connection: AsyncConnection, vault: Kms, partner: Partner, received: Received, *, body: bytes, now: datetime
) -> Kept:
    """Store a proved message, due at once; the same id is stored once. `now` is the real clock."""
    message, digest = ids.new(), hashlib.sha256(body).digest()
    facts = {"partner": partner.id, "webhook_id": received.id, "sha256": digest, "now": now}
    sealed = registry.seal(vault, partner, body, row=message)
    stored = await connection.execute(_KEEP, {**facts, "id": message, "body": sealed, "sent_at": received.at})
    if stored.rowcount:
        return Kept.NEW
    first = await connection.scalar(_FIRST, {"partner": partner.id, "webhook_id": received.id})
    if first == digest:
        return Kept.REPEATED
    await connection.execute(_CONFLICT, facts)
    return Kept.CONFLICTING


async def step(house: House) -> int:
    """Act on the messages that are due; answers how many were taken."""
    now = clock.real()
    async with db.transaction(house.worker) as story:
        rows = await (await story()).execute(_CLAIM, {"now": now, "until": now + _LEASE, "limit": SIZE_MAX})
        taken = [msgspec.convert(row._asdict(), Row) for row in rows]
    for row in sorted(taken, key=lambda row: row.id):
        await _settle(house, row)
    return len(taken)


async def _settle(house: House, row: Row) -> None:
    kind = None
    try:
        taken = await _open(house, row)
        kind = taken.kind
        outcome = await _handler(taken)(house, taken)
    except Unfit as error:
        _log.warning("message_parked", message=str(row.id), kind=kind, why=error.why)
        await _write(house, _SETTLED, row, kind=kind, state="parked", outcome=error.why)
    except TooEarly as error:
        await _write(house, _AGAIN, row, kind=kind, outcome=error.why, due_at=later(row, clock.real()))
    except Exception as error:  # noqa: BLE001  one message's fault must not stop the others; it stays due
        _log.error("message_failed", message=str(row.id), kind=kind, attempts=row.attempts, exc_info=error)
        await _write(house, _AGAIN, row, kind=kind, outcome=type(error).__name__, due_at=later(row, clock.real()))
    else:
        await _write(house, _SETTLED, row, kind=kind, state="done", outcome=outcome)


async def _open(house: House, row: Row) -> Message:
    async with db.transaction(house.worker) as story:
        partner = await registry.find(await story(), row.partner)
    body = registry.unseal(house.keys.kms, partner, row.body, row=row.id)
    envelope = read(body, Envelope)
    return Message(id=row.id, partner=partner, kind=envelope.type, data=msgspec.json.encode(envelope.data))


def _handler(message: Message) -> Handler:
    found = HANDLERS.get(message.kind)
    if found is None:
        raise Unfit("unknown kind")
    if message.partner.kind not in found.believed:
        raise Unfit(f"not for {message.partner.kind.value} to say")
    return found.act


def later(row: Row, now: datetime) -> datetime:
    """Say when to try a message again: a second after the first attempt, then twice as long, an hour at most."""
    doublings = min(row.attempts - 1, 20)
    return now + min(_BACKOFF_FIRST * (1 << doublings), _BACKOFF_MAX)


async def _write(house: House, statement: TextClause, row: Row, **written: object) -> None:
    values = {"id": row.id, "leased_until": row.leased_until, "at": clock.real(), **written}
    async with db.transaction(house.worker) as story:
        await (await story()).execute(statement, values)


_KEEP = text(
    """
    INSERT INTO app.inbox (id, partner, webhook_id, sha256, body, sent_at, received_at, due_at)
    VALUES (:id, :partner, :webhook_id, :sha256, :body, :sent_at, :now, :now)
    ON CONFLICT (partner, webhook_id) DO NOTHING
    """
)
_FIRST = text("SELECT sha256 FROM app.inbox WHERE partner = :partner AND webhook_id = :webhook_id")
_CONFLICT = text(
    """
    INSERT INTO app.inbox_conflict (partner, webhook_id, sha256, received_at)
    VALUES (:partner, :webhook_id, :sha256, :now) ON CONFLICT DO NOTHING
    """
)
_CLAIM = text(
    """
    UPDATE app.inbox SET leased_until = :until, attempts = attempts + 1
    WHERE id IN (
        SELECT id FROM app.inbox WHERE due_at <= :now AND (leased_until IS NULL OR leased_until <= :now)
        ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id, partner, body, attempts, leased_until
    """
)
_SETTLED = text(
    """
    UPDATE app.inbox SET state = :state, kind = :kind, outcome = :outcome, due_at = NULL, settled_at = :at
    WHERE id = :id AND leased_until = :leased_until
    """
)
_AGAIN = text(
    """
    UPDATE app.inbox SET kind = :kind, outcome = :outcome, due_at = :due_at, leased_until = NULL
    WHERE id = :id AND leased_until = :leased_until
    """
)
