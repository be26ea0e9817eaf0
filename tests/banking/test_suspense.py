"""Money nobody could be found for: seen with its evidence, resolved by two officers, once, whatever races."""

import asyncio
from typing import Any

import httpx
import pytest
from litestar import Litestar

from app import seed
from app.banking import suspense
from app.http import ids
from app.settings import Settings
from simulators.faults import Faults
from tests.app import people
from tests.app.people import keyed
from tests.banking.clients import forward, held, hurry, run
from tests.partners import outside
from tests.partners.investors import investor
from tests.partners.outside import CODE, Outside
from wallet.account import Purpose

pytestmark = pytest.mark.asyncio
Json = dict[str, Any]


class Officers:
    """Two officers with the duty, at one installation."""

    def __init__(self, app: Litestar, settings: Settings) -> None:
        self.app = app
        self.api = outside.client(app, settings.issuer)
        self.tokens: list[str] = []

    async def sit_down(self) -> "Officers":
        self.tokens = [await people.token(self.app, "officer", of=officer) for officer in seed.OFFICERS]
        return self

    async def queue(self) -> list[Json]:
        found: list[Json] = (await self.api.get("/v1/officer/suspense", headers=people.bearer(self.tokens[0]))).json()[
            "payments"
        ]
        return found

    async def post(self, path: str, body: Json | None = None, *, who: int = 0) -> httpx.Response:
        return await self.api.post(path, json=body, headers=keyed(self.tokens[who]))

    async def propose(self, payment: str, action: str, wallet: str | None = None) -> httpx.Response:
        body = {"action": action, "reason": "payer_confirmed", **({"wallet_id": wallet} if wallet else {})}
        return await self.post(f"/v1/officer/suspense/{payment}/proposals", body)

    async def approve(self, proposal: Json, *, who: int = 1) -> httpx.Response:
        return await self.post(f"/v1/officer/suspense-proposals/{proposal['id']}/approval", who=who)


async def waits(out: Outside, officers: Officers, tenge: int, name: str) -> Json:
    """Let money come in that names nobody, and find it in the queue."""
    await out.pays("for the flat", tenge, payment_id=name)
    await outside.settle(out.house)
    return next(each for each in await officers.queue() if each["amount"]["amount_minor"] == tenge * 100)


async def test_officers_see_the_evidence_and_two_of_them_match_it_to_a_resident(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    officers = await Officers(app, settings).sit_down()
    async with investor(app, settings, 331) as me:
        before, suspended = await held(me), await outside.balance(out.house, Purpose.SUSPENSE)
        payment = await waits(out, officers, 711, "P-lost-1")
        assert payment["evidence"] == {"payer": "A PAYER", "country": None, "reference": "for the flat"}
        assert (payment["reason"], payment["aged"]) == ("no_wallet_matches", False)

        proposed = (await officers.propose(payment["id"], "match", ids.show("wallet", me.wallet))).json()
        alone = await officers.approve(proposed, who=0)
        assert (alone.status_code, alone.json()["code"]) == (409, "same_reviewer")
        done = await officers.approve(proposed)

        assert done.json()["verdict"] == "approved"
        assert await held(me) == (before[0] + 711_00, 0)
        assert await outside.balance(out.house, Purpose.SUSPENSE) == suspended
        [shown] = (await me.phone.get("/v1/incoming-payments"))["payments"]
        assert (shown["stage"], shown["stages"][-1]["why"]) == ("credited", "matched_by_officers")


async def test_ten_approvals_at_once_move_the_money_once(app: Litestar, settings: Settings, out: Outside) -> None:
    officers = await Officers(app, settings).sit_down()
    async with investor(app, settings, 332) as me:
        before = await held(me)
        payment = await waits(out, officers, 712, "P-lost-2")
        proposed = (await officers.propose(payment["id"], "match", ids.show("wallet", me.wallet))).json()

        answers = await asyncio.gather(*(officers.approve(proposed) for _ in range(10)))

        assert sorted(answer.status_code for answer in answers) == [200] + [404] * 9
        assert await held(me) == (before[0] + 712_00, 0)
        again = await officers.propose(payment["id"], "return")
        assert again.json()["code"] == "payment_not_suspended"


async def test_a_payment_goes_back_to_its_payer_through_the_bank_once(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    officers = await Officers(app, settings).sit_down()
    suspended = await outside.balance(out.house, Purpose.SUSPENSE)
    mirror = await outside.balance(out.house, Purpose.BANK, CODE)
    payment = await waits(out, officers, 713, "P-lost-3")
    proposed = (await officers.propose(payment["id"], "return")).json()
    assert (await officers.propose(payment["id"], "return")).json()["code"] == "proposal_open"

    out.bank.faults = Faults(decision_s=0, lost_answer=1, duplicate=1)
    assert (await officers.approve(proposed)).status_code == 200
    await run(out)
    await hurry(out)

    assert payment["id"] not in {each["id"] for each in await officers.queue()}
    assert await outside.balance(out.house, Purpose.SUSPENSE) == suspended
    assert await outside.balance(out.house, Purpose.BANK, CODE) == mirror
    [row] = await outside.rows(out.house, "SELECT stage FROM app.incoming WHERE payment_id = 'P-lost-3'")
    assert row.stage == "returned"


async def test_a_payment_the_bank_can_t_send_back_waits_for_officers_again(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    officers = await Officers(app, settings).sit_down()
    payment = await waits(out, officers, 714, "P-lost-4")
    out.bank.faults = Faults(decision_s=0, reject=1)
    await officers.approve((await officers.propose(payment["id"], "return")).json())
    await run(out)

    [again] = [each for each in await officers.queue() if each["id"] == payment["id"]]
    assert again["reason"] == "return_limit_reached"
    out.bank.faults = Faults(decision_s=0)
    second = (await officers.propose(payment["id"], "return")).json()
    refused = await officers.post(f"/v1/officer/suspense-proposals/{second['id']}/refusal", who=1)
    assert refused.json()["verdict"] == "refused"
    assert (await officers.approve((await officers.propose(payment["id"], "return")).json())).status_code == 200


@pytest.mark.fresh
async def test_money_that_waits_too_long_is_an_alarm_once(app: Litestar, settings: Settings, out: Outside) -> None:
    officers = await Officers(app, settings).sit_down()
    await waits(out, officers, 715, "P-old")
    assert await suspense.step(out.house) == 0

    await forward(out.house, days=8)

    assert [await suspense.step(out.house) for _ in range(2)] == [1, 0]
    [payment] = await officers.queue()
    assert payment["aged"]
    assert payment["working_days"] > suspense.AGED_AFTER


async def test_a_resident_does_not_see_the_queue(app: Litestar, settings: Settings) -> None:
    api = outside.client(app, settings.issuer)
    answer = await api.get("/v1/officer/suspense", headers=people.bearer(await people.token(app, "partner")))

    assert answer.status_code == 403
