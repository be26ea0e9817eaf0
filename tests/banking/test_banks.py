"""Which bank stands behind the wallets: the one the installation was told, whoever else is enrolled."""

from pathlib import Path

import msgspec
import pytest
from litestar import Litestar

from app import db
from app.banking import banks
from app.house import House
from app.partners.registry import Partner
from tests.partners import outside
from tests.partners.outside import Outside

pytestmark = pytest.mark.asyncio


async def issuing(house: House, partner: str) -> Partner:
    told = msgspec.structs.replace(house.settings.issuing_bank, partner=partner)
    async with db.transaction(house.worker) as story:
        return await banks.issuing(await story(), told)


async def test_it_is_not_the_bank_that_came_first(app: Litestar, out: Outside, tmp_path: Path) -> None:
    with pytest.raises(banks.NoBank):
        await issuing(out.house, "second-bank")
    async with outside.bank(app, tmp_path, code="second-bank"):
        assert (await issuing(out.house, "second-bank")).code == "second-bank"

    assert (await issuing(out.house, outside.CODE)).code == outside.CODE
