"""Key encryption keys change under load: the next one is made, everything is wrapped anew, the old one is put away.

adds      eresidency kek rotate      rotate()
wraps     app/rotation.py            step()           <- you are here, a step of the worker
watches   eresidency kek status      progress()
retires   eresidency kek retire N    retire()

What is sealed stays as it is: only the data keys are unwrapped and wrapped anew, a few rows at a time. A reader meets a
row before or after, and either version opens; a process that has not seen the new KEK looks for it when it meets one.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import text

from app import clock, db, tables
from app.house import House
from app.wrapped import WRAPPED
from proof import journal
from proof.kms import Kms, Unopenable, Wrapped
from proof.versions import Newest, UnknownKeyVersion

#: The operation by which the database lets the worker read wrapped keys (migrations/versions/0014_keys.py).
OPERATION = "keys.rewrap"
#: How long a KEK stays after another came: longer than any story that may have wrapped by it goes on.
SETTLES = timedelta(hours=1)

_AT_ONCE = 100
_ACTOR = "operator"
#: The KMS as an aggregate of the journal.
_KMS = UUID("0192f7d0-6a4b-7c3e-9000-6b6d732f6b65")
_log = structlog.get_logger()


class Stuck(Exception):
    """None of these keys can be unwrapped: a KEK is lost, or rows were tampered with. Somebody must look."""

    def __init__(self, owners: Sequence[str]) -> None:
        super().__init__(owners)
        self.owners = owners


class InUse(Exception):
    """Keys are still wrapped by this KEK, or its successor is too young to be sure of that."""

    def __init__(self, version: int, keys: int) -> None:
        super().__init__(version, keys)
        self.version = version
        self.keys = keys


class KekAdded(msgspec.Struct, frozen=True, kw_only=True, tag="kek.added"):
    """A KEK wraps from here on. Aggregate: the KMS."""

    version: int


class KekRetired(msgspec.Struct, frozen=True, kw_only=True, tag="kek.retired"):
    """Nothing is wrapped by this KEK any more, and no process holds it. Aggregate: the KMS."""

    version: int


class Progress(msgspec.Struct, frozen=True):
    """How many keys of each table are wrapped by each KEK; a rotation is over when there is only the newest."""

    newest: int
    wrapped: dict[str, dict[int, int]]

    def by(self, version: int) -> int:
        """Count what is wrapped by one KEK."""
        return sum(versions.get(version, 0) for versions in self.wrapped.values())


async def step(house: House) -> int:
    """Wrap a few keys of each table anew; answers how many. Raises Stuck."""
    newest = house.keys.kms.version
    if newest == 1:
        return 0
    done, stuck = 0, list[str]()
    for wrap in WRAPPED:
        async with db.transaction(house.worker, operation=OPERATION) as story:
            connection = await story()
            rows = (await connection.execute(text(wrap.take), {"newest": newest, "size": _AT_ONCE})).mappings().all()
            # An HSM may take a millisecond for each, during which the other steps go on.
            anew, broken = await asyncio.to_thread(_rewrap, house.keys.kms, rows) if rows else ([], [])
            if anew:
                await connection.execute(text(wrap.put), anew)
        done, stuck = done + len(anew), stuck + broken
    if stuck and not done:
        raise Stuck(stuck)
    return done


def _rewrap(kms: Kms, rows: Sequence[Mapping[Any, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    anew, broken = [], []
    for row in rows:
        try:
            key = kms.unwrap(Wrapped(row["version"], row["blob"]), row["owner"])
        except Unopenable:
            _log.error("key_unopenable", owner=row["owner"], version=row["version"])
            broken.append(row["owner"])
            continue
        wrapped = kms.wrap(key, row["owner"])
        anew.append({**row, "was": row["version"], "version": wrapped.version, "blob": wrapped.blob})
    return anew, broken


async def rotate(house: House) -> int:
    """Add the next KEK, which wraps from here on in every process; answers its version."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        await connection.execute(_ONE_AT_A_TIME)
        version = house.keys.kms.rotate()
        await _note(story, KekAdded(version=version))
    return version


async def retire(house: House, version: int) -> None:
    """Put an old KEK away; raises InUse, proof.versions.Newest, proof.versions.UnknownKeyVersion."""
    async with db.transaction(house.worker, operation=OPERATION) as story:
        connection = await story()
        await connection.execute(_ONE_AT_A_TIME)
        newest = house.keys.kms.version
        if version == newest:
            raise Newest(version)
        if version > newest:
            raise UnknownKeyVersion(version)
        since: datetime | None = await connection.scalar(_FOLLOWED, {"kms": _KMS, "version": version})
        left = (await _progress(house, story)).by(version)
        if left or since is None or since > clock.real() - SETTLES:
            raise InUse(version, left)
        house.keys.kms.retire(version)
        await _note(story, KekRetired(version=version))


async def progress(house: House) -> Progress:
    """Count the keys by the KEK that wraps them."""
    async with db.transaction(house.worker, operation=OPERATION) as story:
        return await _progress(house, story)


async def _progress(house: House, story: db.Story) -> Progress:
    connection = await story()
    found = {wrap.table: await connection.execute(text(wrap.count)) for wrap in WRAPPED}
    wrapped = {table: {row.version: row.keys for row in rows} for table, rows in found.items()}
    return Progress(house.keys.kms.version, wrapped)


async def _note(story: db.Story, event: msgspec.Struct) -> None:
    fact = journal.Fact(aggregate=_KMS, at=clock.real(), actor=_ACTOR, event=event)
    await journal.append(await story(), tables.event, fact)


_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('eresidency.kek'))")
_FOLLOWED = text(
    """
    SELECT min(at) FROM app.event
    WHERE aggregate = :kms AND kind = 'kek.added' AND CAST(body->>'version' AS integer) > :version
    """
)
