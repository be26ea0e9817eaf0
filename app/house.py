"""What one process owns while it runs: its settings, connections, keys and queues.

A handler gets it as the dependency `house`, a worker step as its argument, the CLI by `async with opened(settings)`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import clock, csca, db
from app.auth.door import Door
from app.auth.stepup import StepUps
from app.cards.keys import CardKeys
from app.cards.swiping import Till
from app.credentials.issuer import Credentials
from app.credentials.offline_bundle import Bundles
from app.money import Money
from app.partners import line
from app.partners.stripe_issuing import issuer
from app.partners.stripe_issuing.issuer import StripeIssuing
from app.ring import Ring
from app.security import Watch
from app.settings import Settings
from app.watchlist import Watchlist
from kyc.chip.trust import Trust
from migrations import walls
from proof import keyfile
from proof.hsm import HsmKms, Token
from proof.kms import FileKms, Kms, new_data_key
from proof.signer import Alg


class Keys(msgspec.Struct, frozen=True):
    """The keys of the installation; each signs one kind of thing, so one that leaks forges nothing else.

    `access` signs access tokens, `audit` the heads of the feed's chain, `webhook` what partners are sent, `message` our
    requests to partners and our answers. `cursor` is a secret of 32 bytes that binds page cursors.
    """

    access: Ring
    audit: Ring
    webhook: Ring
    message: Ring
    kms: Kms
    cursor: bytes

    def __repr__(self) -> str:
        return "Keys()"


class House(msgspec.Struct, frozen=True):
    """One process's share of the installation. Each engine logs in as the role of its name.

    `csca` are the country signing authorities whose passports are trusted (kyc/chip/passive.py); `stripe` processes
    cards where the installation has a programme with Stripe. `watchlist` holds the lists that people are compared with.
    """

    settings: Settings
    api: AsyncEngine
    posting: AsyncEngine
    worker: AsyncEngine
    report: AsyncEngine
    keys: Keys
    card_keys: CardKeys
    till: Till
    csca: Trust
    money: Money
    http: httpx.AsyncClient
    door: Door
    step_ups: StepUps
    credentials: Credentials
    watch: Watch
    stripe: StripeIssuing | None = None
    watchlist: Watchlist = msgspec.field(default_factory=Watchlist)
    bundles: Bundles = msgspec.field(default_factory=Bundles)


def keys(settings: Settings) -> Keys:
    """Open the key files, making those that are missing; several processes may start at once."""
    folder = settings.keys
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Keys(
        access=Ring(folder, "access", Alg.ES256),
        audit=Ring(folder, "audit", Alg.EDDSA),
        webhook=Ring(folder, "webhook", Alg.EDDSA),
        message=Ring(folder, "message", Alg.EDDSA),
        kms=_kms(settings),
        cursor=keyfile.read_or_create(folder / "cursor.key", new_data_key),
    )


def _kms(settings: Settings) -> Kms:
    """Open the KEKs where they are; raises proof.hsm.Unreachable, proof.hsm.NoKeys, proof.hsm.Exposed."""
    token = hsm(settings)
    return FileKms.open(settings.keys / "kms") if token is None else HsmKms(token)


def hsm(settings: Settings) -> Token | None:
    """Say which token of an HSM holds the KEKs; None where files do."""
    if settings.pkcs11_module is None:
        return None
    return Token(settings.pkcs11_module, settings.pkcs11_token, lambda: settings.secret("pkcs11_pin") or "")


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[House]:
    """Open everything, and close it in order: answer what was taken in, then let the connections go."""
    engines = {role: db.engine(settings, role) for role in walls.ROLES}
    async with line.opened(settings) as http:
        opened_keys = keys(settings)
        card_keys = CardKeys(engines[walls.WORKER], opened_keys.kms)
        watch = Watch(engines[walls.API], opened_keys.kms)
        house = House(
            settings=settings,
            api=engines[walls.API],
            posting=engines[walls.POSTING],
            worker=engines[walls.WORKER],
            report=engines[walls.REPORT],
            keys=opened_keys,
            card_keys=card_keys,
            till=Till(card_keys.machine),
            csca=csca.read(settings.csca_folder),
            money=Money(engines[walls.POSTING]),
            http=http,
            door=Door.open(settings, opened_keys.access, opened_keys.cursor, engines[walls.API]),
            step_ups=StepUps(engines[walls.API]),
            credentials=Credentials.open(settings, opened_keys.kms, watch.signed),
            watch=watch,
            stripe=issuer.opened(settings, http),
        )
        try:
            await _check_clock(house)
            yield house
        finally:
            # What is not answered by then is asked again by its caller, under the same key.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(settings.drain_s):
                    await house.money.drain()
                    await house.watch.close()
            house.door.close()
            for engine in engines.values():
                await engine.dispose()


async def _check_clock(house: House) -> None:
    """Refuse to work for real people by a clock that was moved; raises clock.Moved."""
    if not house.settings.virtual:
        async with house.api.connect() as connection:
            if await connection.scalar(text("SELECT advanced_by <> interval '0' FROM app.clock")):
                raise clock.Moved
