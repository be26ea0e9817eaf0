"""What our own issuer was asked is done once: its answer is kept under the key, in the transaction of the effect.

asks       app/cards_processor.py         OwnIssuer
keeps      app/cards_processor_once.py    Once         <- you are here
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec
import sqlalchemy.exc
from sqlalchemy import text

from app import db, idempotency, problems, refusals
from app.db import Story
from app.house import House
from app.money import claim
from cards.card import WrongState
from cards.processor import Done, Issued, Refused, Unknown, Why

Answer = Done | Issued | Refused
Tell = Callable[[Story], Awaitable[Answer]]


class Once:
    """The memory of what was asked under which key, by `actor`."""

    def __init__(self, house: House, actor: str) -> None:
        self._house = house
        self._actor = actor

    async def do(self, holder: UUID | None, key: str, content: object, act: Tell) -> Answer | Unknown:
        """Do `act` for a resident unless its answer is known under `key`; for nobody there is nothing to do."""
        if holder is None:
            return Refused(Why.UNKNOWN_REFERENCE)
        named = claim(self._actor, key, content)
        try:
            async with db.transaction(self._house.api, holder=holder, audience="resident", actor=self._actor) as story:
                connection = await story()
                await connection.execute(_LOCK, idempotency.lock_key(named))
                given = {"principal": named.principal, "key": named.key}
                if (known := (await connection.execute(_FIND, given)).one_or_none()) is not None:
                    same = known.request_hash == named.request_hash
                    return _ANSWER.decode(known.body) if same else Refused(Why.KEY_REUSED)
                answer = await _first(story, act)
                body = msgspec.json.encode(answer)
                await connection.execute(_STORE, {**given, "request_hash": named.request_hash, "body": body})
                return answer
        except (sqlalchemy.exc.SQLAlchemyError, OSError) as error:
            return Unknown(silence(error))


async def _first(story: Story, act: Tell) -> Answer:
    """Do it; a refusal leaves nothing behind but itself."""
    try:
        async with (await story()).begin_nested():
            return await act(story)
    except tuple(refusals.REFUSALS) as refusal:
        if isinstance(refusal, WrongState):
            return Refused(Why.WRONG_STATE, refusal.state)
        unknown = problems.of(refusal).status == 404  # noqa: PLR2004  not found, in RFC 9110
        return Refused(Why.UNKNOWN_REFERENCE if unknown else Why.NOT_ACCEPTED, problems.of(refusal).code)


def silence(error: Exception) -> str:
    """Say in a line why there is no answer."""
    return f"{type(error).__name__} {db.sqlstate(error) or ''}".strip()


_ANSWER = msgspec.json.Decoder(Done | Issued | Refused)
_LOCK = text("SELECT pg_advisory_xact_lock(:high, :low)")
_FIND = text("SELECT request_hash, body FROM app.idempotency WHERE principal = :principal AND key = :key")
_STORE = text(
    """
    INSERT INTO app.idempotency (principal, key, request_hash, status, headers, body, money)
    VALUES (:principal, :key, :request_hash, 200, '{}', :body, false)
    """
)
