"""What tests of disputes may ask for beside what every test may."""

import pytest

from app.money import Money
from tests.conftest import Engines


@pytest.fixture
def money(engines: Engines) -> Money:
    return Money(engines.posting)
