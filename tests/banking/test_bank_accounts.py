"""Accounts of one's own at a bank: opened by it, mirrored as it reports, with money to and from the wallet."""

import pytest
from litestar import Litestar

from app.settings import Settings
from simulators.faults import Faults
from simulators.phone import Refused
from tests.banking.clients import exchanges, forward, held, hurry, moves, opens, run
from tests.partners import outside
from tests.partners.investors import Investor, investor
from tests.partners.outside import CODE, Outside
from wallet.account import Purpose

pytestmark = pytest.mark.asyncio
_FULL = 1_000_000_00


async def on(me: Investor, account: str) -> tuple[int | None, int]:
    """Give what the bank says is there and what can be spent."""
    found = await me.phone.get(f"/v1/bank-accounts/{account}")
    return found["balance"] and found["balance"]["amount_minor"], found["available"]["amount_minor"]


async def test_an_account_is_opened_by_the_bank_and_money_goes_there_and_back(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 341) as me:
        [bank] = [each for each in (await me.phone.get("/v1/banks"))["banks"] if each["code"] == CODE]
        assert bank["issuer"]
        account = await opens(me, out, "KZT")
        opened = await me.phone.get(f"/v1/bank-accounts/{account}")
        assert (opened["state"], opened["iban"][:2]) == ("open", "KZ")
        mirror = await outside.balance(out.house, Purpose.BANK, CODE)

        await moves(me, account, "to_account", 30_000, "bt-1")
        await run(out)
        assert await held(me) == (_FULL - 30_000_00, 0)
        assert await on(me, account) == (30_000_00, 30_000_00)
        assert await outside.balance(out.house, Purpose.BANK, CODE) == mirror + 30_000_00

        back = await moves(me, account, "from_account", 10_000, "bt-2")
        await run(out)
        assert (await me.phone.get(f"/v1/bank-transfers/{back['id']}"))["state"] == "done"
        assert await held(me) == (_FULL - 20_000_00, 0)
        assert await on(me, account) == (20_000_00, 20_000_00)
        assert await outside.balance(out.house, Purpose.PARTNER_HOLDINGS, CODE) == -20_000_00


async def test_the_mirror_follows_the_bank_and_an_older_report_changes_nothing(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 342) as me:
        account = await opens(me, out, "USD")
        for minor in (500_00, -120_00):
            await out.public.post(f"/accounts/{account}/entries", json={"amount_minor": minor, "currency": "USD"})
        out.bank.faults = Faults(decision_s=0)
        await run(out)
        assert await on(me, account) == (380_00, 380_00)

        old = {"account_id": account, "balance_minor": 999_00, "sequence": 1, "currency": "USD"}
        out.bank.tell("account.balance", {**old, "at": "2026-01-01T00:00:00Z"})
        await run(out)

        assert await on(me, account) == (380_00, 380_00)


async def test_there_is_one_account_per_bank_and_currency(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 343) as me:
        await opens(me, out, "EUR")

        with pytest.raises(Refused, match="bank_account_exists"):
            await opens(me, out, "EUR")
        with pytest.raises(Refused, match="unknown_bank"):
            await opens(me, out, "CNY", bank="no-such-bank")


async def test_an_exchange_is_executed_once_under_its_quote_and_booked_through_the_positions(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 344) as me:
        account = await opens(me, out, "USD")
        asked = {"buys_to": account, "fixed": "sells", "amount_minor": 100_000_00}
        quote = await me.phone.post("/v1/fx-quotes", asked)
        assert quote["spread_percent"] == "0.7500"
        assert abs(float(quote["rate"]) * float(quote["inverse"]) - 1) < 1e-9  # shown figures, no money

        made = await exchanges(me, quote)
        assert (await held(me))[1] == 100_000_00
        await run(out)

        done = await me.phone.get(f"/v1/exchanges/{made['id']}")
        assert (done["state"], done["gets"]) == ("done", quote["buys"])
        assert await held(me) == (_FULL - 100_000_00, 0)
        assert (await on(me, account))[1] == quote["buys"]["amount_minor"]
        with pytest.raises(Refused, match="quote_used"):
            await exchanges(me, quote)
        query = (
            "SELECT body->>'rate' AS rate, (body->>'remainder_minor')::bigint AS rest FROM wallet.event"
            " WHERE kind = 'wallet.exchanged' OR kind LIKE '%exchange%' ORDER BY seq DESC LIMIT 1"
        )
        [event] = await outside.rows(out.house, query)
        assert event.rate == quote["rate"]
        rounding = await outside.rows(
            out.house, "SELECT coalesce(sum(posted), 0)::bigint FROM wallet.account WHERE purpose = 'rounding'"
        )
        position = await outside.rows(
            out.house, "SELECT coalesce(sum(posted), 0)::bigint FROM wallet.account WHERE purpose = 'fx_position'"
            " AND currency = 'KZT'"
        )  # fmt: skip
        assert position[0][0] == -rounding[0][0]


async def test_the_bought_side_can_be_the_fixed_one_and_the_wallet_can_be_it(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 345) as me:
        account = await opens(me, out, "USD")
        await out.public.post(f"/accounts/{account}/entries", json={"amount_minor": 1_000_00, "currency": "USD"})
        await run(out)

        asked = {"sells_from": account, "fixed": "buys", "amount_minor": 50_000_00}
        quote = await me.phone.post("/v1/fx-quotes", asked)
        assert quote["buys"] == {"amount_minor": 50_000_00, "currency": "KZT"}
        await exchanges(me, quote)
        await run(out)

        assert await held(me) == (_FULL + 50_000_00, 0)
        sold = quote["sells"]["amount_minor"]
        assert await on(me, account) == (1_000_00 - sold, 1_000_00 - sold)


@pytest.mark.parametrize(
    "plan",
    [
        {"reject": 1.0},
        {"lost_answer": 1.0, "duplicate": 1.0},
        pytest.param({"drop": 1.0}, marks=pytest.mark.nightly),
    ],
    ids="+".join,
)
async def test_an_exchange_happens_whole_or_not_at_all(
    app: Litestar, settings: Settings, out: Outside, plan: dict[str, float]
) -> None:
    async with investor(app, settings, 346) as me:
        accounts = (await me.phone.get("/v1/bank-accounts"))["accounts"]
        account = accounts[0]["id"] if accounts else await opens(me, out, "USD")
        (posted, _), (_, dollars) = await held(me), await on(me, account)
        quote = await me.phone.post("/v1/fx-quotes", {"buys_to": account, "fixed": "buys", "amount_minor": 10_00})
        out.bank.faults = Faults(seed=3, decision_s=0, **plan)

        made = await exchanges(me, quote)
        await run(out)
        for _ in range(3):
            await hurry(out)

        found = await me.phone.get(f"/v1/exchanges/{made['id']}")
        assert found["state"] == ("rejected" if "reject" in plan else "done")
        given = 0 if "reject" in plan else quote["sells"]["amount_minor"]
        assert await held(me) == (posted - given, 0)
        assert (await on(me, account))[1] == dollars + (10_00 if given else 0)


@pytest.mark.fresh
async def test_an_expired_quote_is_refused_and_nothing_is_set_aside(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 347) as me:
        account = await opens(me, out, "USD")
        quote = await me.phone.post("/v1/fx-quotes", {"buys_to": account, "fixed": "sells", "amount_minor": 1_000_00})
        await forward(out.house, minutes=2)

        with pytest.raises(Refused, match="quote_expired"):
            await exchanges(me, quote)
        assert await held(me) == (_FULL, 0)


async def test_without_the_consent_no_bank_is_told(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 348) as me:
        await me.phone.call("DELETE", "/v1/me/consents/partner_banks")

        with pytest.raises(Refused, match="consent"):
            await opens(me, out, "USD")


async def test_one_resident_does_not_see_or_use_another_ones_account(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 349) as me, investor(app, settings, 350) as stranger:
        account = await opens(me, out, "USD")

        with pytest.raises(Refused, match="not_found"):
            await stranger.phone.get(f"/v1/bank-accounts/{account}")
        with pytest.raises(Refused, match="not_found"):
            await stranger.phone.post("/v1/fx-quotes", {"buys_to": account, "fixed": "sells", "amount_minor": 1_000_00})
