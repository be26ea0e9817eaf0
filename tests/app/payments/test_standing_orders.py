"""Standing orders: confirmed once, paid once for each period by the clock, whatever crashes."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy.exc
from litestar import Litestar
from sqlalchemy import text

from app import db
from app.http import ids as outside_ids
from app.payments import standing_run
from app.settings import Settings
from law import calendar
from tests.app.account.people import pass_by
from tests.app.payments.people import Json, Resident, works
from tests.app.people import residents
from tests.partners import outside
from tests.partners.investors import investor

pytestmark = pytest.mark.asyncio

ORDERS = "/v1/standing-orders"


async def pair(app: Litestar, client: httpx.AsyncClient) -> tuple[Resident, Resident]:
    one, other = [Resident(app, client, each) for each in await residents(app, 2, start=380)]
    return one, other


async def now(app: Litestar) -> datetime:
    async with db.transaction(app.state.house.worker) as story:
        return story.now


async def today(app: Litestar) -> date:
    return calendar.statutory_date(await now(app))


async def ordered(payer: Resident, payee: Resident, first_on: date, minor: int = 100_00, **rule: Any) -> Json:  # noqa: ANN401  whatever a rule holds
    """Set up an order that is first due on a day."""
    rule = {"frequency": "monthly", "first_on": first_on.isoformat(), **rule}
    body = {"to": await payer.reference(payee), "amount": {"amount_minor": minor}, "rule": rule, "message": "Rent"}
    return await payer.post(ORDERS, body)


async def until(app: Litestar, day: date) -> None:
    """Let time pass until noon of a day, and the worker do what is due."""
    noon = calendar.day_starts(day) + timedelta(hours=12)
    await pass_by(app.state.house, noon - await now(app))
    await works(app.state.house)


async def test_an_order_pays_by_the_clock_until_it_ends(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, payee = await pair(app, client)
    before, first = await payee.balance(), (await today(app)) + timedelta(days=1)

    order = await ordered(payer, payee, first, payments_max=3)
    for month in range(4):
        await until(app, calendar.add_months(first, month))

    seen = await payer.get(f"{ORDERS}/{order['id']}")
    assert (seen["state"], seen["due_at"], seen["next_on"]) == ("ended", None, None)
    assert [each["outcome"] for each in seen["payments"]] == ["paid"] * 3
    assert [each["planned_on"] for each in seen["payments"]] == [
        calendar.add_months(first, month).isoformat() for month in (2, 1, 0)
    ]
    assert await payee.balance() == before + 3 * 100_00
    [*_, last] = await payer.heard("standing_order.paid")
    words = (await payee.get(f"/v1/transfers/{last['transfer']}"))["words"]
    assert (words["message"], words["payer"]) == ("Rent", (await payer.get("/v1/me/payee"))["name"])


async def test_what_was_missed_is_paid_once_each_however_many_workers_there_are(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    payer, payee = await pair(app, client)
    first = (await today(app)) + timedelta(days=1)
    order = await ordered(payer, payee, first, minor=1_00, frequency="daily", payments_max=5)
    before = await payee.balance()
    await pass_by(app.state.house, timedelta(days=30))

    for _ in range(6):
        await asyncio.gather(*(standing_run.step(app.state.house) for _ in range(3)))

    assert await payee.balance() == before + 5 * 1_00
    seen = await payer.get(f"{ORDERS}/{order['id']}")
    assert sorted(each["no"] for each in seen["payments"]) == [0, 1, 2, 3, 4]


async def test_a_worker_that_dies_midway_leaves_the_payment_whole_or_not_there(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    payer, payee = await pair(app, client)
    order = await ordered(payer, payee, (await today(app)) + timedelta(days=1), frequency="once")
    before = await payee.balance()
    await pass_by(app.state.house, timedelta(days=2))
    async with app.state.house.posting.connect() as blocker:
        # Whoever writes down what was paid has to wait, and dies waiting.
        await blocker.execute(text(_BLOCK), {"order": outside_ids.parse("standing_order", order["id"])})
        work = asyncio.create_task(standing_run.step(app.state.house))
        waiting = await outside.waiting(blocker)
        await blocker.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": waiting})
        again = await outside.waiting(blocker)
        while again == waiting:
            again = await outside.waiting(blocker)
        assert await payee.balance() == before
        await blocker.rollback()
    await work
    await works(app.state.house)

    assert await payee.balance() == before + 100_00
    assert [each["outcome"] for each in (await payer.get(f"{ORDERS}/{order['id']}"))["payments"]] == ["paid"]


async def test_two_payments_for_one_period_are_refused_by_the_database(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    payer, payee = await pair(app, client)
    order = await ordered(payer, payee, (await today(app)) + timedelta(days=1), minor=7_00, payments_max=2)
    await pass_by(app.state.house, timedelta(days=2))
    await works(app.state.house)
    before = await payee.balance()
    # A planted defect: the order forgets what it paid.
    async with app.state.house.posting.begin() as connection:
        await connection.execute(text(_FORGET), {"order": outside_ids.parse("standing_order", order["id"])})

    with pytest.raises(sqlalchemy.exc.IntegrityError, match="standing_payment_pkey"):
        await standing_run.step(app.state.house)

    assert await payee.balance() == before
    assert len((await payer.get(f"{ORDERS}/{order['id']}"))["payments"]) == 1
    await payer.post(f"{ORDERS}/{order['id']}/cancel")


async def test_who_has_not_enough_is_told_and_tried_again_and_then_left(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    payer, payee = await pair(app, client)
    first, before = (await today(app)) + timedelta(days=1), await payee.balance()
    order = await ordered(payer, payee, first, minor=10**12, payments_max=2)
    path = f"{ORDERS}/{order['id']}"
    await until(app, first)
    delays = await payer.heard("standing_order.delayed")
    tried = await payer.get(path)
    for wait in standing_run.AGAIN:
        await pass_by(app.state.house, wait)
        await works(app.state.house)

    assert (delays[-1]["no"], delays[-1]["reason"]) == (0, "insufficient_funds")
    assert tried["due_at"] == delays[-1]["again_at"]
    seen = await payer.get(path)
    assert [(each["no"], each["outcome"], each["reason"]) for each in seen["payments"]] == [
        (0, "failed", "insufficient_funds")
    ]
    assert (seen["state"], seen["next_on"]) == ("active", calendar.add_months(first, 1).isoformat())
    assert await payee.balance() == before
    assert await payee.heard("standing_order.failed") == []
    await payer.post(f"{path}/cancel")


async def test_pause_skip_resume_and_cancel(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, payee = await pair(app, client)
    first, before = (await today(app)) + timedelta(days=2), await payee.balance()
    order = await ordered(payer, payee, first, minor=3_00, frequency="weekly")
    path = f"{ORDERS}/{order['id']}"

    skipped = await payer.post(f"{path}/skip")
    await until(app, first)
    assert skipped["next_on"] == (first + timedelta(days=7)).isoformat()
    assert await payee.balance() == before
    paused = await payer.post(f"{path}/pause")
    await until(app, first + timedelta(days=15))
    resumed = await payer.post(f"{path}/resume")
    await until(app, first + timedelta(days=21))
    cancelled = await payer.post(f"{path}/cancel")
    await until(app, first + timedelta(days=60))

    assert (paused["state"], paused["due_at"]) == ("paused", None)
    assert resumed["next_on"] == (first + timedelta(days=21)).isoformat()
    assert cancelled["state"] == "cancelled"
    assert await payee.balance() == before + 3_00
    for act in ("pause", "resume", "skip", "cancel"):
        assert await payer.refused("POST", f"{path}/{act}") == (409, "standing_order_state")
        assert await payee.refused("POST", f"{path}/{act}") == (404, "not_found")
    seen = await payer.get(path)
    assert [(each["no"], each["outcome"]) for each in seen["payments"]] == [(3, "paid"), (0, "skipped")]


async def test_payee_amount_and_rule_are_what_the_passkey_signed(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    _, payee = await pair(app, client)
    first = ((await today(app)) + timedelta(days=3)).isoformat()
    async with investor(app, settings, 386) as mine:
        found = await mine.phone.post("/v1/payees/lookups", {"via": "wallet", "value": payee.wallet})
        shown = {
            "payee": payee.wallet, "name": found["name"], "address": payee.wallet, "amount_minor": 500,
            "currency": "KZT", "frequency": "weekly", "every": 1, "first_on": first, "days_off": "after",
            "until_on": "", "payments_max": 0,
        }  # fmt: skip
        rule = {"frequency": "weekly", "first_on": first, "days_off": "after"}
        body = {"to": found["reference"], "amount": {"amount_minor": 500}, "rule": rule}

        async def asked(what: Json) -> httpx.Response:
            step_up = await mine.phone.step_up("standing_order.set_up", shown)
            return await mine.phone.call("POST", ORDERS, body={**what, "step_up": step_up})

        bare = await mine.phone.call("POST", ORDERS, body=body)
        wrong = [
            await asked({**body, "amount": {"amount_minor": 501}}),
            await asked({**body, "rule": {**rule, "frequency": "daily"}}),
            await asked({**body, "rule": {**rule, "days_off": "before"}}),
        ]
        made = await asked(body)
        path = f"{ORDERS}/{made.json()['id']}"
        edit = {"amount": {"amount_minor": 900}, "until_on": None, "days_off": "as_is"}
        unsigned = await mine.phone.call("PATCH", path, body=edit)
        signs = {name: value for name, value in shown.items() if name not in {"name", "address"}} | {
            "standing_order": made.json()["id"], "amount_minor": 900, "days_off": "as_is",
        }  # fmt: skip
        step_up = await mine.phone.step_up("standing_order.edit", signs)
        edited = await mine.phone.call("PATCH", path, body={**edit, "step_up": step_up})

    assert (bare.json()["code"], unsigned.json()["code"]) == ("step_up_required", "step_up_required")
    assert [each.json()["code"] for each in wrong] == ["step_up_mismatch"] * 3
    assert made.status_code == 201, made.text
    assert (edited.json()["amount"]["amount_minor"], edited.json()["version"]) == (900, 2)


async def test_whoever_pays_can_change_neither_payee_nor_amount(app: Litestar) -> None:
    for column, value in (("amount", "1"), ("payee", "uuidv7()"), ("first_on", "current_date"), ("step_up", "NULL")):
        changed = f"UPDATE app.standing_order SET {column} = {value}"  # noqa: S608  names above
        async with app.state.house.posting.connect() as connection:
            with pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"):
                await connection.execute(text(changed))


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({"frequency": "once", "first_on": "2020-01-01"}, 422, "standing_order_rule"),
        ({"frequency": "once", "first_on": "2031-01-01"}, 422, "standing_order_rule"),
        ({"frequency": "yearly", "first_on": "2030-01-01"}, 400, "invalid_request"),
        ({"frequency": "daily", "first_on": "2030-01-01", "every": 13}, 400, "invalid_request"),
        ({"frequency": "daily", "first_on": "2030-02-30"}, 400, "invalid_request"),
    ],
)
async def test_a_rule_that_cannot_be_kept_is_refused(
    app: Litestar, client: httpx.AsyncClient, rule: Json, status: int, code: str
) -> None:
    payer, payee = await pair(app, client)
    body = {"to": await payer.reference(payee), "amount": {"amount_minor": 1}, "rule": rule}

    assert await payer.refused("POST", ORDERS, body) == (status, code)


async def test_an_order_to_oneself_or_of_another_person_is_none(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, payee = await pair(app, client)
    rule = {"frequency": "once", "first_on": "2030-01-01"}
    own = {"to": await payer.reference(payer), "amount": {"amount_minor": 1}, "rule": rule}
    order = await ordered(payer, payee, date(2030, 1, 1))

    assert await payer.refused("POST", ORDERS, own) == (422, "not_askable")
    assert await payee.refused("GET", f"{ORDERS}/{order['id']}") == (404, "not_found")
    assert order["id"] in [each["id"] for each in (await payer.get(ORDERS))["standing_orders"]]
    assert (await payee.get(ORDERS))["standing_orders"] == []


_BLOCK = """
    INSERT INTO app.standing_payment (standing_order, no, holder, planned_on, outcome, at)
    SELECT id, 0, holder, first_on, 'skipped', made_at FROM app.standing_order WHERE id = :order
"""
_FORGET = "UPDATE app.standing_order SET next_no = 0, due_at = made_at WHERE id = :order"
