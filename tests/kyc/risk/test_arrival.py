"""Nobody is approved before their risk was judged: the scan judges by what it knows, and the worker by all."""

import pytest

from app import db
from kyc.cases import records
from kyc.cases.case import of as case_of
from kyc.check import Finding, Verdict
from kyc.risk import arrival
from tests.conftest import Engines
from tests.kyc.listing import put_in_force
from tests.kyc.passports import AT
from tests.kyc.scans import IDENTIFIED, novel, params, seen, show, verdicts, worth

pytestmark = pytest.mark.asyncio

#: A state FATF calls for action against (kyc/risk/jurisdictions.toml): a floor of high.
CALLED_FOR = "IRN"


async def test_whoever_is_a_high_risk_is_not_approved_before_the_worker_comes(engines: Engines) -> None:
    await put_in_force(engines)

    _, low, decision = await show(engines, novel())
    resident, high, doubted = await show(engines, novel(nationality=CALLED_FOR))

    assert (decision, doubted) == (IDENTIFIED, ("review", ("risk.score",)))
    officers = [await seen(engines, each, holder=None, audience="officer") for each in (low, high)]
    assert [verdicts(each)["risk.score"] for each in officers] == ["pass", "review"]
    assert params(officers[1])["risk.score"]["band"] == "high"
    assert "risk.score" not in verdicts(await seen(engines, high, holder=resident))


@pytest.mark.parametrize("stands", [Verdict.REVIEW, Verdict.FAIL])
async def test_another_scan_says_nothing_milder_than_what_stands(engines: Engines, stands: Verdict) -> None:
    await put_in_force(engines)
    mine = novel()
    resident, _, _ = await show(engines, mine)
    async with db.transaction(engines.worker) as story:
        told = [Finding(arrival.CHECK, stands)]
        await records.add(await story(), resident, told, inputs=bytes(32), at=AT, actor="service:risk")

    _, again, _ = await show(engines, mine, by=resident)

    assert "risk.score" in (await worth(engines, resident, again))[1]
    async with db.transaction(engines.worker) as story:
        connection = await story()
        held = await case_of(connection, resident)
        assert held is not None
        said = [each for each in await records.latest(connection, held.id) if each.check == arrival.CHECK]
    assert said[-1].verdict is stands
