"""Money nobody could be found for: seen with its evidence, resolved by two officers, once, whatever races."""

import asyncio
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import db, money, seed, verify
from app import ids as inside
from app.banking import suspense
from app.http import ids
from app.settings import Settings
from law.money import KZT, Money
from simulators.faults import Faults
from tests.app import people
from tests.app.people import keyed
from tests.banking.clients import forward, held, hurry, pays_out, run, saves
from tests.partners import outside
from tests.partners.investors import Investor, investor
from tests.partners.outside import CODE, Outside
from tests.wallet.ledgers import kzt, move, operator, post
from wallet import account
from wallet.account import Purpose
from wallet.transfer import AccountId, Post, TransferId

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


async def strays(me: Investor, out: Outside) -> str:
    """Pay out, close the wallet and let the money come back; gives how the bank knows the order."""
    paid = await pays_out(me, await saves(me, out), 999_900, f"stray-{me.resident}")
    await run(out)
    async with db.transaction(out.house.worker) as story:
        await account.close(await story(), me.resident, actor="service:ending", at=story.now)
    await out.public.post(f"/orders/{paid['id']}/return")
    await run(out)
    return str(paid["id"])


async def carry(out: Outside, debit: AccountId, credit: AccountId, minor: int) -> None:
    """Move money between accounts of the operator."""
    move = Post(id=TransferId(inside.new()), debit=debit, credit=credit, money=Money(minor, KZT), code="test.moved")
    claim = money.claim("test", str(move.id), None)
    await out.house.money.move([move], lanes=[money.FIRST_LANE], claim=claim, render=money.plainly)


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
    await run(out)


@pytest.mark.parametrize(("announced", "received"), [(500_000, 1), (2, 400_000)])
async def test_officers_match_what_arrived_whatever_was_announced(
    app: Litestar, settings: Settings, out: Outside, announced: int, received: int
) -> None:
    officers = await Officers(app, settings).sit_down()
    async with investor(app, settings, 333) as me:
        before, suspended = await held(me), await outside.balance(out.house, Purpose.SUSPENSE)
        payment = {"reference": "for the flat", "amount_minor": announced * 100, "payer": {"name": "A PAYER"}}
        await out.public.post("/announcements", json={**payment, "payment_id": f"P-grew-{received}"})
        await run(out, rounds=1)

        waiting = await waits(out, officers, received, f"P-grew-{received}")
        proposed = (await officers.propose(waiting["id"], "match", ids.show("wallet", me.wallet))).json()
        assert (await officers.approve(proposed)).status_code == 200

        assert await held(me) == (before[0] + received * 100, 0)
        assert await outside.balance(out.house, Purpose.SUSPENSE) == suspended


@pytest.mark.parametrize("action", ["match", "return"])
async def test_suspense_gives_nobody_what_it_does_not_hold(
    app: Litestar, settings: Settings, out: Outside, action: str
) -> None:
    officers = await Officers(app, settings).sit_down()
    suspense_, sandbox = [await out.house.money.operator(each) for each in (Purpose.SUSPENSE, Purpose.SANDBOX)]
    async with investor(app, settings, 334) as me:
        before = await held(me)
        payment = await waits(out, officers, 721, f"P-gone-{action}")
        wallet = ids.show("wallet", me.wallet) if action == "match" else None
        proposed = (await officers.propose(payment["id"], action, wallet)).json()
        query = "SELECT posted - hold_out FROM wallet.account WHERE id = :id"
        [[there]] = await outside.rows(out.house, query, id=suspense_)
        await carry(out, suspense_, sandbox, there - 721_00 + 1)

        short = await officers.approve(proposed)
        assert (short.status_code, short.json()["code"]) == (422, "insufficient_funds")
        assert await held(me) == before

        await carry(out, sandbox, suspense_, there - 721_00 + 1)
        assert (await officers.approve(proposed)).status_code == 200
        await run(out)
        assert await held(me) == (before[0] + (721_00 if action == "match" else 0), 0)
        assert (await outside.rows(out.house, query, id=suspense_))[0][0] == there - 721_00


async def test_officers_do_not_pass_the_limit_of_a_balance(app: Litestar, settings: Settings, out: Outside) -> None:
    officers = await Officers(app, settings).sit_down()
    async with investor(app, settings, 335) as me:
        before = await held(me)
        payment = await waits(out, officers, 722, "P-full")
        proposed = (await officers.propose(payment["id"], "match", ids.show("wallet", me.wallet))).json()
        async with db.transaction(out.house.api, holder=me.resident, audience="service") as story:
            await (await story()).execute(_NOT_IDENTIFIED, {"me": me.resident})

        full = await officers.approve(proposed)

        assert (full.status_code, full.json()["code"]) == (409, "wallet_cannot_receive")
        assert "receive_limit" in full.json()["detail"]
        assert await held(me) == before
        assert payment["id"] in {each["id"] for each in await officers.queue()}
        assert (await officers.post(f"/v1/officer/suspense-proposals/{proposed['id']}/refusal")).status_code == 200
        assert (await officers.approve((await officers.propose(payment["id"], "return")).json())).status_code == 200
        await run(out)


async def test_our_own_payment_that_came_back_for_nobody_is_matched_not_sent_back(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    officers = await Officers(app, settings).sit_down()
    async with investor(app, settings, 336) as gone, investor(app, settings, 337) as me:
        suspended, before = await outside.balance(out.house, Purpose.SUSPENSE), await held(me)
        await strays(gone, out)
        came_back = await outside.balance(out.house, Purpose.SUSPENSE) - suspended
        [stray] = [each for each in await officers.queue() if each["amount"]["amount_minor"] == came_back]

        back = await officers.propose(stray["id"], "return")
        assert (back.status_code, back.json()["code"]) == (409, "payment_not_returnable")

        proposed = (await officers.propose(stray["id"], "match", ids.show("wallet", me.wallet))).json()
        assert (await officers.approve(proposed)).status_code == 200
        assert await held(me) == (before[0] + came_back, 0)


async def test_a_bank_that_names_a_payment_like_our_order_takes_nothing_over(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    officers = await Officers(app, settings).sit_down()
    async with investor(app, settings, 338) as gone, investor(app, settings, 339) as me:
        before = await held(me)
        order = await strays(gone, out)
        waiting = {each["id"] for each in await officers.queue()}

        await out.pays(ids.show("wallet", me.wallet), 300, payment_id=order)
        await outside.settle(out.house)

        assert {each["id"] for each in await officers.queue()} == waiting
        assert await held(me) == (before[0] + 300_00, 0)


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


async def test_the_database_takes_no_proposal_that_is_decided_and_shows_none_to_residents(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    officers = await Officers(app, settings).sit_down()
    payment = await waits(out, officers, 716, "P-walls")
    proposed = (await officers.propose(payment["id"], "return")).json()
    await officers.post(f"/v1/officer/suspense-proposals/{proposed['id']}/refusal", who=1)
    of = {"id": ids.parse("suspense_proposal", proposed["id"])}
    named = "incoming, action, reason, proposed_by, proposed_at"
    walls = {
        f"INSERT INTO app.suspense_proposal (id, {named}, decided_by, decided_at, verdict)"  # noqa: S608  literals
        f" SELECT uuidv7(), {named}, 'officer:' || uuidv7(), now(), 'approved'"
        " FROM app.suspense_proposal WHERE id = :id": "permission denied",
        "UPDATE app.suspense_proposal SET decided_by = NULL, decided_at = NULL, verdict = NULL"
        " WHERE id = :id": "that is decided",
    }

    for statement, wall in walls.items():
        with pytest.raises(DBAPIError, match=wall):
            async with db.transaction(out.house.api, audience="officer") as story:
                await (await story()).execute(text(statement), of)
    async with db.transaction(out.house.api, audience="resident", holder=of["id"]) as story:
        seen = await (await story()).execute(text("SELECT FROM app.suspense_proposal WHERE id = :id"), of)
        assert seen.all() == []


_NOT_IDENTIFIED = text(
    "INSERT INTO kyc.decision (document, version, resident, outcome, reasons, rule_version, actor, at)"
    " SELECT id, 9, resident, 'refused', ARRAY['person.screening'], 'test', 'system:test', now() FROM kyc.document"
    " WHERE resident = :me"
)


async def test_the_verifier_finds_who_else_empties_suspense(
    app: Litestar, settings: Settings, out: Outside, module_database: str
) -> None:
    officers = await Officers(app, settings).sit_down()
    await waits(out, officers, 717, "P-emptied")
    assert verify.ledger(module_database).sound
    suspense_, fees = [await operator(out.house.posting, purpose) for purpose in (Purpose.SUSPENSE, Purpose.FEES)]

    await move(out.house.money, post(suspense_, fees, kzt(717)))

    [found] = verify.ledger(module_database).findings
    assert (found.table, found.row) == ("app.incoming", "1/KZT")
    await move(out.house.money, post(fees, suspense_, kzt(717)))
