"""Where a story's transaction is opened and committed; only batches (app/batch.py) and the gate have their own.

A `Story` is one transaction, opened when it is first asked for its connection. In a handler it comes as the dependency
`story`: Litestar finishes the dependency before the first byte of the answer leaves, so a commit that fails becomes a
500 problem and never a false 201 (tests/app/test_db.py).
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy
import sqlalchemy.event
import sqlalchemy.exc
from sqlalchemy import text
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app import clock, trace
from app.settings import Settings
from migrations import walls

# Waiting longer than this helps nobody: the caller has gone, and the lock it would take is in others' way.
_TIMEOUTS = {
    walls.API: "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=10s",
    # Its statements are few, look things up by keys and come with columns of any length: planned once, not each time.
    walls.POSTING: "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=10s -c jit=off"
    " -c plan_cache_mode=force_generic_plan",
    walls.WORKER: "-c statement_timeout=30s -c lock_timeout=2s -c idle_in_transaction_session_timeout=30s",
    walls.REPORT: "-c statement_timeout=120s -c lock_timeout=2s -c idle_in_transaction_session_timeout=120s"
    " -c default_transaction_read_only=on",
}

#: Two batches on each of two lanes and two look-ups beside them; one transaction for each of the worker's steps;
#: reports one after the other. With the gate's own a process has 31 at most: three fit into the 97 connections that
#: PostgreSQL allows unless told more.
POOLS = {walls.POSTING: 6, walls.WORKER: 10, walls.REPORT: 2}
#: How long a connection is waited for. Nobody waits for the worker: its many steps take turns, also on a machine that
#: stood still for a moment.
_TURN_S = {walls.WORKER: 30.0}
_TURN_OF_OTHERS_S = 2.0

_OPEN = text(
    """
    SELECT set_config('app.holder', :holder, true), set_config('app.audience', :audience, true),
           set_config('app.actor', :actor, true), set_config('app.operation', :operation, true),
           set_config('app.trace', :trace, true),
           (SELECT advanced_by FROM app.clock) AS advanced_by
    """
)
_SPEAK = text("SELECT set_config('app.holder', :holder, true)")


#: SQLSTATEs that say "again": serialization, deadlock, a lock or time not to be had, no room, the server going or gone.
_PASSES = {
    "08000", "08003", "08006", "25P03", "40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "57P01", "57P02",
    "57P03", None,
}  # fmt: skip


def sqlstate(error: Exception) -> str | None:
    """Name what the database refused (PostgreSQL appendix A); None where it was not even reached."""
    found: str | None = getattr(getattr(error, "orig", None), "sqlstate", None)
    return found


def passes(error: Exception) -> bool:
    """Whether the same thing may succeed a moment later: it was not refused for what it is."""
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return True
    lost = isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InternalError)
    return lost and sqlstate(error) in _PASSES


def engine(settings: Settings, role: str) -> AsyncEngine:
    """Connect as one of the four roles, to the server and database of `settings.database_url`.

    A process opens connections as it needs them, at most `settings.pool_max` for requests and POOLS for the rest. The
    password is read anew for each, so it changes without a restart.
    """
    url = sqlalchemy.make_url(settings.database_url).set(username=role)
    made = create_async_engine(
        url,
        pool_size=POOLS.get(role, settings.pool_max),
        max_overflow=0,
        pool_timeout=_TURN_S.get(role, _TURN_OF_OTHERS_S),
        hide_parameters=True,  # values of statements must not reach a log by way of an error
        connect_args={"options": _TIMEOUTS[role], "application_name": role},
    )
    admit(made, lambda: settings.secret("role_password"))
    return made


def admit(made: AsyncEngine, word: Callable[[], str | None]) -> None:
    """Log in with `word`; where it is new and the database doesn't know it yet, with the last one that was taken."""
    taken = [word()]

    @sqlalchemy.event.listens_for(made.sync_engine, "do_connect")
    def connect(dialect: Dialect, _: object, given: list[Any], named: dict[str, Any]) -> DBAPIConnection:
        told = word()
        try:
            connection = dialect.connect(*given, **named | {"password": told})
        except psycopg.OperationalError:
            if told == taken[0]:
                raise
            return dialect.connect(*given, **named | {"password": taken[0]})
        taken[0] = told
        return connection


class Story:
    """One transaction. Speaks for `holder` (row-level security) to an `audience`; `await story()` is its connection.

    `actor` is who calls, as events name them: it may see the answers its own keys got. With the `operation` it is what
    the access log names when another's vault is opened (app/vault.py).
    """

    def __init__(
        self, source: AsyncEngine, *, holder: UUID | None, audience: str, actor: str = "", operation: str = ""
    ) -> None:
        self._engine = source
        self._holder = holder
        self._spoken = {"audience": audience, "actor": actor, "operation": operation}
        self._connection: AsyncConnection | None = None
        self._advanced_by = timedelta()

    @property
    def now(self) -> datetime:
        """The installation's clock: the real one plus what it was moved forward. Valid once the story is open."""
        assert self._connection is not None, "a story has no clock before it is opened"
        return clock.real() + self._advanced_by

    async def __call__(self) -> AsyncConnection:
        """Give the connection, opening the transaction at the first call."""
        if self._connection is None:
            connection = await self._engine.connect()
            try:
                spoken = {"holder": str(self._holder or ""), "trace": trace.trace_id(), **self._spoken}
                self._advanced_by = (await connection.execute(_OPEN, spoken)).one().advanced_by
            except BaseException:
                await connection.close()
                raise
            self._connection = connection
        return self._connection

    async def speak_for(self, holder: UUID) -> None:
        """From here on the rows of `holder` are visible: for a resident who comes to be in this very story."""
        self._holder = holder
        if self._connection is not None:
            await self._connection.execute(_SPEAK, {"holder": str(holder)})

    async def commit(self) -> None:
        """Make it true. Only this module calls this."""
        if self._connection is not None:
            try:
                await self._connection.commit()
            finally:
                await self._close()

    async def abandon(self) -> None:
        """Leave nothing behind."""
        if self._connection is not None:
            try:
                await self._connection.rollback()
            finally:
                await self._close()

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


@contextlib.asynccontextmanager
async def telling(story: Story) -> AsyncIterator[Story]:
    """Commit `story` at the end of the block, abandon it on any exception."""
    try:
        yield story
    except BaseException:
        # Where the connection is lost there is nothing left to undo, and what is under way says more than that.
        with contextlib.suppress(sqlalchemy.exc.DBAPIError):
            await story.abandon()
        raise
    await story.commit()


@contextlib.asynccontextmanager
async def transaction(
    source: AsyncEngine, *, holder: UUID | None = None, audience: str = "system", actor: str = "", operation: str = ""
) -> AsyncIterator[Story]:
    """Tell one story outside a request: worker steps, the CLI, tests. It is open when the block begins."""
    async with telling(Story(source, holder=holder, audience=audience, actor=actor, operation=operation)) as story:
        await story()
        yield story
