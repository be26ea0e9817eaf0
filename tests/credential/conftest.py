"""What tests of the credential may ask for beside what every test may: a wallet, a relying party."""

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest_asyncio
from litestar import Litestar

from app.settings import Settings
from simulators.verifier import Verifier, build
from simulators.wallet_app import Offer, WalletApp
from tests.credential import made
from tests.credential.people import Ready, another_wallet, offered, resident


@pytest_asyncio.fixture
async def wallet(app: Litestar) -> AsyncIterator[WalletApp]:
    async with another_wallet(app) as opened:
        yield opened


@pytest_asyncio.fixture
async def ready(app: Litestar, client: httpx.AsyncClient, wallet: WalletApp) -> Ready:
    """Give a wallet that has redeemed an offer."""
    offer = Offer.read(await offered(client, await resident(app)))
    await wallet.redeem(offer)
    return Ready(wallet, await wallet.metadata(offer.issuer))


@pytest_asyncio.fixture
async def bank(app: Litestar, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Open a relying party whose only way to the issuer is HTTP."""
    verifier = Verifier(made.AUDIENCE, settings.issuer, transport=httpx.ASGITransport(cast("Any", app)))
    process = httpx.ASGITransport(cast("Any", build(verifier)))
    async with httpx.AsyncClient(transport=process, base_url=made.AUDIENCE) as speaking:
        yield speaking
