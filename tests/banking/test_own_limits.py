"""Money out at once meets the limit somebody set: what fits passes, and what a bank rejects counts no more."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from litestar import Litestar

from app.settings import Settings
from simulators.faults import Faults
from tests.app import people
from tests.banking.clients import opens, pays_out, run, saves
from tests.partners import outside
from tests.partners.investors import Investor, investor
from tests.partners.outside import Outside

pytestmark = pytest.mark.asyncio
Json = dict[str, Any]


async def lowers(me: Investor, limit: str, tenge: int) -> None:
    answer = await me.phone.call("PUT", f"/v1/limits/{limit}", body={"most_minor": tenge * 100})
    assert answer.status_code == 200, answer.text


async def used(me: Investor, limit: str) -> int:
    """Give what counts against the limit, in tiyn."""
    [found] = [each for each in (await me.phone.get("/v1/limits"))["limits"] if each["name"] == limit]
    return int(found["used"]["amount_minor"])


async def at_once(app: Litestar, me: Investor, out: Outside, path: str, bodies: Sequence[Json]) -> list[str]:
    """Ask for all together, and give how each was answered.

    With a tester's token, which confirms nothing: answers of one passkey must arrive in the order they were given.
    """
    token = await people.token(app, "resident", of=me.resident)
    async with outside.client(app, out.house.settings.issuer) as client:
        asked = (client.post(path, json=body, headers=people.keyed(token)) for body in bodies)
        answers = [answer.json() for answer in await asyncio.gather(*asked)]
    return sorted(answer.get("code") or answer["state"] for answer in answers)


async def test_of_payouts_at_once_what_fits_passes_and_what_the_bank_rejects_is_given_back(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 391) as me:
        to = await saves(me, out)
        await lowers(me, "payouts.day", 3_500)

        body = {"beneficiary_id": to, "amount_minor": 1_000_00}
        assert await at_once(app, me, out, "/v1/payouts", [body] * 5) == ["limit_reached"] * 2 + ["processing"] * 3
        assert await used(me, "payouts.day") == 3_000_00

        out.bank.faults = Faults(decision_s=0, reject=1)
        await run(out)
        assert await used(me, "payouts.day") == 0
        assert (await pays_out(me, to, 3_500, "ol-again"))["state"] == "processing"


async def test_of_exchanges_at_once_what_fits_passes_counted_in_tenge_whatever_is_sold(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 392) as me:
        account = await opens(me, out, "USD")
        await out.public.post(f"/accounts/{account}/entries", json={"amount_minor": 100_00, "currency": "USD"})
        await run(out)
        await lowers(me, "exchange.day", 3_500)
        tenge = {"buys_to": account, "fixed": "sells", "amount_minor": 1_000_00}
        dollars = {"sells_from": account, "fixed": "buys", "amount_minor": 1_000_00}

        quotes = [await me.phone.post("/v1/fx-quotes", price) for price in (tenge, dollars, tenge, dollars, dollars)]
        bodies = [{"quote_id": quote["id"]} for quote in quotes]
        assert await at_once(app, me, out, "/v1/exchanges", bodies) == ["limit_reached"] * 2 + ["processing"] * 3
        assert await used(me, "exchange.day") == 3_000_00

        out.bank.faults = Faults(decision_s=0, reject=1)
        await run(out)
        assert await used(me, "exchange.day") == 0
