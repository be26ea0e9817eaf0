"""What the deposit insurance fund guarantees at one bank, by class and together."""

from datetime import date

import pytest
from litestar import Litestar

from app.banking import meter
from app.settings import Settings
from invest.product import InsuranceClass
from law.money import KZT, USD, Money
from tests.banking.clients import moves, opens, run
from tests.partners.investors import investor
from tests.partners.outside import Outside

_M = 1_000_000_00
ON = date(2026, 11, 22)
#: Savings, other deposits, a tenge account; guaranteed, above, left for foreign currency; millions of tenge.
CASES = [
    (0, 0, 1, 1, 0, 5),
    (20, 0, 0, 20, 0, 0),
    (21, 0, 0, 20, 1, 0),
    (0, 6, 5, 10, 1, 5),
    (15, 6, 0, 20, 1, 0),
    (18, 1, 0, 19, 0, 1),
    (0, 0, 0, 0, 0, 5),
]


@pytest.mark.parametrize(("savings", "other", "account", "guaranteed", "above", "foreign"), CASES)
def test_each_class_and_all_together_have_a_limit(
    savings: int, other: int, account: int, guaranteed: int, above: int, foreign: int
) -> None:
    deposits = {
        InsuranceClass.SAVINGS: Money(savings * _M, KZT),
        InsuranceClass.OTHER: Money(other * _M, KZT),
        InsuranceClass.NONE: Money(7 * _M, KZT),
    }

    found = meter.measure("A bank", deposits, [Money(account * _M, KZT), Money(5_00, USD)], ON)

    assert (found.guaranteed.minor, found.above.minor) == (guaranteed * _M, above * _M)
    assert found.foreign_most.minor == foreign * _M
    assert (found.uninsured.minor, found.foreign) == (7 * _M, (Money(5_00, USD),))


@pytest.mark.asyncio
async def test_what_is_on_an_account_is_measured(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 371) as me:
        account = await opens(me, out, "KZT")
        await moves(me, account, "to_account", 40_000, "im-1")
        await run(out)

        [bank] = (await me.phone.get("/v1/deposit-insurance"))["banks"]

        assert bank["other"] == bank["guaranteed"] == {"amount_minor": 40_000_00, "currency": "KZT"}
