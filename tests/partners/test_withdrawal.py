"""A consent taken back and a restriction work from now on: what the bank was not told yet, it is never told."""

import asyncio

import pytest
from litestar import Litestar

from app.partners import placing
from app.settings import Settings
from tests.app.restrictions.people import restricting, waits
from tests.partners.investors import investor
from tests.partners.outside import Outside, hurry, settle

pytestmark = pytest.mark.asyncio


async def test_whoever_takes_the_consent_back_places_nothing_more(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 260) as mine:
        await mine.opts_in()
        preview = await mine.previews(50_000)
        await mine.phone.delete("/v1/me/consents/partner_banks")
        confirm = preview["confirm"]
        step_up = await mine.phone.step_up(confirm["operation"], confirm["shown"])
        body = {"preview_id": preview["id"], "step_up": step_up}

        refused = await mine.phone.call("POST", "/v1/invest/placements", body=body)

        assert (refused.status_code, refused.json()["code"]) == (403, "personal_data_consent_required")
        assert "partner_banks" in refused.json()["detail"]
        assert (await mine.balance())["held"]["amount_minor"] == 0
    assert out.bank.books.messages() == []


async def test_a_placement_the_bank_was_not_told_of_is_undone(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 261) as mine:
        placed = await mine.places(50_000)
        await mine.phone.delete("/v1/me/consents/partner_banks")

        await settle(out.house)
        await hurry(out.house)
        await settle(out.house)

        undone = await mine.placement(placed)
        assert (undone["state"], undone["reason"]) == ("rejected", "consent_withdrawn")
        assert (await mine.balance())["held"]["amount_minor"] == 0
    assert out.bank.books.messages() == [], "the bank never heard of it"


async def test_what_the_bank_has_runs_on(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 262) as mine:
        placed = await mine.places(50_000)
        await settle(out.house)
        await mine.phone.delete("/v1/me/consents/partner_banks")

        await out.works()
        await settle(out.house)

        assert (await mine.placement(placed))["state"] == "active"


async def test_a_restriction_stops_a_placement_the_bank_was_not_told_of(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 263) as mine:
        placed = await mine.places(50_000)
        async with restricting(out.house, mine.resident, "unusual_activity"):
            asked = asyncio.create_task(placing.step(out.house))
            await waits(out.house, asked)
        await asked
        await hurry(out.house)
        await settle(out.house)

        undone = await mine.placement(placed)
        assert (undone["state"], undone["reason"]) == ("rejected", "restricted")
        assert (await mine.balance())["held"]["amount_minor"] == 0
    assert out.bank.books.messages() == []


async def test_a_restriction_leaves_what_the_bank_has(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 265) as mine:
        placed = await mine.places(50_000)
        await settle(out.house)
        async with restricting(out.house, mine.resident, "court_arrest"):
            pass

        await out.works()
        await settle(out.house)

        assert (await mine.placement(placed))["state"] == "active"
