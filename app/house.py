"""What one process owns while it runs: its settings, connections, keys and queues.

A handler gets it as the dependency `house`, a worker step as its argument, the CLI by `async with opened(settings)`.
"""

import asyncio
import contextlib
import functools
import ssl
from collections.abc import AsyncIterator

import httpx
import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import clock, csca, db, trace
from app.auth.door import Door
from app.credentials import Credentials
from app.money import Money
from app.settings import Settings
from kyc.trust import Trust
from migrations import walls
from proof import keyfile
from proof.kms import FileKms, Kms, new_data_key
from proof.signer import Alg, FileSigner, Signer


class Keys(msgspec.Struct, frozen=True):
    """The keys of the installation; each signs one kind of thing, so one that leaks forges nothing else.

    `access` signs access tokens, `audit` the heads of the feed's chain, `webhook` what partners are sent. `cursor` is a
    secret of 32 bytes that binds page cursors.
    """

    access: Signer
    audit: Signer
    webhook: Signer
    kms: Kms
    cursor: bytes


class House(msgspec.Struct, frozen=True):
    """One process's share of the installation. Each engine logs in as the role of its name.

    `csca` are the country signing authorities whose passports are trusted (kyc/chip.py).
    """

    settings: Settings
    api: AsyncEngine
    posting: AsyncEngine
    worker: AsyncEngine
    report: AsyncEngine
    keys: Keys
    csca: Trust
    money: Money
    http: httpx.AsyncClient
    door: Door
    credentials: Credentials


def keys(settings: Settings) -> Keys:
    """Open the key files, making those that are missing; several processes may start at once."""
    folder = settings.keys
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Keys(
        access=FileSigner.open(folder / "access.pem", Alg.ES256),
        audit=FileSigner.open(folder / "audit.pem", Alg.EDDSA),
        webhook=FileSigner.open(folder / "webhook.pem", Alg.EDDSA),
        kms=FileKms.open(folder / "kms"),
        cursor=keyfile.read_or_create(folder / "cursor.key", new_data_key),
    )


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[House]:
    """Open everything, and close it in order: answer what was taken in, then let the connections go."""
    engines = {role: db.engine(settings, role) for role in walls.ROLES}
    # A partner answers in time or is unknown; redirects would send signed requests where nobody registered.
    async with httpx.AsyncClient(
        timeout=httpx.Timeout(5.0),
        follow_redirects=False,
        event_hooks={"request": [_traced]},
        trust_env=False,
        verify=_authorities(),
    ) as http:
        opened_keys = keys(settings)
        house = House(
            settings=settings,
            api=engines[walls.API],
            posting=engines[walls.POSTING],
            worker=engines[walls.WORKER],
            report=engines[walls.REPORT],
            keys=opened_keys,
            csca=csca.read(settings.csca_folder),
            money=Money(engines[walls.POSTING]),
            http=http,
            door=Door.open(settings, opened_keys.access, engines[walls.API]),
            credentials=Credentials.open(settings),
        )
        try:
            await _check_clock(house)
            yield house
        finally:
            # What is not answered by then is asked again by its caller, under the same key.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(settings.drain_s):
                    await house.money.drain()
            for engine in engines.values():
                await engine.dispose()


async def _check_clock(house: House) -> None:
    """Refuse to work for real people by a clock that was moved; raises clock.Moved."""
    if not house.settings.virtual:
        async with house.api.connect() as connection:
            if await connection.scalar(text("SELECT advanced_by <> interval '0' FROM app.clock")):
                raise clock.Moved


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Read the machine's certificate authorities, once: it takes longer than everything else here together."""
    return ssl.create_default_context()


async def _traced(request: httpx.Request) -> None:
    request.headers.setdefault("traceparent", trace.traceparent())
