"""Lists of persons, put in force as the worker does, and asked as every process does."""

from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import db
from app.watchlist import Watchlist
from kyc.lists import snapshot
from kyc.names.entity import Alias, Entity, Kind
from kyc.screening.matching import Lists
from tests.kyc.passports import AT


class Roles(Protocol):
    """Whoever has the login roles: the house, or a test's engines."""

    @property
    def api(self) -> AsyncEngine: ...

    @property
    def worker(self) -> AsyncEngine: ...


def entity(
    id_: str,
    *names: str,
    born: tuple[str, ...] = (),
    nationalities: tuple[str, ...] = (),
    programs: tuple[str, ...] = (),
    source: str = "agency",
    kind: Kind = Kind.PERSON,
) -> Entity:
    """Say what a list does of somebody."""
    return Entity(source, id_, kind, tuple(map(Alias, names)), born, nationalities, programs=programs)


NOBODY = (entity("1", "Perpetua von Nirgendwo", born=("1983-11-05",)),)


async def put_in_force(
    engines: Roles, *entities: Entity, source: str = "agency", etag: str = '"1"', at: datetime = AT
) -> bool:
    """Put a list in force as the worker does; of nobody that anybody knows, where none is given."""
    async with db.transaction(engines.worker) as story:
        connection = await story()
        await registered(connection, source)
        return await snapshot.replace(
            connection, source, entities or NOBODY, etag=etag, at=at, due_at=at + timedelta(hours=1)
        )


async def registered(connection: AsyncConnection, source: str) -> None:
    """Let the worker have asked for a list, whatever came of it."""
    await connection.exec_driver_sql(
        "INSERT INTO kyc.list_source (source, due_at) VALUES (%s, now()) ON CONFLICT DO NOTHING", (source,)
    )


async def in_force(engines: Roles) -> Lists | None:
    """Give the lists in force, as a process that has just begun."""
    async with db.transaction(engines.worker) as story:
        return await Watchlist().current(await story())
