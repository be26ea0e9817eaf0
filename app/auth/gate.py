"""The gate: was this proof used before, does the session still stand.

Both are asked of PostgreSQL with every request, in one statement (`app.admit`, revision 0003), so a sign-out or a
suspension holds in every process from the moment it is committed. It costs little because requests share it: what came
in while one statement ran is asked by the next one. A request that is alone waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import clock
from app.auth import dpop, tables, token

_SIZE_MAX = 512

_ADMIT = text(
    """
    SELECT fresh, live FROM app.admit(
        CAST(:sessions AS uuid[]), CAST(:minters AS text[]), CAST(:jtis AS text[]), CAST(:until AS timestamptz[]), :now
    ) ORDER BY place
    """
)


class SessionEnded(Exception):
    """The session of the token was signed out, has run out, or its subject is suspended."""

    def __init__(self) -> None:
        super().__init__()
        self.headers = {"WWW-Authenticate": token.challenge("invalid_token", "session ended")}


class Crowded(Exception):
    """Too many requests wait to be admitted; nothing was done."""


class Ask(NamedTuple):
    """One request: its session, if it has a token, and the once-only id it carries, by whose key or client."""

    session: UUID | None = None
    minter: str | None = None
    jti: str | None = None
    until: datetime | None = None


Admission = Row[tuple[bool, bool]]
Waiting = tuple[Ask, asyncio.Future[Admission]]


class Gate:
    """The gate of one process, over an engine of the API's role.

    When more than `waiting_max` wait, the database is not keeping up, and the rest is told to come again.
    """

    def __init__(self, engine: AsyncEngine, *, waiting_max: int = 4_096) -> None:
        self._waiting_max = waiting_max
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._waiting: deque[Waiting] = deque()
        self._running: asyncio.Task[None] | None = None

    async def admit(self, session: UUID | None, proof: dpop.Proof | None) -> None:
        """Let one request in, once; raises dpop.Refused for a used proof, SessionEnded, Crowded.

        The caller holds no connection yet: while all of them wait for the gate, the gate would wait for one.
        """
        if proof is None:
            ask = Ask(session)
        else:
            until = clock.real() + timedelta(seconds=dpop.REMEMBERED_S)
            ask = Ask(session, proof.thumbprint, proof.jti, until)
        if len(self._waiting) >= self._waiting_max:
            raise Crowded
        answer: asyncio.Future[Admission] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        row = await answer
        if not row.live:
            raise SessionEnded
        if not row.fresh:
            raise dpop.Refused("jti was used before")

    async def _run(self) -> None:
        try:
            while self._waiting:
                taken = [self._waiting.popleft() for _ in range(min(_SIZE_MAX, len(self._waiting)))]
                # Whoever gave up waiting was not let in, so nothing of his is used up.
                await self._settle([(ask, answer) for ask, answer in taken if not answer.done()])
        finally:
            self._running = None

    async def _settle(self, taken: Sequence[Waiting]) -> None:
        try:
            rows = await self._admitted([ask for ask, _ in taken])
        except Exception as error:  # noqa: BLE001  whatever it is belongs to those who wait, not to this loop
            for _, answer in taken:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), row in zip(taken, rows, strict=True):
            if not answer.done():
                answer.set_result(row)

    async def _admitted(self, asks: Sequence[Ask]) -> Sequence[Admission]:
        if not asks:
            return []
        parameters = {
            "sessions": [ask.session for ask in asks],
            "minters": [ask.minter for ask in asks],
            "jtis": [ask.jti for ask in asks],
            "until": [ask.until for ask in asks],
            "now": clock.real(),
        }
        async with self._engine.connect() as db:
            return (await db.execute(_ADMIT, parameters)).all()


async def spend(db: AsyncConnection, minter: str, jti: str, until: datetime) -> bool:
    """Use up, within the story, an id that `minter` may use once; False if it was used before."""
    spent = insert(tables.spent_jti).values(minted_by=minter, jti=jti, expires_at=until).on_conflict_do_nothing()
    return (await db.execute(spent.returning(tables.spent_jti.c.jti))).one_or_none() is not None
