"""Payer and payee on two lanes, and the payer's limits: every way of paying keeps to both."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
import sqlalchemy
from litestar import Litestar
from sqlalchemy import pool, text

from app.allowance import Allowances
from app.seed import Seeded
from tests.app.account.people import pass_by
from tests.app.payments.people import Resident, works
from tests.app.people import residents
from wallet import account

pytestmark = pytest.mark.asyncio


async def on_two_lanes(
    app: Litestar, client: httpx.AsyncClient, url: str, patch: pytest.MonkeyPatch
) -> tuple[Resident, Resident]:
    """Give a resident of the first lane, with money, and one of the second."""
    engine = sqlalchemy.create_engine(url, poolclass=pool.NullPool)
    with engine.begin() as owner:
        owner.execute(text("INSERT INTO wallet.lane (lane) VALUES (2) ON CONFLICT DO NOTHING"))
    engine.dispose()
    found = []
    for lane in (1, 2):
        with patch.context() as placed:
            placed.setattr(account, "newcomers_lane", _always(lane))
            found += await residents(app, 1, start=330 + lane)
    payer, payee = found
    return Resident(app, client, payer), Resident(app, client, payee)


def _always(lane: int) -> Callable[..., Awaitable[int]]:
    async def placed(*_: object) -> int:
        return lane

    return placed


async def test_all_ways_lead_from_lane_to_lane(
    app: Litestar, client: httpx.AsyncClient, module_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, payee = await on_two_lanes(app, client, module_database, monkeypatch)
    before = [await each.balance() for each in (payer, payee)]
    found, amount = await payer.looks_up("iban", await payee.iban()), {"amount_minor": 1_00}

    for to in (payee.wallet, found["reference"]):
        await payer.post("/v1/transfers", {"to": to, "amount": amount, "message": "From afar"})
    many = await payer.post("/v1/transfers/bulk", {"transfers": [{"to": payee.wallet, "amount": amount}]})
    asked = await payee.post("/v1/money-requests", {"of": await payee.reference(payer), "amount": amount})
    await payer.post(f"/v1/money-requests/{asked['id']}/pay", {})
    made = await payer.post("/v1/payment-lists", {"items": [{"to": payee.wallet, "amount_minor": 1_00}]})
    await payer.post(f"/v1/payment-lists/{made['id']}/confirm", {})
    rule = {"frequency": "once", "first_on": "2030-01-02"}
    order = await payer.post("/v1/standing-orders", {"to": found["reference"], "amount": amount, "rule": rule})
    await pass_by(app.state.house, timedelta(days=4 * 365))
    await works(app.state.house)

    wallets = [payer.seeded.wallet, payee.seeded.wallet]
    assert await app.state.house.money.lanes(wallets[:1]) == {1}
    assert await app.state.house.money.lanes(wallets) == {1, 2}
    received = [each for each in await payee.heard("transfer.post") if each["code"] == "transfer"]
    assert (await payee.get(f"/v1/transfers/{received[0]['transfer']}"))["words"]["message"] == "From afar"
    assert many["answers"][0]["refused"] is None
    assert (await payer.get(f"/v1/standing-orders/{order['id']}"))["state"] == "ended"
    after = [await each.balance() for each in (payer, payee)]
    assert [now - then for now, then in zip(after, before, strict=True)] == [-6_00, 6_00]
    await payee.post("/v1/transfers", {"to": payer.wallet, "amount": {"amount_minor": 6_00}})
    assert [await each.balance() for each in (payer, payee)] == before


async def test_every_way_of_paying_keeps_to_the_limit(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, payee = [Resident(app, client, each) for each in await residents(app, 2, start=333)]
    before, amount = await payer.balance(), {"amount_minor": 60_00}
    limited = await payer.call("PUT", "/v1/limits/transfers.day", {"most_minor": 100_00})
    assert limited.status_code == 200, limited.text
    made = await payer.post("/v1/payment-lists", {"items": [{"to": payee.wallet, "amount_minor": 60_00}] * 2})
    asked = await payee.post("/v1/money-requests", {"of": await payee.reference(payer), "amount": amount})

    await payer.post(f"/v1/payment-lists/{made['id']}/confirm", {})
    await works(app.state.house)
    items = (await payer.get(f"/v1/payment-lists/{made['id']}/items"))["items"]
    plain = await payer.refused("POST", "/v1/transfers", {"to": payee.wallet, "amount": amount})
    paid = await payer.refused("POST", f"/v1/money-requests/{asked['id']}/pay", {})
    fits = await payer.call("POST", "/v1/transfers", {"to": payee.wallet, "amount": {"amount_minor": 40_00}})

    assert [each["refused"] for each in items] == [None, "limit_reached"]
    assert (plain[1], paid[1], fits.status_code) == ("limit_reached", "limit_reached", 201)
    assert await payer.balance() == before - 100_00


async def test_what_was_refused_is_counted_for_nobody(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    payee, payer = [Resident(app, client, each) for each in await residents(app, 2, start=334)]
    await payer.call("PUT", "/v1/limits/transfers.day", {"most_minor": 100_00})
    refusing = {"to": payer.wallet, "amount": {"amount_minor": 90_00}}  # the desk refuses what the limit lets pass

    assert await payer.refused("POST", "/v1/transfers", refusing) == (422, "same_account")
    whole = {"to": payee.wallet, "amount": {"amount_minor": 100_00}}
    assert (await payer.call("POST", "/v1/transfers", whole)).status_code == 201

    # Planted: a payment that gives nothing back eats the limit.
    monkeypatch.setattr(Allowances, "give_back", lambda *_: None)
    other = Resident(app, client, (await _another(app)))
    await other.call("PUT", "/v1/limits/transfers.day", {"most_minor": 100_00})
    await other.refused("POST", "/v1/transfers", {"to": other.wallet, "amount": {"amount_minor": 90_00}})
    assert (await other.refused("POST", "/v1/transfers", whole))[1] == "limit_reached"


async def _another(app: Litestar) -> Seeded:
    [found] = await residents(app, 1, start=336)
    return found
