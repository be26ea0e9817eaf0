"""The same tests in both worlds."""

import pytest
from litestar import Litestar

from tests.processor.worlds import Ours, Theirs, World
from tests.stripe import conftest as stripe

fake, issuer, settings, programme = stripe.fake, stripe.issuer, stripe.settings, stripe.programme


@pytest.fixture(params=["own", "stripe"])
def world(request: pytest.FixtureRequest, app: Litestar) -> World:
    """Give one of the worlds; Stripe's alone needs the objects it publishes, and is skipped without them."""
    if request.param == "own":
        return Ours(app)
    return Theirs(request.getfixturevalue("programme"), request.getfixturevalue("fake"))
