"""The gate: was this proof used before, was it made lately, does the session still stand, is the quota used up.

All of it is asked of PostgreSQL with every request, in one statement (`app.admit`, revision 0011), so a sign-out or a
suspension holds in every process from the moment it is committed, and all processes share one count. It costs little
because requests share it: what came in while one statement ran is asked by the next one. A request that is alone waits
for nobody.
"""

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import clock
from app.auth import dpop, tables, token
from app.auth.intercom import Broken, Intercom
from app.auth.nonce import Nonces
from app.limits import Left, Policy

_SIZE_MAX = 512
_log = structlog.get_logger()


class SessionEnded(Exception):
    """The session of the token was signed out, has run out, or its subject is suspended."""

    def __init__(self) -> None:
        super().__init__()
        self.headers = {"WWW-Authenticate": token.challenge("invalid_token", "session ended")}


class Crowded(Exception):
    """Too many requests wait to be admitted; nothing was done."""


class Unattended(Exception):
    """The database did not answer, so nobody is let in."""


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request: its session, if it has a token, the once-only id of its proof, and whose quota it uses."""

    session: UUID | None = None
    minter: str | None = None
    jti: str | None = None
    until: datetime | None = None
    who: str | None = None
    policy: str | None = None
    window_ends: datetime | None = None


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What became of one: whether its proof is new, its session stands, and how often its caller asked."""

    fresh: bool
    live: bool
    used: int


class _Answers(msgspec.Struct, frozen=True):
    epoch: UUID
    answers: list[Answer]


class _Waiting(NamedTuple):
    ask: Ask
    answer: asyncio.Future[Answer]


_answers = msgspec.json.Decoder(_Answers)
_encoder = msgspec.json.Encoder()


class Gate:
    """The gate of one process, over an engine of the API's role.

    When more than `waiting_max` wait, the database is not keeping up, and the rest is told to come again.
    """

    def __init__(self, engine: AsyncEngine, nonces: Nonces, *, waiting_max: int = 4_096) -> None:
        self._waiting_max = waiting_max
        self._nonces = nonces
        self._intercom = Intercom(engine, "SELECT app.admit($1, $2)", types=("jsonb", "timestamptz"))
        self._epoch: UUID | None = None
        self._waiting: deque[_Waiting] = deque()
        self._asking = False
        self._connecting: asyncio.Task[None] | None = None

    def nonce(self) -> str | None:
        """Give the nonce for the next proof; None before the first request of this process was admitted."""
        return None if self._epoch is None else self._nonces.newest(self._epoch, clock.real().timestamp())

    async def admit(
        self, session: UUID | None, proof: dpop.Proof | None, *, who: str | None = None, policy: Policy | None = None
    ) -> Left | None:
        """Let one request in, once, and count it where it names `who` and their `policy`; says what is left.

        Raises SessionEnded, dpop.NonceNeeded, dpop.Refused for a used proof, Crowded, Unattended. The caller refuses
        what is over the quota.
        """
        now = clock.real()
        answer = await self._asked(_ask(now, session, proof, who, policy))
        if not answer.live:
            raise SessionEnded
        if proof is not None:
            assert self._epoch is not None, "it came with the answer"
            if not self._nonces.takes(self._epoch, proof.nonce, now.timestamp()):
                raise dpop.NonceNeeded
            if not answer.fresh:
                raise dpop.Refused("jti was used before")
        return policy.left(answer.used, now.timestamp()) if policy is not None else None

    def close(self) -> None:
        """Hang up; whoever waits is turned away."""
        if self._connecting is not None:
            self._connecting.cancel()
        turned_away, self._waiting = self._waiting, deque()
        self._refuse(turned_away)
        self._intercom.close()

    async def _asked(self, ask: Ask) -> Answer:
        if len(self._waiting) >= self._waiting_max:
            raise Crowded
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(_Waiting(ask, answer))
        if not self._asking:
            self._asking = True
            # After this turn of the loop: who came in with us is asked about with us.
            loop.call_soon(self._next)
        return await answer

    def _next(self) -> None:
        """Ask about those who wait, if there are any."""
        self._asking = bool(self._waiting)
        if not self._asking:
            return
        if not self._intercom.connected:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
            return
        taken = [self._waiting.popleft() for _ in range(min(_SIZE_MAX, len(self._waiting)))]
        # Whoever gave up waiting was not let in, so nothing of theirs is used up.
        asked = [waiting for waiting in taken if not waiting.answer.done()]
        parameters = [_encoder.encode([waiting.ask for waiting in asked]), clock.real().isoformat().encode()]
        self._intercom.ask(parameters, partial(self._settle, asked))

    async def _connect(self) -> None:
        try:
            await self._intercom.connect()
        except Exception as error:  # noqa: BLE001  whatever it is belongs to those who wait, not to this task
            _log.warning("gate_unattended", error=type(error).__name__)
            self._refuse(self._waiting)
            self._waiting = deque()
        self._next()

    def _settle(self, asked: list[_Waiting], said: bytes | Broken) -> None:
        if isinstance(said, Broken):
            _log.warning("gate_unattended", error="Broken", sqlstate=said.sqlstate)
            self._refuse(asked)
        else:
            heard = _answers.decode(said)
            self._epoch = heard.epoch
            for waiting, answer in zip(asked, heard.answers, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(answer)
        self._next()

    def _refuse(self, turned_away: deque[_Waiting] | list[_Waiting]) -> None:
        for waiting in turned_away:
            if not waiting.answer.done():
                waiting.answer.set_exception(Unattended())


def _ask(now: datetime, session: UUID | None, proof: dpop.Proof | None, who: str | None, policy: Policy | None) -> Ask:
    minter, jti, until = None, None, None
    if proof is not None:
        minter, jti, until = proof.thumbprint, proof.jti, now + _REMEMBERED
    if who is None or policy is None:
        return Ask(session, minter, jti, until)
    ends = datetime.fromtimestamp(policy.window_ends_s(now.timestamp()), UTC)
    return Ask(session, minter, jti, until, who, policy.name, ends)


_REMEMBERED = timedelta(seconds=dpop.REMEMBERED_S)


async def spend(db: AsyncConnection, minter: str, jti: str, until: datetime) -> bool:
    """Use up, within the story, an id that `minter` may use once; False if it was used before."""
    columns = tables.spent_assertion.c
    spent = insert(tables.spent_assertion).values(minted_by=minter, jti=jti, expires_at=until)
    return (await db.execute(spent.on_conflict_do_nothing().returning(columns.jti))).one_or_none() is not None
