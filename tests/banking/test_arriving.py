"""What may be stored is asked before a bank is: what is on its way counts, by every door it comes through."""

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import db
from app.seed import Seeded
from app.settings import Settings
from simulators.phone import Refused
from tests.app.people import residents, send, wallet
from tests.banking.clients import exchanges, held, moves, opens, run
from tests.partners.investors import Investor, investor
from tests.partners.outside import Outside, rows
from tests.wallet.ledgers import kzt, move, operator, post
from wallet.account import Purpose
from wallet.transfer import AccountId

pytestmark = pytest.mark.asyncio
#: With this much left in the wallet, of 12 975 tenge that somebody unidentified may store 7 975 are free.
_LEFT = 5_000
_WAITS = "SELECT reason FROM app.incoming WHERE stage = 'suspended' AND amount_minor = :minor"
_REFUSED = text(
    "INSERT INTO kyc.decision (document, version, resident, outcome, reasons, rule_version, actor, at)"
    " SELECT id, 9, resident, 'refused', '{person.screening}', 'test', 'system:test', now() FROM kyc.document"
    " WHERE resident = :me"
)


async def test_what_is_on_its_way_counts_as_stored(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 371) as me:
        tenge, dollars = await nearly_full(me, out, "KZT", "USD")

        await moves(me, tenge, "from_account", 5_000, "arriving-1")
        with pytest.raises(Refused, match=r"stored\.balance"):
            await moves(me, tenge, "from_account", 5_000, "arriving-2")
        with pytest.raises(Refused, match=r"stored\.balance"):
            await sells(me, dollars, for_tenge=5_000)
        await sells(me, dollars, for_tenge=1_000)
        with pytest.raises(Refused, match=r"stored\.balance"):
            await sells(me, dollars, for_tenge=2_000)
        await run(out)

        assert await held(me) == ((_LEFT + 5_000 + 1_000) * 100, 0)


async def test_what_others_send_meanwhile_is_compared_with_it(
    app: Litestar, client: httpx.AsyncClient, settings: Settings, out: Outside
) -> None:
    [other] = await residents(app, 1, start=373)
    async with investor(app, settings, 372) as me:
        [tenge] = await nearly_full(me, out, "KZT")
        await moves(me, tenge, "from_account", 5_000, "arriving-3")
        mine = Seeded(372, me.resident, me.wallet, "", 0)

        too_much = await send(client, other, mine, 5_000)
        from_outside = await out.pays(wallet(mine), 5_000)
        fits = await send(client, other, mine, 2_000)
        await run(out)

        assert (too_much.status_code, too_much.json()["code"]) == (422, "payee_unavailable")
        assert (from_outside.is_success, fits.status_code) == (True, 201)
        assert await held(me) == ((_LEFT + 5_000 + 2_000) * 100, 0)
        assert [row.reason for row in await rows(out.house, _WAITS, minor=5_000_00)] == ["receive_limit"]


async def nearly_full(me: Investor, out: Outside, *currencies: str) -> list[str]:
    """Give somebody accounts with money at the bank, a wallet with little room, and take their document back."""
    accounts = [await opens(me, out, currency) for currency in currencies]
    for account, currency in zip(accounts, currencies, strict=True):
        there = {"amount_minor": 10_000_00, "currency": currency}
        await out.public.post(f"/accounts/{account}/entries", json=there)
    await run(out)
    fees = await operator(out.house.posting, Purpose.FEES)
    await move(out.house.money, post(AccountId(me.wallet), fees, kzt(1_000_000 - _LEFT)))
    async with db.transaction(out.house.api, holder=me.resident, audience="service") as story:
        await (await story()).execute(_REFUSED, {"me": me.resident})
    return accounts


async def sells(me: Investor, dollars: str, *, for_tenge: int) -> None:
    """Exchange into the wallet."""
    asked = {"sells_from": dollars, "fixed": "buys", "amount_minor": for_tenge * 100}
    await exchanges(me, await me.phone.post("/v1/fx-quotes", asked))
