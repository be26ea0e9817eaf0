"""Blocking who asks for money: what is open is declined, nothing more arrives, everything else goes on."""

import httpx
import pytest
from litestar import Litestar

from tests.app.payments.people import Resident, works
from tests.app.people import residents

pytestmark = pytest.mark.asyncio

ASK, BLOCKED = "/v1/money-requests", "/v1/blocked-people"


async def two(app: Litestar, client: httpx.AsyncClient, start: int) -> list[Resident]:
    return [Resident(app, client, each) for each in await residents(app, 3, start=start)]


async def asks(asker: Resident, of: Resident) -> str:
    made = await asker.post(ASK, {"of": await asker.reference(of), "amount": {"amount_minor": 100}})
    return str(made["id"])


async def test_who_is_blocked_asks_no_more_and_what_was_open_is_declined(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    pest, mine, friend = await two(app, client, 480)
    first, second, friendly = await asks(pest, mine), await asks(pest, mine), await asks(friend, mine)

    made = await mine.post(f"{ASK}/{first}/block")
    again = await mine.post(f"{ASK}/{second}/block")

    assert made["id"] == again["id"]
    body = {"of": await pest.reference(mine), "amount": {"amount_minor": 100}}
    assert await pest.refused("POST", ASK, body) == (409, "cannot_be_asked")
    split = {"total": {"amount_minor": 10}, "shares": [{"of": body["of"]}]}
    assert await pest.refused("POST", "/v1/splits", split) == (409, "cannot_be_asked")
    states = [(await mine.get(f"{ASK}/{each}"))["state"] for each in (first, second, friendly)]
    assert states == ["declined", "declined", "open"]
    await works(app.state.house)
    assert [each["money_request"] for each in await pest.heard("money_request.declined")] == [first, second]
    await asks(friend, mine)
    await asks(mine, pest)  # it works one way


async def test_who_is_blocked_can_still_pay(app: Litestar, client: httpx.AsyncClient) -> None:
    pest, mine, _ = await two(app, client, 484)
    await mine.post(f"{ASK}/{await asks(pest, mine)}/block")
    before = await mine.balance()

    await pest.post("/v1/transfers", {"to": await pest.reference(mine), "amount": {"amount_minor": 7}})

    assert await mine.balance() == before + 7


async def test_the_list_names_whom_one_blocked_until_they_are_let_again(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    pest, mine, other = await two(app, client, 488)
    request = await asks(pest, mine)
    made = await mine.post(f"{ASK}/{request}/block")

    [listed] = (await mine.get(BLOCKED))["blocked"]

    assert (listed["id"], listed["money_request"]) == (made["id"], request)
    assert listed["name"] == (await mine.get(f"{ASK}/{request}"))["words"]["payee"] != ""
    assert await other.refused("DELETE", f"{BLOCKED}/{made['id']}") == (404, "not_found")
    assert (await mine.call("DELETE", f"{BLOCKED}/{made['id']}")).status_code == 204
    assert await mine.refused("DELETE", f"{BLOCKED}/{made['id']}") == (404, "not_found")
    assert (await mine.get(BLOCKED))["blocked"] == []
    await asks(pest, mine)
    for kind in ("asker.blocked", "asker.unblocked"):
        assert [each["blocked"] for each in await mine.heard(kind)] == [made["id"]]
        assert await pest.heard(kind) == []


async def test_one_blocks_only_who_asks_oneself(app: Litestar, client: httpx.AsyncClient) -> None:
    pest, mine, other = await two(app, client, 492)
    path = f"{ASK}/{await asks(pest, mine)}/block"
    anybody = (await pest.post(ASK, {"amount": {"amount_minor": 1}}))["id"]

    assert await pest.refused("POST", path) == (409, "money_request_side")
    assert await other.refused("POST", path) == (404, "not_found")
    assert await other.refused("POST", f"{ASK}/{anybody}/block") == (404, "not_found")
