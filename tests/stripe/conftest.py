"""A programme with Stripe, and Stripe at the other end: the SDK speaks to a server in this process."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar

from app.house import House
from app.http.partner import stripe as door
from app.partners.stripe_issuing.client import Client
from app.partners.stripe_issuing.issuer import StripeIssuing
from app.partners.stripe_issuing.programme import StripeProgramme
from app.settings import Settings
from tests.stripe import fixtures
from tests.stripe.fake import ADDRESS, ASKING, KEY, TELLING, Fake
from tests.stripe.issuing import DOORS

PROGRAMME = StripeProgramme(country="DE", issuance_basis="STRIPE-DE-TEST-1", bank="demo-bank")


@pytest.fixture
def fake() -> Fake:
    fixtures.present()
    return Fake(DOORS)


@pytest_asyncio.fixture
async def issuer(fake: Fake) -> AsyncIterator[StripeIssuing]:
    transport = httpx.ASGITransport(cast("Any", fake))
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as http:
        yield StripeIssuing(Client(lambda: KEY, http, address=ADDRESS), PROGRAMME)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(
        settings,
        stripe_programme=PROGRAMME,
        stripe_key=KEY,
        stripe_authorization_secret=ASKING,
        stripe_event_secret=f"whsec_older,{TELLING}",
    )


@pytest.fixture
def programme(
    app: Litestar,
    house: House,
    issuer: StripeIssuing,
    fake: Fake,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> House:
    """Give the house with Stripe behind it: what Stripe sends comes in by our own doors.

    It waits for longer than two seconds: what becomes of a purchase is not to depend on how busy this machine is.
    """
    monkeypatch.setattr(door, "WITHIN", timedelta(minutes=1))
    joined = msgspec.structs.replace(house, stripe=issuer)
    app.state.house = joined
    fake.ours = client
    return joined
