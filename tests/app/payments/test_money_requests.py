"""Asking for money: paid once, by whom it was asked of; shared bills that add up."""

import asyncio
from datetime import timedelta

import httpx
import pytest
import sqlalchemy.exc
from litestar import Litestar
from sqlalchemy import text

from app import db, ids
from app.payments import request, split
from app.settings import Settings
from law.money import KZT, Money
from tests.app.account.people import pass_by
from tests.app.payments.people import Resident, works
from tests.app.people import residents
from tests.partners.investors import investor

pytestmark = pytest.mark.asyncio

ASK = "/v1/money-requests"


async def three(app: Litestar, client: httpx.AsyncClient) -> list[Resident]:
    return [Resident(app, client, each) for each in await residents(app, 3, start=370)]


async def test_a_request_is_paid_once_whoever_hurries(app: Litestar, client: httpx.AsyncClient) -> None:
    asks, pays, stranger = await three(app, client)
    before = await asks.balance(), await pays.balance()
    body = {"of": await asks.reference(pays), "amount": {"amount_minor": 300_00}, "message": "Tickets"}
    made = await asks.post(ASK, body)
    path = f"{ASK}/{made['id']}"
    await works(app.state.house)

    seen = await pays.get(path)
    answers = await asyncio.gather(*(pays.call("POST", f"{path}/pay", {}) for _ in range(10)))

    assert (seen["mine"], seen["words"]["message"], seen["confirm"]["shown"]["payee"]) == (
        False,
        "Tickets",
        asks.wallet,
    )
    assert sorted(each.status_code for each in answers) == [201] + [409] * 9
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"money_request_state"}
    assert (await asks.balance(), await pays.balance()) == (before[0] + 300_00, before[1] - 300_00)
    assert (await asks.get(path))["state"] == "paid"
    for side in (asks, pays):
        for kind in ("money_request.made", "money_request.paid"):
            assert [each["money_request"] for each in await side.heard(kind)].count(made["id"]) == 1
    assert await stranger.refused("GET", path) == (404, "not_found")
    assert await stranger.refused("POST", f"{path}/pay", {}) == (404, "not_found")


async def test_the_payer_confirms_what_they_see(app: Litestar, client: httpx.AsyncClient, settings: Settings) -> None:
    [asks, *_] = await three(app, client)
    async with investor(app, settings, 376) as mine:
        found = await asks.looks_up("wallet", (await mine.balance())["id"])
        made = await asks.post(ASK, {"of": found["reference"], "amount": {"amount_minor": 50_00}})
        path = f"{ASK}/{made['id']}"
        confirm = (await mine.phone.get(path))["confirm"]

        bare = await mine.phone.call("POST", f"{path}/pay", body={})
        dearer = await mine.phone.step_up(confirm["operation"], {**confirm["shown"], "amount_minor": 49_00})
        wrong = await mine.phone.call("POST", f"{path}/pay", body={"step_up": dearer})
        step_up = await mine.phone.step_up(confirm["operation"], confirm["shown"])
        done = [await mine.phone.call("POST", f"{path}/pay", body={"step_up": step_up}, key="k-pay") for _ in "12"]

    assert (bare.json()["code"], wrong.json()["code"]) == ("step_up_required", "step_up_mismatch")
    assert [each.status_code for each in done] == [201, 201]
    assert done[0].content == done[1].content


@pytest.mark.parametrize(("act", "by", "state"), [("decline", 1, "declined"), ("cancel", 0, "cancelled")])
async def test_either_side_ends_it_in_their_way(
    app: Litestar, client: httpx.AsyncClient, act: str, by: int, state: str
) -> None:
    people = await three(app, client)
    asks, pays, stranger = people
    made = await asks.post(ASK, {"of": await asks.reference(pays), "amount": {"amount_minor": 1}})
    path = f"{ASK}/{made['id']}"

    assert await people[1 - by].refused("POST", f"{path}/{act}") == (409, "money_request_side")
    assert await asks.refused("POST", f"{path}/pay", {}) == (409, "money_request_side")
    assert await stranger.refused("POST", f"{path}/{act}") == (404, "not_found")
    ended = await people[by].post(f"{path}/{act}")

    assert ended["state"] == state
    assert await people[by].refused("POST", f"{path}/{act}") == (409, "money_request_state")
    assert await pays.refused("POST", f"{path}/pay", {}) == (409, "money_request_state")
    await works(app.state.house)
    for side in (asks, pays):
        heard = [each["money_request"] for each in await side.heard(f"money_request.{state}")]
        assert heard.count(made["id"]) == 1


async def test_what_nobody_pays_in_time_is_over_at_once_and_told(app: Litestar, client: httpx.AsyncClient) -> None:
    asks, pays, _ = await three(app, client)
    made = await asks.post(ASK, {"of": await asks.reference(pays), "amount": {"amount_minor": 5}, "days": 1})

    await pass_by(app.state.house, timedelta(days=1))

    path = f"{ASK}/{made['id']}"
    assert (await pays.get(path))["state"] == "expired"
    assert await pays.refused("POST", f"{path}/pay", {}) == (409, "money_request_state")
    await works(app.state.house)
    for side in (asks, pays):
        assert made["id"] in [each["money_request"] for each in await side.heard("money_request.expired")]


async def test_whoever_scans_pays_a_request_of_nobody_and_the_first_one_only(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    asks, first, second = await three(app, client)
    made = await asks.post(ASK, {"amount": {"amount_minor": 90_00}})
    code = await asks.get(f"{ASK}/{made['id']}/payment-code")

    scanned = await first.looks_up("qr", code["text"])
    path = f"{ASK}/{scanned['money_request']}"
    assert (await second.get(path))["state"] == "open"
    paid = await first.post(f"{path}/pay", {})

    assert paid["available"]["amount_minor"] == await first.balance()
    assert await second.refused("POST", f"{path}/pay", {}) in {(404, "not_found"), (409, "money_request_state")}
    assert (await second.call("GET", path)).status_code == 404
    assert (await first.get(path))["transfer"] == paid["id"]
    assert await first.refused("GET", f"{path}/payment-code") == (409, "money_request_side")
    assert await second.refused("GET", f"{path}/payment-code") == (404, "not_found")


async def test_requests_are_listed_by_side(app: Litestar, client: httpx.AsyncClient) -> None:
    asks, pays, _ = await three(app, client)
    made = [
        (await asks.post(ASK, {"of": await asks.reference(pays), "amount": {"amount_minor": n}}))["id"]
        for n in (1, 2, 3)
    ]

    page = await asks.get(ASK, limit=2)
    rest = await asks.get(ASK, limit=2, cursor=page["next_cursor"])
    theirs = await pays.get(ASK, of_me=True, limit=3)

    assert [each["id"] for each in page["money_requests"]] == made[:0:-1]
    assert rest["money_requests"][0]["id"] == made[0]
    assert [each["id"] for each in theirs["money_requests"]] == made[::-1]


async def test_nobody_asks_themselves_or_for_other_money(app: Litestar, client: httpx.AsyncClient) -> None:
    asks, pays, _ = await three(app, client)
    own, other = await asks.reference(asks), await asks.reference(pays)

    for body in (
        {"of": own, "amount": {"amount_minor": 1}},
        {"of": other, "amount": {"amount_minor": 1, "currency": "EUR"}},
    ):
        assert await asks.refused("POST", ASK, body) == (422, "not_askable")
    assert await asks.refused("POST", ASK, {"of": "payee.x", "amount": {"amount_minor": 1}}) == (
        422,
        "payee_reference_refused",
    )


# -- splits ------------------------------------------------------------------------------------------------------------


async def test_a_bill_is_shared_and_comes_in(app: Litestar, client: httpx.AsyncClient) -> None:
    asks, first, second = await three(app, client)
    shares = [{"of": await asks.reference(each)} for each in (first, second)]

    bill = await asks.post("/v1/splits", {"total": {"amount_minor": 100_00}, "shares": shares, "message": "Dinner"})
    asked = bill["money_requests"]
    await first.post(f"{ASK}/{asked[0]['id']}/pay", {})
    seen = await asks.get(f"/v1/splits/{bill['id']}")

    assert bill["own"]["amount_minor"] + sum(each["amount"]["amount_minor"] for each in asked) == 100_00
    assert seen["paid"] == asked[0]["amount"]
    assert [each["state"] for each in seen["money_requests"]] == ["paid", "open"]
    assert await first.refused("GET", f"/v1/splits/{bill['id']}") == (404, "not_found")
    assert (await first.get(f"{ASK}/{asked[0]['id']}"))["split"] is None
    twice = {"total": {"amount_minor": 100}, "shares": [shares[0], shares[0]]}
    tiny = {"total": {"amount_minor": 1}, "shares": shares}
    for wrong in (twice, tiny):
        assert await asks.refused("POST", "/v1/splits", wrong) == (422, "bad_shares")


async def test_the_database_refuses_a_split_that_does_not_add_up(app: Litestar, client: httpx.AsyncClient) -> None:
    [asks, *_] = await three(app, client)
    total, own = Money(100, KZT), Money(99, KZT)

    async def stored() -> None:
        async with db.transaction(app.state.house.api, holder=asks.seeded.subject, audience="resident") as story:
            bill = split.Split(id=ids.new(), holder=asks.seeded.subject, total=total, own=own, at=story.now)
            await split.store(await story(), bill)

    with pytest.raises(sqlalchemy.exc.IntegrityError, match="add up"):
        await stored()


async def test_who_asks_too_much_waits_for_answers(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks, pays, _ = await three(app, client)
    async with app.state.house.worker.connect() as connection:
        query = text("SELECT count(*) FROM app.money_request WHERE holder = :holder AND state = 'open'")
        waiting = await connection.scalar(query, {"holder": asks.seeded.subject})
    monkeypatch.setattr(request, "OPEN_MAX", waiting)

    body = {"of": await asks.reference(pays), "amount": {"amount_minor": 1}}

    assert await asks.refused("POST", ASK, body) == (409, "too_many_money_requests")
