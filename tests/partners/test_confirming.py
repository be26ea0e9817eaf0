"""Opting in, previewing, confirming: what the app may do, and what it is told when it may not."""

import asyncio
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy import text

from app import db
from app.http import ids
from app.settings import Settings
from simulators.phone import Refused
from tests.partners import outside
from tests.partners.investors import Investor, investor
from tests.partners.outside import Outside

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("out")]

#: A passkey counts what it signs: a signature that another one overtook on the way is refused.
OVERTAKEN = "step_up_not_signed"


async def code_of(call: Any) -> str:  # noqa: ANN401  an awaitable
    with pytest.raises(Refused) as refusal:
        await call
    return refusal.value.code


async def test_nobody_is_in_by_default_and_whoever_leaves_is_out_at_once(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 201) as mine:
        text_ = await mine.phone.get("/v1/invest/consent")
        assert (text_["given"], "said_at" in text_ and text_["said_at"]) == (False, None)
        product = await mine.product()
        asked = {"product_id": product["id"], "amount_minor": 50_000_00}
        assert await code_of(mine.phone.post("/v1/invest/previews", asked)) == "consent_required"

        await mine.opts_in()
        preview = await mine.previews(50_000)
        left = await mine.phone.delete("/v1/invest/consent")

        assert left["given"] is False
        assert await code_of(mine.confirms(preview)) == "consent_required"
        assert await code_of(mine.phone.post("/v1/invest/previews", asked)) == "consent_required"
        await mine.opts_in()
        assert (await mine.confirms(preview))["state"] == "processing"


async def test_a_consent_is_to_the_text_that_was_read(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 202) as mine:
        refused = await mine.phone.call("PUT", "/v1/invest/consent", body={"text_sha256": "0" * 64})

        assert (refused.status_code, refused.json()["code"]) == (409, "consent_text_changed")
        assert (await mine.phone.get("/v1/invest/consent"))["given"] is False
        rows = await outside.rows(
            out.house, "SELECT 1 FROM invest.consent WHERE holder = :holder", holder=mine.resident
        )
        assert rows == []


@pytest.mark.fresh
async def test_a_new_text_asks_everybody_again(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 212) as mine:
        await mine.opts_in()
        preview = await mine.previews(50_000)
        body = '{"en":"New.","kk":"Жаңа.","ru":"Новый."}'
        async with db.transaction(out.house.worker) as story:
            await (await story()).execute(
                text("INSERT INTO invest.consent_text VALUES (2, :body, sha256(convert_to(:body, 'UTF8')), now())"),
                {"body": body},
            )

        asked = await mine.phone.get("/v1/invest/consent")
        assert (asked["given"], asked["text_version"], asked["text"]) == (False, 2, "New.")
        assert await code_of(mine.confirms(preview)) == "consent_required"
        await mine.opts_in()
        assert (await mine.confirms(preview))["state"] == "processing"


async def test_the_preview_says_what_a_deposit_pays_costs_and_risks(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 203) as mine:
        await mine.opts_in()

        preview = await mine.previews(2_000_000)

        assert preview["product"]["rate"] == "0.1450"
        assert preview["product"]["bank"] == "Demo Bank"
        assert preview["total"]["amount_minor"] == 2_000_000_00 + preview["interest"]["amount_minor"]
        assert preview["fee"]["amount_minor"] == 0
        assert preview["insurance"]["limit"]["amount_minor"] == 20_000_000_00
        assert preview["insurance"]["uncovered"]["amount_minor"] == 0
        assert preview["affordable"] is False
        assert preview["confirm"]["shown"]["payee"] == "Demo Bank"
        assert (await mine.balance())["held"]["amount_minor"] == 0
        aifc = await mine.previews(500_000, "demo-bank-6m-aifc")
        assert (aifc["insurance"]["limit"], aifc["product"]["jurisdiction"]) == (None, "AIFC")


async def test_the_language_of_texts_is_the_callers(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 204) as mine:
        russian = await mine.phone.call("GET", "/v1/invest/products", headers={"Accept-Language": "ru"})

        assert "Сберегательный вклад, 12 месяцев" in [product["name"] for product in russian.json()["products"]]


async def test_a_placement_needs_the_passkey_over_exactly_what_is_shown(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 205) as mine:
        await mine.opts_in()
        preview = await mine.previews(50_000)
        shown = preview["confirm"]["shown"]

        bare = mine.phone.post("/v1/invest/placements", {"preview_id": preview["id"]})
        assert await code_of(bare) == "step_up_required"
        for change in ({"amount_minor": 1}, {"payee": "Other Bank"}, {"terms_sha256": "0" * 64}):
            assert await code_of(mine.confirms(preview, shown=shown | change)) == "step_up_mismatch"

        assert (await mine.balance())["held"]["amount_minor"] == 0


async def test_a_repeated_confirmation_is_one_placement(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 206) as mine:
        await mine.opts_in()
        preview = await mine.previews(50_000)
        step_up = await mine.phone.step_up(preview["confirm"]["operation"], preview["confirm"]["shown"])
        body = {"preview_id": preview["id"], "step_up": step_up}

        first, second = [await mine.phone.call("POST", "/v1/invest/placements", body=body, key="k-1") for _ in "12"]

        assert first.status_code == second.status_code == 201
        assert first.json() == second.json()
        assert second.headers["idempotency-replayed"] == "true"
        assert first.headers["location"] == f"/v1/invest/placements/{first.json()['id']}"
        assert await code_of(mine.confirms(preview)) == "preview_used"
        assert (await mine.balance())["held"]["amount_minor"] == 50_000_00
        assert [each["id"] for each in (await placements(mine))] == [first.json()["id"]]


async def test_a_refusal_leaves_the_confirmation_as_good_as_it_was(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 213) as mine:
        await mine.opts_in()
        preview = await mine.previews(1_000_100)
        step_up = await mine.phone.step_up(preview["confirm"]["operation"], preview["confirm"]["shown"])
        body = {"preview_id": preview["id"], "step_up": step_up}

        assert await code_of(mine.phone.post("/v1/invest/placements", body, key="k-1")) == "insufficient_funds"
        await mine.receives(out.house, 100)
        again = await mine.phone.call("POST", "/v1/invest/placements", body=body, key="k-1")
        made = await mine.phone.post("/v1/invest/placements", body, key="k-2")

        assert (again.status_code, again.headers["idempotency-replayed"]) == (422, "true")
        assert made["state"] == "processing"
        assert await code_of(mine.phone.post("/v1/invest/placements", body, key="k-3")) == "step_up_required"


async def test_a_crash_leaves_all_of_a_confirmation_or_nothing_of_it(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 214) as mine, out.house.posting.connect() as blocker:
        await mine.opts_in()
        preview = await mine.previews(50_000)
        # Whoever writes the answer to this key, which a batch does last, has to wait.
        await blocker.execute(
            text(
                "INSERT INTO app.idempotency (principal, key, request_hash, status, body)"
                " VALUES (:principal, 'k-crash', sha256(''), 200, '')"
            ),
            {"principal": f"resident:{mine.resident}"},
        )
        step_up = await mine.phone.step_up(preview["confirm"]["operation"], preview["confirm"]["shown"])
        body = {"preview_id": preview["id"], "step_up": step_up}
        tap = asyncio.create_task(mine.phone.post("/v1/invest/placements", body, key="k-crash"))
        waiting = await outside.waiting(blocker)

        assert out.house.api.pool.status().endswith("Current Checked out connections: 0")
        await blocker.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": waiting})
        while await outside.waiting(blocker) == waiting:
            pass
        assert await outside.rows(out.house, _DONE, holder=mine.resident) == []
        assert (await mine.balance())["held"]["amount_minor"] == 0

        await blocker.rollback()
        made = await tap
        [done] = await outside.rows(out.house, _DONE, holder=mine.resident)
        assert (ids.show("placement", done.placement), done.amount) == (made["id"], 50_000_00)
        assert await mine.phone.post("/v1/invest/placements", body, key="k-crash") == made


_DONE = """
    SELECT step_up.id, placement.id AS placement, transfer.amount
    FROM (SELECT id, subject FROM app.step_up WHERE operation = 'invest.confirm' AND used_at IS NOT NULL) AS step_up
    FULL JOIN invest.placement ON placement.holder = step_up.subject
    FULL JOIN wallet.transfer ON transfer.id = placement.id
    WHERE step_up.subject = :holder OR placement.holder = :holder
"""


async def test_two_confirmations_at_once_never_spend_more_than_there_is(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 207) as mine:
        await mine.opts_in()
        previews = [await mine.previews(600_000) for _ in range(3)]

        answers = await asyncio.gather(*(mine.confirms(preview) for preview in previews), return_exceptions=True)

        made = [answer for answer in answers if isinstance(answer, dict)]
        assert len(made) == 1
        assert {answer.code for answer in answers if isinstance(answer, Refused)} <= {"insufficient_funds", OVERTAKEN}
        assert (await mine.balance())["available"]["amount_minor"] == 400_000_00


async def test_one_preview_confirmed_twice_at_once_makes_one_placement(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 208) as mine:
        await mine.opts_in()
        preview = await mine.previews(50_000)

        answers = await asyncio.gather(*(mine.confirms(preview) for _ in range(3)), return_exceptions=True)

        assert len([answer for answer in answers if isinstance(answer, dict)]) == 1
        assert {answer.code for answer in answers if isinstance(answer, Refused)} <= {"preview_used", OVERTAKEN}
        assert (await mine.balance())["held"]["amount_minor"] == 50_000_00


async def test_what_the_product_does_not_take_is_refused(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 209) as mine:
        await mine.opts_in()

        assert await code_of(mine.previews(999)) == "amount_not_offered"
        asked = {"product_id": f"product_{'0' * 26}", "amount_minor": 100_000}
        assert await code_of(mine.phone.post("/v1/invest/previews", asked)) == "product_not_offered"


@pytest.mark.fresh
async def test_a_preview_stands_for_ten_minutes(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 210) as mine:
        await mine.opts_in()
        preview = await mine.previews(50_000)
        async with db.transaction(out.house.api, audience="service") as story:
            await (await story()).execute(
                text("UPDATE app.clock SET advanced_by = advanced_by + interval '10 minutes'")
            )

        assert await code_of(mine.confirms(preview)) == "preview_expired"


async def test_the_list_of_placements_is_paged(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 211) as mine:
        made = [(await mine.places(1_000 + 100 * number))["id"] for number in range(3)]

        first = await mine.phone.get("/v1/invest/placements", limit=2)
        second = await mine.phone.get("/v1/invest/placements", limit=2, cursor=first["next_cursor"])

        assert [each["id"] for each in (*first["placements"], *second["placements"])] == made[::-1]
        assert second["next_cursor"] is None


async def placements(mine: Investor) -> list[Any]:
    found: list[Any] = (await mine.phone.get("/v1/invest/placements"))["placements"]
    return found
