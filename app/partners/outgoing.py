"""What partners are sent: events of the feed, signed, in order per aggregate, again and again until they are taken.

fans out   app/outbox.py             step()       in the relay's transaction
sends      app/partners/outgoing.py  step()       <- you are here
signs      app/partners/webhook.py   v1a, with the installation's webhook key
pulls      app/http/partner/events.py             the same events, for a partner who missed some

A delivery keeps its place: while one of an aggregate waits at an endpoint, later ones of that aggregate wait behind it,
those of others pass. Every endpoint has a line of its own, so a silent one delays itself alone. No transaction is open
while the network is: a lease keeps other workers off.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Protocol, TypeVar
from uuid import UUID

import httpx
import msgspec
import structlog
from msgspec import Meta
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db, trace
from app.house import House
from app.http import fact, ids
from app.partners import destination, line, webhook

#: How long after an attempt the next one comes: Standard Webhooks 1.0.0, 75 hours and 35 minutes in all.
SCHEDULE = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
TIMEOUT_S = 5.0
RETRY_AFTER_MAX = timedelta(hours=24)
#: How many attempts run at one endpoint at a time, and how long a step stays with one that takes everything.
SIZE_MAX = 4
TURN_S = TIMEOUT_S
# Longer than an attempt can take, so that a row is never sent by two workers at once.
_LEASE = timedelta(seconds=30)

_log = structlog.get_logger()


class Positioned(Protocol):
    """A row of the feed, as far as it matters here."""

    @property
    def position(self) -> int:
        """Where it stands in the feed."""
        ...


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner is sent: an event of the feed. `sequence` has no gaps: one that is missing was lost."""

    type: Annotated[str, Meta(examples=["placement.booked"])]
    timestamp: datetime
    id: Annotated[str, Meta(examples=["evt_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    sequence: Annotated[int, Meta(ge=1, examples=[7])]
    position: Annotated[int, Meta(ge=1, examples=[42])]
    aggregate: UUID
    version: Annotated[int, Meta(ge=1, examples=[3])]
    data: Annotated[dict[str, Any], Meta(examples=[{"amount_minor": 100_000, "currency": "KZT"}])]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one endpoint. `attempts` counts this one; `leased_until` is this worker's lease."""

    id: UUID
    subscription: UUID
    sequence: int
    url: str
    attempts: int
    leased_until: datetime
    event_id: UUID
    aggregate: UUID
    version: int
    position: int
    kind: str
    at: datetime
    body: dict[str, Any]
    trace: str | None = None

    @property
    def webhook_id(self) -> str:
        """The id that stays the same over all attempts."""
        return ids.show("msg", self.id)

    def payload(self) -> bytes:
        """Write the message, the same bytes at every attempt."""
        message = Sent(
            type=self.kind,
            timestamp=self.at,
            id=ids.show("evt", self.event_id),
            sequence=self.sequence,
            position=self.position,
            aggregate=self.aggregate,
            version=self.version,
            data=fact.shown(self.body),
        )
        return msgspec.json.encode(message, order="deterministic")


class Taken(msgspec.Struct, frozen=True):
    """The endpoint answered 2xx."""


class Gone(msgspec.Struct, frozen=True):
    """The endpoint answered 410: it wants nothing more."""


class Failed(msgspec.Struct, frozen=True):
    """Anything else, a redirect and silence too; `wait` is what the endpoint asked for."""

    trouble: str
    wait: timedelta = timedelta(0)


Result = Taken | Gone | Failed
Each = TypeVar("Each")


async def fan_out(
    connection: AsyncConnection, rows: Sequence[Positioned], traces: Mapping[int, str], now: datetime
) -> None:
    """Queue feed rows for whoever subscribed to their kind; runs in the relay's transaction, at `now` of its clock.

    Attempts are due by the real clock. An endpoint that is switched off is queued for too: it may come back, and its
    partner may pull. `traces` are those the events happened in, by position: their webhooks go on with them.
    """
    assert now.tzinfo is not None, "a time is aware"
    positions = [row.position for row in rows]
    told = {"positions": positions, "traces": [traces.get(position) for position in positions]}
    await connection.execute(_FAN_OUT, {**told, "due_at": clock.real()})


async def step(house: House) -> int:
    """Send what is due; answers how many attempts were made."""
    async with db.transaction(house.worker) as story:
        waited_for = list(await (await story()).scalars(_WAITED_FOR, {"now": clock.real()}))
    return sum(await _all(_serve(house, subscription) for subscription in waited_for))


async def _serve(house: House, subscription: UUID) -> int:
    """Send what is due at one endpoint, a few at a time; one that fails is not insisted on before the next step."""
    made, turn_over = 0, asyncio.get_running_loop().time() + TURN_S
    while due := await _claim(house, subscription):
        made += len(due)
        taken = await _all(_deliver(house, delivery) for delivery in due)
        if not all(taken) or asyncio.get_running_loop().time() >= turn_over:
            break
    return made


async def _claim(house: House, subscription: UUID) -> list[Delivery]:
    now = clock.real()
    claimed = {"subscription": subscription, "now": now, "until": now + _LEASE, "limit": SIZE_MAX}
    async with db.transaction(house.worker) as story:
        rows = await (await story()).execute(_CLAIM, claimed)
        return [msgspec.convert(row._asdict(), Delivery) for row in rows]


async def _deliver(house: House, delivery: Delivery) -> bool:
    """Make one attempt and write down what came of it; answers whether the endpoint took it."""
    result = await attempt(house, delivery)
    async with db.transaction(house.worker) as story:
        await _settle(await story(), delivery, result)
    return isinstance(result, Taken)


async def _all(running: Iterable[Coroutine[Any, Any, Each]]) -> list[Each]:
    """Let each run to its end whatever becomes of the others, and only then raise the first fault."""
    found: list[Each] = []
    faults: list[BaseException] = []
    for each in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(each, BaseException):
            faults.append(each)
        else:
            found.append(each)
    if faults:
        raise faults[0]
    return found


async def attempt(house: House, delivery: Delivery) -> Result:
    """Send one delivery once; whatever goes wrong is this delivery's failure."""
    at = clock.real()
    try:
        body = delivery.payload()
        signature = house.keys.webhook.sign(webhook.signed_text(delivery.webhook_id, at, body))
        signed = webhook.headers(delivery.webhook_id, at, [webhook.ed25519(signature)])
        destination.check(delivery.url, local=house.settings.virtual)
        # Status and headers only: whatever else an endpoint answers costs us neither memory nor time.
        headers = {**signed, "Content-Type": "application/json", "traceparent": trace.traceparent(delivery.trace)}
        answer = await line.ask(house.http, "POST", delivery.url, within_s=TIMEOUT_S, body=body, headers=headers)
    except destination.Forbidden as error:
        return Failed(f"Forbidden: {error.reason}")
    except line.Unanswered as error:
        return Failed(error.trouble)
    except Exception as error:  # noqa: BLE001  what a stranger's address makes libraries raise has no end
        _log.error("delivery_broke", subscription=str(delivery.subscription), exc_info=error)
        return Failed(type(error).__name__)
    return judge(answer, at)


def judge(answer: line.Answer, at: datetime) -> Result:
    """Say what an endpoint's answer means."""
    if answer.is_success:
        return Taken()
    if answer.status == httpx.codes.GONE:
        return Gone()
    wait = timedelta(0)
    if answer.status in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE}:
        wait = retry_after(answer.headers.get("retry-after"), at)
    return Failed(f"answered {answer.status}", wait)


def retry_after(header: str | None, at: datetime) -> timedelta:
    """Read Retry-After (RFC 9110 section 10.2.3) as seen at `at`: seconds or a date, up to a day; nonsense is none."""
    if header is None:
        return timedelta(0)
    if header.isascii() and header.isdigit():
        return min(timedelta(seconds=int(header[:6])), RETRY_AFTER_MAX)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return timedelta(0)
    if until.tzinfo is None:
        return timedelta(0)
    return max(timedelta(0), min(until - at, RETRY_AFTER_MAX))


def next_attempt(attempts: int, wait: timedelta, at: datetime) -> datetime | None:
    """Say when to try again after `attempts` that failed, the last at `at`; None when the schedule is used up."""
    if attempts >= len(SCHEDULE):
        return None
    return at + max(SCHEDULE[attempts], wait)


async def _settle(connection: AsyncConnection, delivery: Delivery, result: Result) -> None:
    """Write down what came of an attempt, unless the lease ran out and another worker has it."""
    at = clock.real()
    written = {"id": delivery.id, "leased_until": delivery.leased_until, "at": at}
    if isinstance(result, Taken):
        await connection.execute(_TAKEN, written)
        return
    if isinstance(result, Gone):
        _log.warning("subscription_gone", subscription=str(delivery.subscription))
        await connection.execute(_SWITCH_OFF, {"id": delivery.subscription, "trouble": "answered 410"})
        result = Failed("answered 410")
    due_at = next_attempt(delivery.attempts, result.wait, at)
    if due_at is None:
        _log.error("delivery_failed", subscription=str(delivery.subscription), sequence=delivery.sequence)
    await connection.execute(_FAILED, {**written, "due_at": due_at, "trouble": result.trouble})


_FAN_OUT = text(
    """
    WITH matched AS (
        SELECT subscription.id AS subscription, feed.position, feed.aggregate,
               subscription.sequence
                   + row_number() OVER (PARTITION BY subscription.id ORDER BY feed.position) AS sequence, told.trace
        FROM app.feed
        JOIN unnest(CAST(:positions AS bigint[]), CAST(:traces AS text[])) AS told (position, trace)
             ON told.position = feed.position
        JOIN app.subscription ON feed.kind = ANY(subscription.kinds)
             AND (subscription.sees = 'all' OR feed.body ->> 'partner' = subscription.partner::text)
    ), counted AS (
        UPDATE app.subscription SET sequence = reached.sequence
        FROM (SELECT subscription, max(sequence) AS sequence FROM matched GROUP BY subscription) AS reached
        WHERE subscription.id = reached.subscription
    )
    INSERT INTO app.delivery (subscription, sequence, position, aggregate, due_at, trace)
    SELECT subscription, sequence, position, aggregate, CAST(:due_at AS timestamptz), trace FROM matched
    """
)
_WAITED_FOR = text(
    """
    SELECT id FROM app.subscription WHERE active AND EXISTS (
        SELECT 1 FROM app.delivery WHERE delivery.subscription = subscription.id
            AND due_at <= :now AND (leased_until IS NULL OR leased_until <= :now)
    )
    """
)
_CLAIM = text(
    """
    WITH claimed AS (
        UPDATE app.delivery SET leased_until = :until, attempts = attempts + 1
        WHERE (subscription, sequence) IN (
            SELECT delivery.subscription, delivery.sequence
            FROM app.delivery JOIN app.subscription ON subscription.id = delivery.subscription AND subscription.active
            WHERE delivery.subscription = :subscription AND delivery.due_at <= :now
              AND (delivery.leased_until IS NULL OR delivery.leased_until <= :now)
              AND NOT EXISTS (
                  SELECT 1 FROM app.delivery AS earlier
                  WHERE earlier.subscription = delivery.subscription AND earlier.aggregate = delivery.aggregate
                    AND earlier.sequence < delivery.sequence AND earlier.due_at IS NOT NULL
              )
            ORDER BY delivery.due_at, delivery.sequence LIMIT :limit FOR UPDATE OF delivery SKIP LOCKED
        )
        RETURNING *
    )
    SELECT claimed.id, claimed.subscription, claimed.sequence, claimed.attempts, claimed.leased_until,
           claimed.trace, subscription.url,
           feed.event_id, feed.aggregate, feed.version, feed.position, feed.kind, feed.at, feed.body
    FROM claimed
    JOIN app.subscription ON subscription.id = claimed.subscription
    JOIN app.feed ON feed.position = claimed.position
    """
)
_TAKEN = text(
    """
    UPDATE app.delivery SET state = 'delivered', due_at = NULL, trouble = NULL, settled_at = :at
    WHERE id = :id AND leased_until = :leased_until
    """
)
_FAILED = text(
    """
    UPDATE app.delivery SET
        state = CASE WHEN CAST(:due_at AS timestamptz) IS NULL THEN 'failed' ELSE 'waiting' END,
        due_at = :due_at, leased_until = NULL, trouble = :trouble,
        settled_at = CASE WHEN CAST(:due_at AS timestamptz) IS NULL THEN CAST(:at AS timestamptz) END
    WHERE id = :id AND leased_until = :leased_until
    """
)
_SWITCH_OFF = text(
    "UPDATE app.subscription SET active = false, trouble = :trouble, version = version + 1 WHERE id = :id AND active"
)
