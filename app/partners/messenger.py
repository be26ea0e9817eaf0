"""Messages leave: the worker hands each to the gateway that sends e-mail and SMS, until it takes it or it is too late.

composes  app/auth/message.py
delivers  app/partners/messenger.py   step()      <- you are here, a step of the worker

The gateway is told the message's id as Idempotency-Key: what it did not answer is sent again and arrives once. Codes
asked for accounts that do not exist end here, where nobody who asked can watch.
"""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import msgspec
import structlog
from sqlalchemy import text

from app import clock
from app.auth import message
from app.auth.message import Letter
from app.db import transaction
from app.house import House
from app.http import ids
from app.partners import line
from proof.kms import Wrapped

TIMEOUT_S = 5.0
#: How long after an attempt the next one comes; the last repeats until the message expires.
SCHEDULE = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 5, 10, 30, 60))
SIZE_MAX = 16
#: Refusals that are no fault of the message: too soon, too much, a credential of ours that is being changed.
_PASSES = {401, 403, 408, 409, 425, 429}
# Longer than the attempts of one step can take, so that no message is under way twice.
_LEASE = SIZE_MAX * timedelta(seconds=TIMEOUT_S) + timedelta(seconds=10)

_log = structlog.get_logger()


class Due(msgspec.Struct, frozen=True):
    """A message this worker has until `due_at`; `known` says whether its subject exists."""

    id: UUID
    subject: UUID
    kek_version: int
    wrapped: bytes
    sealed: bytes
    attempts: int
    due_at: datetime
    known: bool


async def step(house: House) -> int:
    """Send what is due; answers how many messages were tried."""
    if house.settings.messages_url is None:
        return 0
    now = clock.real()
    async with transaction(house.worker) as story:
        rows = await (await story()).execute(_CLAIM, {"now": now, "until": now + _LEASE, "limit": SIZE_MAX})
        due = [Due(**row._asdict()) for row in rows]
    to_each: dict[UUID, list[Due]] = {}
    for each in sorted(due, key=lambda each: each.id):
        to_each.setdefault(each.subject, []).append(each)
    await asyncio.gather(*(_deliver_all(house, theirs) for theirs in to_each.values()))
    return len(due)


async def _deliver_all(house: House, due: list[Due]) -> None:
    """Send one person's messages in the order they were written: of several codes the last is the latest."""
    for each in due:
        await _deliver(house, each)


async def _deliver(house: House, due: Due) -> None:
    state = await _send(house, due) if due.known else "nobody"
    again = clock.real() + SCHEDULE[min(due.attempts, len(SCHEDULE)) - 1]
    settled = {"id": due.id, "lease": due.due_at, "state": state, "due_at": again if state == "waiting" else None}
    async with transaction(house.worker) as story:
        await (await story()).execute(_SETTLE, settled)


async def _send(house: House, due: Due) -> str:
    """Try once; gives the state the message is in then."""
    letter = message.opened(house.keys.kms, due.id, Wrapped(due.kek_version, due.wrapped), due.sealed)
    try:
        status = await post(house, due.id, letter)
    except line.Unanswered as error:
        _log.warning("message_not_taken", why=error.trouble, attempts=due.attempts)
        return "waiting"
    if httpx.codes.is_success(status):
        return "delivered"
    _log.warning("message_not_taken", status=status, attempts=due.attempts)
    return "waiting" if httpx.codes.is_server_error(status) or status in _PASSES else "refused"


async def post(house: House, message_id: UUID, letter: Letter) -> int:
    """Hand a letter to the gateway; gives what it answered. Raises app.partners.line.Unanswered."""
    settings, shown = house.settings, ids.show("msg", message_id)
    headers = {"Content-Type": "application/json", "Idempotency-Key": shown}
    if (token := settings.secret("messages_token")) is not None:
        headers["Authorization"] = f"Bearer {token}"
    body = msgspec.json.encode({"id": shown, **msgspec.structs.asdict(letter)})
    url = f"{settings.messages_url}/messages"
    return (await line.ask(house.http, "POST", url, within_s=TIMEOUT_S, body=body, headers=headers)).status


# The lease is the next due time: a worker that dies leaves its messages to the others when it is over.
_CLAIM = text(
    """
    UPDATE app.message SET due_at = :until, attempts = attempts + 1
    WHERE id IN (
        SELECT id FROM app.message WHERE due_at <= :now AND expires_at > :now
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id, subject, kek_version, wrapped, sealed, attempts, due_at,
              EXISTS (SELECT FROM app.subject WHERE subject.id = message.subject) AS known
    """
)
_SETTLE = text(
    """
    UPDATE app.message SET state = :state, due_at = CAST(:due_at AS timestamptz)
    WHERE id = :id AND due_at = CAST(:lease AS timestamptz)
    """
)
