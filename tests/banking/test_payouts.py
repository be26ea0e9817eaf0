"""Money out: set aside, paid by the bank once, or sent back; whatever gets lost on the line, never doubled or lost."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from app import db
from app.banking import asking
from app.partners import inbox
from app.settings import Settings
from simulators.faults import Faults
from simulators.phone import Refused
from tests.banking import clients
from tests.banking.clients import forward, held, hurry, pays_out, run, saves
from tests.partners import outside
from tests.partners.investors import investor
from tests.partners.outside import CODE, Outside
from wallet import account
from wallet.account import Purpose

pytestmark = pytest.mark.asyncio
_FULL = 1_000_000_00


def paid_by_bank(out: Outside) -> int:
    """Add up what left the account that keeps our money."""
    return sum(-int(row["minor"]) for row in out.bank.books.of("safeguarding") if row["minor"] < 0)


async def test_a_payout_is_confirmed_with_its_fee_paid_by_the_bank_and_booked(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 301) as me:
        mirror = await outside.balance(out.house, Purpose.BANK, CODE)
        to = await saves(me, out)
        terms = await me.phone.get(f"/v1/beneficiaries/{to}/payout-terms", amount_minor=50_000_00)
        assert (terms["fee"]["amount_minor"], terms["expected"]["rail"]) == (100_00, "imps")

        paid = await pays_out(me, to, 50_000, "po-1")
        assert paid["state"] == "processing"
        assert await held(me) == (_FULL, 50_100_00)
        await run(out)

        done = await me.phone.get(f"/v1/payouts/{paid['id']}")
        assert (done["state"], done["expected"]) == ("done", None)
        assert done["bank_reference"].startswith("BO-")
        told = await me.phone.get("/v1/wallets/me/entries", text="pay-out")
        assert [(entry["code"], entry["description"]) for entry in told["entries"]] == [
            ("payout.done", "Pay-out to a bank account"),
            ("payout.asked", "Set aside for a pay-out"),
        ]
        assert await held(me) == (_FULL - 50_100_00, 0)
        assert await outside.balance(out.house, Purpose.BANK, CODE) == mirror + 50_000_00
        assert await outside.balance(out.house, Purpose.PAYOUT_CLEARING, CODE) == 0
        order = out.bank.books.order(paid["id"])
        assert order is not None
        assert clients.IBAN in order["asked"]


async def test_a_refusal_of_the_bank_frees_money_and_fee(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 302) as me:
        to = await saves(me, out)
        out.bank.faults = Faults(decision_s=0, reject=1)

        paid = await pays_out(me, to, 50_000, "po-2")
        await run(out)

        found = await me.phone.get(f"/v1/payouts/{paid['id']}")
        assert (found["state"], found["reason"]) == ("rejected", "limit_reached")
        assert await held(me) == (_FULL, 0)


async def test_what_comes_back_is_credited_with_the_fee_and_the_reason(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 303) as me:
        paid = await pays_out(me, await saves(me, out), 50_000, "po-3")
        await run(out)

        for _ in range(2):
            await out.public.post(f"/orders/{paid['id']}/return")
            await run(out)

        found = await me.phone.get(f"/v1/payouts/{paid['id']}")
        assert (found["state"], found["reason"]) == ("returned", "account_closed")
        assert await held(me) == (_FULL, 0)


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param({"duplicate": 1.0}, marks=pytest.mark.nightly),
        pytest.param({"bad_signature": 1.0}, marks=pytest.mark.nightly),
        pytest.param({"drop": 1.0}, marks=pytest.mark.nightly),
        pytest.param({"lost_answer": 1.0}, marks=pytest.mark.nightly),
        {"reorder": 0.7, "duplicate": 0.7, "lost_answer": 0.5, "drop": 0.3},
    ],
    ids="+".join,
)
async def test_whatever_gets_lost_or_doubled_it_is_paid_once(
    app: Litestar, settings: Settings, out: Outside, plan: dict[str, float]
) -> None:
    async with investor(app, settings, 304) as me:
        to = await saves(me, out)
        (posted, _), left = await held(me), paid_by_bank(out)
        out.bank.faults = Faults(seed=5, decision_s=0, **plan)

        paid = [await pays_out(me, to, 1_000, f"po-{len(plan)}-{min(plan)}-{number}") for number in range(2)]
        await run(out, rounds=2)
        for _ in range(3):
            await hurry(out)

        states = {(await me.phone.get(f"/v1/payouts/{each['id']}"))["state"] for each in paid}
        assert states == {"done"}
        assert await held(me) == (posted - 2 * 1_100_00, 0)
        assert paid_by_bank(out) - left == 2 * 1_000_00


async def test_a_bank_that_is_away_leaves_the_payout_unknown_and_is_asked_again_under_the_same_key(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 305) as me:
        to = await saves(me, out)
        paid = await pays_out(me, to, 2_000, "po-5")

        def refuse(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("no route", request=request)

        away = msgspec.structs.replace(out.house, http=httpx.AsyncClient(transport=httpx.MockTransport(refuse)))
        await asking.step(away)

        [row] = await outside.rows(out.house, "SELECT state, trouble FROM app.bank_order WHERE kind = 'payout'"
                                   " ORDER BY id DESC LIMIT 1")  # fmt: skip
        assert row.state == "unknown"
        assert (await me.phone.get(f"/v1/payouts/{paid['id']}"))["state"] == "processing"
        await hurry(out)
        assert (await me.phone.get(f"/v1/payouts/{paid['id']}"))["state"] == "done"


async def test_a_bank_that_names_another_amount_is_not_believed(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 306) as me:
        paid = await pays_out(me, await saves(me, out), 3_000, "po-6")
        out.bank.faults = Faults(decision_s=600)
        await asking.step(out.house)

        out.bank.tell("order.done", {"order_id": paid["id"], "status": "done", "amount_minor": 1, "currency": "KZT"})
        await out.bank.send()
        await outside.settle(out.house)

        query = "SELECT state, outcome FROM app.inbox WHERE kind = 'order.done' ORDER BY id DESC LIMIT 1"
        [row] = await outside.rows(out.house, query)
        assert tuple(row) == ("parked", "it says another amount")
        assert (await held(me))[1] == 3_100_00


async def test_twenty_copies_of_one_conclusion_at_once_move_the_money_once(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 307) as me:
        to = await saves(me, out)
        (posted, _) = await held(me)
        await pays_out(me, to, 4_000, "po-7")
        out.bank.faults = Faults(decision_s=0, duplicate=1)
        await asking.step(out.house)
        for _ in range(3):
            out.bank.decide()
        for message in [m for m in out.bank.books.messages() if m["kind"] == "order.done"][-1:]:
            for _ in range(6):
                out.bank.tell("order.done", message["body"]["data"])
        await out.bank.send()

        await asyncio.gather(*(inbox.step(out.house) for _ in range(4)))
        await outside.settle(out.house)

        assert await held(me) == (posted - 4_100_00, 0)


async def refused(call: Any) -> str:  # noqa: ANN401  a call under way
    """Give the code a call is refused by."""
    with pytest.raises(Refused) as caught:
        await call
    return str(caught.value.code)


async def test_a_stranger_s_account_is_not_paid_to_and_an_own_one_costs_nothing(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 308) as me:
        strangers = await saves(me, out, "A STRANGER")
        own = await saves(me, out, None)

        assert (await me.phone.get(f"/v1/beneficiaries/{strangers}"))["named"] == "differs"
        assert (await me.phone.get(f"/v1/beneficiaries/{own}"))["named"] == "match"
        assert await refused(pays_out(me, strangers, 1_000, "po-8")) == "name_differs"
        terms = await me.phone.get(f"/v1/beneficiaries/{own}/payout-terms", amount_minor=1_000_00)
        assert terms["fee"]["amount_minor"] == 0


async def test_what_is_no_account_in_kazakhstan_is_not_saved(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 309) as me:
        for iban in ("KZ86125KZT5004100101", "DE89370400440532013000", "KZ00000000000000000X"):
            assert await refused(saves(me, out, "A PAYEE", iban)) == "bad_account", iban


async def test_what_was_confirmed_for_one_payee_or_amount_pays_no_other(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 310) as me:
        to = await saves(me, out)
        other = await saves(me, out, "ANOTHER PAYEE")
        terms = await me.phone.get(f"/v1/beneficiaries/{to}/payout-terms", amount_minor=1_000_00)
        shown = terms["confirm"]["shown"]

        bodies = ({"beneficiary_id": other, "amount_minor": 1_000_00}, {"beneficiary_id": to, "amount_minor": 2})
        for number, body in enumerate(bodies):
            step_up = await me.phone.step_up("payout.send", {**shown, "idempotency_key": f"po-10-{number}"})
            asked = me.phone.post("/v1/payouts", {**body, "step_up": step_up}, key=f"po-10-{number}")
            assert await refused(asked) == "step_up_mismatch"


async def test_one_resident_does_not_see_another_ones_payouts(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 311) as me, investor(app, settings, 312) as stranger:
        to = await saves(me, out)
        paid = await pays_out(me, to, 1_000, "po-11")

        for path in (f"/v1/payouts/{paid['id']}", f"/v1/beneficiaries/{to}"):
            assert await refused(stranger.phone.get(path)) == "not_found"
        assert await refused(pays_out(stranger, to, 1_000, "po-12")) == "not_found"
        assert (await stranger.phone.get("/v1/payouts"))["payouts"] == []


@pytest.mark.fresh
async def test_a_payout_that_is_late_is_promised_anew(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 313) as me:
        to = await saves(me, out)
        out.bank.faults = Faults(decision_s=600)
        paid = await pays_out(me, to, 1_000, "po-13")
        promised = paid["expected"]
        assert promised["why"] == "instant_around_the_clock"

        await forward(out.house, hours=1)

        late = (await me.phone.get(f"/v1/payouts/{paid['id']}"))["expected"]
        assert late["why"] == "later_than_promised"
        assert late["by"] > promised["by"]


async def test_what_comes_back_for_a_closed_wallet_waits_in_the_officers_queue(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 314) as me:
        suspended = await outside.balance(out.house, Purpose.SUSPENSE)
        paid = await pays_out(me, await saves(me, out), 999_900, "po-14")
        await run(out)
        assert await held(me) == (0, 0)
        async with db.transaction(out.house.worker) as story:
            await account.close(await story(), me.resident, actor="service:ending", at=story.now)

        await out.public.post(f"/orders/{paid['id']}/return")
        await run(out)

        assert await outside.balance(out.house, Purpose.SUSPENSE) == suspended + _FULL
        query = "SELECT stage, reason, amount_minor FROM app.incoming WHERE payment_id = :key"
        [row] = await outside.rows(out.house, query, key=f"~{paid['id']}")
        assert tuple(row) == ("suspended", "wallet_closed", _FULL)
