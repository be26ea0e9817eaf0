"""What a bank, a network or a placement answers for is not moved back by officers beside it; other transfers are."""

import pytest
from litestar import Litestar

from app import ids, seed
from app.adjustments.reason import Why
from app.http import ids as public_ids
from app.settings import Settings
from tests.app import people
from tests.app.people import keyed
from tests.banking.clients import pays_out, run, saves
from tests.partners import outside
from tests.partners.investors import investor
from tests.partners.outside import Outside
from tests.wallet.ledgers import group, kzt, move, opened, operator, post, second_lane
from wallet.account import Purpose
from wallet.transfer import AccountId, Post, TransferId

pytestmark = pytest.mark.asyncio
_MOVED = """
    SELECT id, code FROM wallet.transfer
    WHERE :wallet IN (debit, credit) AND kind IN ('post', 'capture') AND code <> 'sandbox.funding' ORDER BY seq
"""
_NO = f"It fails at: {Why.OWNED}. The description of proposeAdjustment says what goes with what."


async def test_only_what_nobody_else_answers_for_is_moved_back(app: Litestar, settings: Settings, out: Outside) -> None:
    house, lane = out.house, await second_lane(out.house.worker)
    officer = await people.token(app, "officer", of=seed.OFFICERS[0])
    async with investor(app, settings, 341) as me:
        mine, fees = AccountId(me.wallet), await operator(house.posting, Purpose.FEES)
        topup = await me.phone.post("/v1/topups", {})
        await out.pays(topup["reference"], 100)
        await pays_out(me, await saves(me, out), 50, "owned-1")
        await me.places(100_000)
        await run(out)
        swipe = Post(
            id=TransferId(ids.new()),
            debit=mine,
            credit=await operator(house.posting, Purpose.CARD_CLEARING, "demo"),
            money=kzt(1),
            code="card.capture",
            reference=f"card_payment:{ids.new()}",
        )
        free, grouped = post(mine, fees, kzt(1)), [post(mine, fees, kzt(2)), post(mine, fees, kzt(3))]
        crossing = post(mine, await opened(house.api, lane=lane), kzt(4))
        await move(house.money, free, swipe)
        await group(house.money, *grouped)
        await move(house.money, crossing, lanes=[1, lane])

        api, said = outside.client(app, settings.issuer), {}
        for row in await outside.rows(house, _MOVED, wallet=me.wallet):
            body = {
                "resident": public_ids.show("resident", me.resident),
                "kind": "reversal",
                "reason": "misposted",
                "evidence": "CASE-1",
                "reverses": public_ids.show("transfer", row.id),
            }
            answer = await api.post("/v1/officer/adjustments", json=body, headers=keyed(officer))
            said[row.id] = (row.code, answer.json().get("detail"))

    assert {code for code, detail in said.values() if detail} >= {"payment.received", "payout.done", "invest.book"}
    assert {id_ for id_, (_, detail) in said.items() if detail is None} == {free.id, crossing.id}
    assert {detail for _, detail in said.values() if detail} == {_NO}
    assert said.keys() >= {swipe.id, *(each.id for each in grouped)}
