"""A deposit from the tap to the position: set aside, asked for, confirmed, booked, repaid; or refused and freed."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import clock, db
from app import ids as mint
from app.house import House
from app.http import ids
from app.idempotency_key import Stored
from app.money import claim
from app.partners import inbox, placing, registry
from app.settings import Settings
from invest import settlement
from simulators.bank import view
from simulators.faults import Faults
from tests.app import people
from tests.partners import outside
from tests.partners.investors import investor
from tests.partners.outside import CODE, Outside
from wallet.account import Purpose

pytestmark = pytest.mark.asyncio


async def run(out: Outside) -> None:
    """Let both sides work until neither has anything left to do."""
    for _ in range(3):
        await outside.settle(out.house)
        await out.works()
    await outside.settle(out.house)


async def written(out: Outside, placed: Any) -> Any:  # noqa: ANN401  a row
    """Read a placement as it stands inside."""
    query = "SELECT * FROM invest.placement WHERE id = :id"
    [row] = await outside.rows(out.house, query, id=ids.parse("placement", placed["id"]))
    return row


def dead(house: House) -> House:
    """Cut the line to the bank."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    return msgspec.structs.replace(house, http=httpx.AsyncClient(transport=httpx.MockTransport(refuse)))


async def move_clock(house: House, days: int = 0, minutes: int = 0) -> None:
    async with db.transaction(house.api, audience="service") as story:
        await (await story()).execute(
            text("UPDATE app.clock SET advanced_by = advanced_by + make_interval(days => :days, mins => :minutes)"),
            {"days": days, "minutes": minutes},
        )


async def test_a_deposit_is_set_aside_confirmed_by_webhook_and_shows_as_a_position(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 101) as mine:
        settled = await outside.balance(out.house, Purpose.INVEST_SETTLEMENT, CODE)
        placed = await mine.places(50_000)
        assert placed["state"] == "processing"
        assert (await mine.balance())["held"]["amount_minor"] == 50_000_00

        await outside.settle(out.house)
        assert await mine.positions() == []
        await out.works()
        await outside.settle(out.house)

        [position] = await mine.positions()
        assert position["placement"]["id"] == placed["id"]
        assert position["placement"]["bank_reference"].startswith("DB-")
        balance = await mine.balance()
        assert (balance["held"]["amount_minor"], balance["posted"]["amount_minor"]) == (0, 950_000_00)
        assert await outside.balance(out.house, Purpose.INVEST_SETTLEMENT, CODE) == settled + 50_000_00


async def test_every_step_is_a_row_and_reaches_the_feed(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 102) as mine:
        placed = await mine.places(50_000)
        await run(out)

        query = "SELECT act, state FROM invest.transition WHERE placement = :id ORDER BY version"
        steps = await outside.rows(out.house, query, id=ids.parse("placement", placed["id"]))
        assert [tuple(step) for step in steps] == [
            ("request", "requested"),
            ("send", "sent"),
            ("confirm", "confirmed"),
            ("book", "booked"),
        ]
        feed = (await mine.phone.get("/v1/me/feed", limit=100))["events"]
        ours = [event for event in feed if event["data"].get("placement") == placed["id"]]
        assert [event["type"].partition(".")[2] for event in ours] == ["requested", "sent", "confirmed", "booked"]


async def test_a_refusal_of_the_bank_frees_the_money(app: Litestar, settings: Settings, out: Outside) -> None:
    out.bank.faults = Faults(decision_s=0, reject=1)
    async with investor(app, settings, 103) as mine:
        placed = await mine.places(50_000)

        await run(out)

        assert await mine.positions() == []
        found = await mine.placement(placed)
        assert (found["state"], found["reason"]) == ("rejected", "limit_reached")
        assert (await mine.balance())["available"]["amount_minor"] == 1_000_000_00


@pytest.mark.parametrize("fault", ["duplicate", "bad_signature", "drop", "lost_answer"])
async def test_whatever_gets_lost_or_doubled_the_deposit_is_made_once(
    app: Litestar, settings: Settings, out: Outside, fault: str
) -> None:
    out.bank.faults = msgspec.convert({"decision_s": 0, fault: 1}, Faults)
    async with investor(app, settings, 110 + len(fault)) as mine:
        placed = await mine.places(50_000)

        for _ in range(3):
            await run(out)
            await outside.hurry(out.house)

        assert [position["placement"]["id"] for position in await mine.positions()] == [placed["id"]]
        assert (await mine.balance())["posted"]["amount_minor"] == 950_000_00
        assert len(await deposits(out)) == 1


async def deposits(out: Outside) -> list[Any]:
    """List what the bank has under keys of ours."""
    found = await outside.rows(out.house, "SELECT id FROM invest.placement")
    keys = [ids.show("placement", row.id) for row in found]
    return [deposit for key in keys if (deposit := out.bank.books.deposit(key))]


async def test_a_bank_that_does_not_answer_is_unknown_and_asked_again_under_the_same_key(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 130) as mine:
        placed = await mine.places(50_000)

        await outside.settle(dead(out.house))
        row = await written(out, placed)
        assert (row.state, row.trouble) == ("unknown", "ConnectError: no route")
        assert (await mine.balance())["held"]["amount_minor"] == 50_000_00
        await outside.hurry(out.house)
        await outside.settle(dead(out.house))
        assert (await written(out, placed)).attempts == 1

        await outside.hurry(out.house)
        await run(out)

        assert (await mine.placement(placed))["state"] == "active"
        assert [deposit["key"] for deposit in await deposits(out)] == [placed["id"]]


async def test_a_worker_that_dies_before_the_bank_hears_loses_nothing(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 131) as mine:
        placed = await mine.places(50_000)

        class Killed(BaseException):
            pass

        def die(_: httpx.Request) -> httpx.Response:
            raise Killed

        dying = msgspec.structs.replace(out.house, http=httpx.AsyncClient(transport=httpx.MockTransport(die)))
        with pytest.raises(Killed):
            await placing.step(dying)
        assert (await written(out, placed)).state == "sent"

        await outside.hurry(out.house)
        await run(out)

        assert (await mine.placement(placed))["state"] == "active"


async def test_a_webhook_that_is_faster_than_the_answer_counts(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 133) as mine:
        placed = await mine.places(50_000)

        async def tell_first(request: httpx.Request) -> httpx.Response:
            await out.public.send(request)
            await out.works()
            await inbox.step(out.house)
            raise httpx.ReadTimeout("too late", request=request)

        slow = msgspec.structs.replace(out.house, http=httpx.AsyncClient(transport=httpx.MockTransport(tell_first)))
        await placing.step(slow)

        row = await written(out, placed)
        assert (row.state, row.trouble) == ("confirmed", None)
        assert row.due_at <= clock.real()


async def test_many_workers_and_repeated_words_book_once(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 132) as mine:
        await mine.places(50_000)
        await outside.settle(out.house)
        out.bank.decide()
        [message] = [each for each in out.bank.books.messages() if each["kind"] == "placement.confirmed"]
        for _ in range(3):
            out.bank.tell("placement.confirmed", message["body"]["data"])
        await out.bank.send()

        for _ in range(4):
            await asyncio.gather(*(placing.step(out.house) for _ in range(4)), outside.settle(out.house))

        assert (await mine.balance())["posted"]["amount_minor"] == 950_000_00
        outcomes = await said(out, "placement.confirmed")
        assert sorted(row.outcome for row in outcomes) == ["confirm", "known already", "known already", "known already"]


async def test_a_bank_is_believed_only_where_it_says_what_was_agreed(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    unlike: list[tuple[dict[str, object], str]] = [
        ({"principal_minor": 60_000_00}, "not what was agreed"),
        ({"interest_minor": 1}, "not what was agreed"),
        ({"currency": "USD"}, "not what was agreed"),
        ({"starts_on": "2026-01-01"}, "not what was agreed"),
        ({"matures_on": "2031-01-01"}, "not what was agreed"),
        ({"placement_id": "placement_00000000000000000000000000"}, "no such placement"),
        ({"placement_id": "card_1"}, "no such placement"),
    ]
    async with investor(app, settings, 140) as mine:
        placed = await mine.places(1_000)
        await outside.settle(out.house)
        deposit = out.bank.books.deposit(placed["id"])
        assert deposit is not None
        agreed = {**view(deposit), "bank_reference": deposit["reference"]}

        for changed, _ in unlike:
            out.bank.tell("placement.confirmed", {**agreed, **changed})
        await out.bank.send()
        await outside.settle(out.house)

        outcomes = [(row.state, row.outcome) for row in await said(out, "placement.confirmed")]
        assert outcomes == [("parked", why) for _, why in unlike]
        assert (await mine.placement(placed))["state"] == "processing"


async def test_a_bank_has_no_say_about_what_is_placed_with_another(
    app: Litestar, settings: Settings, out: Outside, tmp_path: Path
) -> None:
    async with investor(app, settings, 141) as mine, outside.bank(app, tmp_path / "other", code="other-bank") as other:
        placed = await mine.places(1_000)
        await outside.settle(out.house)

        other.bank.tell("placement.rejected", {"placement_id": placed["id"], "reason": "spite"})
        await other.bank.send()
        await outside.settle(out.house)

        assert [(row.state, row.outcome) for row in await said(other, "placement.rejected")] == [
            ("parked", "no such placement")
        ]
        assert (await mine.placement(placed))["state"] == "processing"


async def test_what_a_bank_takes_back_later_is_parked(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 142) as mine:
        placed = await mine.places(1_000)
        await run(out)

        out.bank.tell("placement.rejected", {"placement_id": placed["id"], "reason": "second_thoughts"})
        await run(out)

        assert [row.outcome for row in await said(out, "placement.rejected")] == ["it was confirmed before"]
        assert (await mine.placement(placed))["state"] == "active"


async def said(out: Outside, kind: str) -> list[Any]:
    ours = [message["id"] for message in out.bank.books.messages()]
    query = "SELECT state, outcome FROM app.inbox WHERE webhook_id = ANY(:ours) AND kind = :kind ORDER BY id"
    return await outside.rows(out.house, query, ours=ours, kind=kind)


@pytest.mark.fresh
async def test_at_maturity_principal_and_interest_come_back(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 150) as mine:
        placed = await mine.places(50_000)
        await run(out)
        await out.public.post(f"/placements/{placed['id']}/maturity")
        await run(out)
        assert [row.outcome for row in await said(out, "placement.matured")] == ["before its term"]

        await move_clock(out.house, days=370)
        [position] = await mine.positions()
        assert position["accrued"] == placed["interest"]
        await out.public.post(f"/placements/{placed['id']}/maturity")
        await run(out)

        earned = placed["interest"]["amount_minor"]
        assert (await mine.balance())["posted"]["amount_minor"] == 1_000_000_00 + earned
        assert await mine.positions() == []
        assert (await mine.placement(placed))["state"] == "repaid"
        assert await outside.balance(out.house, Purpose.INVEST_SETTLEMENT, CODE) == 0
        assert await outside.balance(out.house, Purpose.BANK, CODE) == -earned


@pytest.mark.fresh
async def test_repaid_three_times_in_one_batch_is_paid_once(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 152) as mine:
        placed = await mine.places(50_000)
        await run(out)
        await move_clock(out.house, days=370)
        await out.public.post(f"/placements/{placed['id']}/maturity")
        await out.bank.send()
        await inbox.step(out.house)
        home = await out.house.money.wallet(mine.resident)
        accounts = {
            "wallet": home.account,
            "settlement": await out.house.money.operator(Purpose.INVEST_SETTLEMENT, label=CODE),
            "bank": await out.house.money.operator(Purpose.BANK, label=CODE),
        }
        about = ids.parse("placement", placed["id"])

        async def repay(number: int) -> None:
            due = settlement.Due(placement=about, first=mint.new(), second=mint.new(), actor="test", **accounts)
            name = claim("test", f"repay/{number}", None)
            await out.house.money.submit(
                settlement.repay, [due], lanes=[home.lane], claim=name, render=lambda _: Stored(200, b"{}")
            )

        await asyncio.gather(*(repay(number) for number in range(3)))

        earned = placed["interest"]["amount_minor"]
        assert (await mine.balance())["posted"]["amount_minor"] == 1_000_000_00 + earned
        assert (await mine.placement(placed))["state"] == "repaid"


@pytest.mark.fresh
async def test_a_maturity_nobody_told_us_of_is_found_by_asking(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 151) as mine:
        placed = await mine.places(50_000)
        await run(out)
        await move_clock(out.house, days=370)
        await run(out)
        assert (await mine.placement(placed))["state"] == "active"

        out.bank.faults = Faults(decision_s=0, drop=1)
        await out.public.post(f"/placements/{placed['id']}/maturity")
        await outside.hurry(out.house)
        await run(out)

        assert (await mine.placement(placed))["state"] == "repaid"


async def test_a_suspended_bank_is_asked_for_nothing_new(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 160) as mine:
        placed = await mine.places(50_000)
        await _set_state(out, "suspended")
        try:
            await outside.settle(out.house)
        finally:
            await _set_state(out, "active")

        assert out.bank.books.deposit(placed["id"]) is None
        found = await mine.placement(placed)
        assert (found["state"], found["reason"]) == ("rejected", "partner_not_active")
        assert (await mine.balance())["available"]["amount_minor"] == 1_000_000_00


async def _set_state(out: Outside, state: str) -> None:
    async with db.transaction(out.house.worker) as story:
        bank = await registry.find(await story(), CODE)
        change = text("UPDATE app.partner SET state = :state WHERE id = :id")
        await (await story()).execute(change, {"state": state, "id": bank.id})


@pytest.mark.usefixtures("out")
async def test_one_resident_does_not_see_another_ones_placement(app: Litestar, settings: Settings) -> None:
    [stranger] = await people.residents(app, 1, start=162)
    async with investor(app, settings, 161) as mine:
        placed = await mine.places(1_000)

        api = outside.client(app, settings.issuer)
        headers = people.bearer(stranger.access_token)
        foreign = await api.get(f"/v1/invest/placements/{placed['id']}", headers=headers)
        unknown = await api.get(f"/v1/invest/placements/placement_{'0' * 26}", headers=headers)

        assert foreign.status_code == unknown.status_code == 404
        assert {**foreign.json(), "trace_id": ""} == {**unknown.json(), "trace_id": ""}
