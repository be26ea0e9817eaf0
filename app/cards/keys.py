"""The machine of this process that proves cards (cards/hsm), and how its keys come to be, change and are entered.

asks      cards/proofs/proving.py, app/http/mobile/card_secrets.py …     CardKeys.machine()
rotates   eresidency card-key rotate USAGE                        rotate(); the key of letters by itself, renew()
enters    eresidency card-key enter ZONE                          enter()
takes     the key exchange with a network (0800, 161)             take()

A new version verifies from the moment it is known and makes new things a minute later, when every process has looked
again. The first keys are made when somebody first needs one.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import clock, db, tables
from cards.hsm import material, store
from cards.hsm.material import Key, Material
from cards.hsm.port import OWN, Usage
from cards.hsm.soft import SoftHsm
from proof import journal
from proof.kms import Kms

#: How long the key is in use that phones write to; the one before opens what is under way.
LETTERS_LAST = timedelta(days=30)

_LOOK_AGAIN = timedelta(seconds=20)
_ACTOR = "operator"
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)
#: The machine as an aggregate of the journal.
_MACHINE = UUID("0192f7d0-6a4b-7c3e-9000-636172642d6b")


class CardKeyAdded(msgspec.Struct, frozen=True, kw_only=True, tag="card_key.added"):
    """There is a new key; two who have it compare its `check_value`. Aggregate: the machine."""

    usage: str
    zone: str
    version: int
    check_value: str


class CardKeys:
    """The keys of the cards in this process. `worker` is where new ones are stored, `kms` what wraps them."""

    def __init__(self, worker: AsyncEngine, kms: Kms) -> None:
        self._worker = worker
        self._kms = kms
        self._hsm = SoftHsm()
        self._looked_at = _NEVER
        self._adding = asyncio.Lock()

    async def machine(self, connection: AsyncConnection) -> SoftHsm:
        """Give the machine, having looked for new keys a moment ago at most."""
        if clock.real() - self._looked_at >= _LOOK_AGAIN:
            self._hsm.admit(await store.read(connection, self._kms))
            if not all(map(self._hsm.last, OWN)):
                await self._add(self._first)  # on a connection of the worker's, which wait for none of these
            self._looked_at = clock.real()
        return self._hsm

    async def rotate(self, usage: Usage, zone: str = "") -> Material:
        """Make the next version of a key of our own, or of one that we share with a zone; raises UnknownKey."""

        def make() -> list[Material]:
            if usage not in OWN:
                self._hsm.material(Usage.ZONE_KEYS, zone=zone)
            return [material.make(Key(usage, zone, self._hsm.last(usage, zone) + 1), clock.real())]

        [made] = await self._add(make)
        return made

    async def enter(self, zone: str, parts: Sequence[bytes], check_value: str) -> Material:
        """Put the key that protects a zone's keys together; raises cards.hsm.material.WrongCheckValue."""

        def enter() -> list[Material]:
            version = self._hsm.last(Usage.ZONE_KEYS, zone) + 1
            return [material.enter(zone, version, parts, check_value, clock.real())]

        [made] = await self._add(enter)
        return made

    async def take(self, zone: str, block: str) -> Material:
        """Take a key that a zone sent (TR-31); raises UnknownKey, cards.hsm.keyblock.BadKeyBlock."""

        def take() -> list[Material]:
            protection = self._hsm.material(Usage.ZONE_KEYS, zone=zone)
            return [material.receive(protection, block, lambda usage: self._hsm.last(usage, zone) + 1, clock.real())]

        [made] = await self._add(take)
        return made

    async def listed(self) -> list[tuple[Key, str]]:
        """List the keys and their check values."""
        async with db.transaction(self._worker) as story:
            found = await store.read(await story(), self._kms)
        return [(each.key, each.check_value) for each in sorted(found, key=lambda each: each.key)]

    async def renew(self) -> int:
        """Replace the key that phones write to when it is old enough; answers whether it was."""
        async with db.transaction(self._worker) as story:
            hsm = await self.machine(await story())
        if clock.real() - hsm.material(Usage.LETTERS, hsm.last(Usage.LETTERS)).made_at < LETTERS_LAST:
            return 0
        await self.rotate(Usage.LETTERS)
        return 1

    def _first(self) -> list[Material]:
        return [material.make(Key(usage, "", 1), clock.real()) for usage in OWN if not self._hsm.last(usage)]

    async def _add(self, make: Callable[[], list[Material]]) -> list[Material]:
        """Store what `make` makes, knowing all there is while nobody else adds any."""
        async with self._adding, db.transaction(self._worker) as story:
            connection = await story()
            await store.alone(connection)
            self._hsm.admit(await store.read(connection, self._kms))
            made = make()
            for each in made:
                await store.keep(connection, self._kms, each)
            await journal.append(connection, tables.event, *map(_added, made))
        self._looked_at = _NEVER
        self._hsm.admit(msgspec.structs.replace(each, ripe=each.key.version == 1) for each in made)
        return made


def _added(made: Material) -> journal.Fact:
    usage, zone, version = made.key
    event = CardKeyAdded(usage=usage, zone=zone, version=version, check_value=made.check_value)
    return journal.Fact(aggregate=_MACHINE, at=made.made_at, actor=_ACTOR, event=event)
