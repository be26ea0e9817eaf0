"""Restricted, one's own money still leaves to an account in one's own name, unless a court ordered otherwise."""

import pytest
from litestar import Litestar

from app.seed import Seeded
from app.settings import Settings
from simulators.phone import Refused
from tests.app.people import token
from tests.app.restrictions.people import Bureau, days_later
from tests.banking.clients import exchanges, held, moves, opens, pays_out, run, saves
from tests.partners import outside
from tests.partners.investors import Investor, investor
from tests.partners.outside import Outside

pytestmark = pytest.mark.asyncio
_FULL = 1_000_000_00


async def restricts(app: Litestar, out: Outside, me: Investor, cause: str) -> None:
    """Have two officers impose a restriction."""
    first, second, third = [await token(app, "officer") for _ in "123"]
    who = Seeded(0, me.resident, me.wallet, "", 0)
    async with outside.client(app, out.house.settings.issuer) as client:
        await Bureau(client, first, second, third, who).restricts(cause)


async def test_own_money_leaves_to_an_own_account_and_to_nobody_else_s(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 371) as me:
        others, own = await saves(me, out), await saves(me, out, None)
        account, dollars = await opens(me, out, "KZT"), await opens(me, out, "USD")
        await out.public.post(f"/accounts/{dollars}/entries", json={"amount_minor": 100_00, "currency": "USD"})
        await run(out)
        sells = {"fixed": "sells", "amount_minor": 100_00}
        home = await me.phone.post("/v1/fx-quotes", {"sells_from": dollars, **sells})
        abroad = await me.phone.post("/v1/fx-quotes", {"buys_to": dollars, "fixed": "buys", "amount_minor": 10_00})

        await restricts(app, out, me, "suspicious_report")

        for asked in (pays_out(me, own, 600_000, "wo-0"), exchanges(me, home)):
            with pytest.raises(Refused, match="restricted"):  # before anybody has looked nothing leaves
                await asked
        await days_later(out.house, me.resident)
        for asked in (pays_out(me, others, 1_000, "wo-1"), exchanges(me, abroad)):
            with pytest.raises(Refused, match="restricted") as refused:
                await asked
            assert refused.value.status == 403
        assert await held(me) == (_FULL, 0)

        exchanged = await exchanges(me, home)
        paid = await pays_out(me, own, 600_000, "wo-2")
        moved = await moves(me, account, "to_account", 400_000, "wo-3")
        await run(out)

        for path in (f"exchanges/{exchanged['id']}", f"payouts/{paid['id']}", f"bank-transfers/{moved['id']}"):
            found = await me.phone.get(f"/v1/{path}")
            assert found["state"] == "done", found
        assert await held(me) == (home["buys"]["amount_minor"], 0)
        assert [-int(row["minor"]) for row in out.bank.books.of("safeguarding") if row["reference"] == paid["id"]] == [
            600_000_00
        ]
        there = await me.phone.get(f"/v1/bank-accounts/{account}")
        assert there["balance"]["amount_minor"] == there["available"]["amount_minor"] == 400_000_00


async def test_what_a_court_arrested_stays_where_it_is(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 372) as me:
        others, own, account = await saves(me, out), await saves(me, out, None), await opens(me, out, "KZT")
        dollars = await opens(me, out, "USD")
        await out.public.post(f"/accounts/{dollars}/entries", json={"amount_minor": 100_00, "currency": "USD"})
        await run(out)
        sells = {"fixed": "sells", "amount_minor": 100_00}
        home = await me.phone.post("/v1/fx-quotes", {"sells_from": dollars, **sells})

        await restricts(app, out, me, "court_arrest")

        for asked in (
            pays_out(me, others, 1_000, "wo-4"),
            pays_out(me, own, 1_000, "wo-5"),
            moves(me, account, "to_account", 1_000, "wo-6"),
            exchanges(me, home),
        ):
            with pytest.raises(Refused, match="restricted"):
                await asked
        assert await held(me) == (_FULL, 0)
