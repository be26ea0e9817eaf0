"""Accounts of one's own at a bank: opened by it, mirrored as it reports, with money to and from the wallet."""

import json
from datetime import timedelta
from fractions import Fraction

import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app import clock, db, ids
from app.banking import asking, quoting
from app.banking.quoting import Price, Wanted
from app.http import ids as public_ids
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
        asked = {"buys_to": account, "fixed": "sells", "amount_minor": 1_000_01}
        quote = await me.phone.post("/v1/fx-quotes", asked)
        assert quote["spread_percent"] == "0.7500"
        assert abs(float(quote["rate"]) * float(quote["inverse"]) - 1) < 1e-9  # shown figures, no money
        rounding, position = await kept_back(out)

        made = await exchanges(me, quote)
        assert (await held(me))[1] == 1_000_01
        await run(out)

        done = await me.phone.get(f"/v1/exchanges/{made['id']}")
        assert (done["state"], done["gets"]) == ("done", quote["buys"])
        assert await held(me) == (_FULL - 1_000_01, 0)
        assert (await on(me, account))[1] == quote["buys"]["amount_minor"]
        with pytest.raises(Refused, match="quote_used"):
            await exchanges(me, quote)
        query = (
            "SELECT body->>'rate' AS rate, (body->>'remainder_minor')::bigint AS rest FROM wallet.event"
            " WHERE kind = 'wallet.exchanged' AND aggregate = :exchange"
        )
        [event] = await outside.rows(out.house, query, exchange=public_ids.parse("exchange", made["id"]))
        assert event.rate == quote["rate"]
        assert event.rest == 1_000_01 - round(quote["buys"]["amount_minor"] / Fraction(quote["rate"])) != 0
        assert await kept_back(out) == (rounding + event.rest, position - event.rest)


async def kept_back(out: Outside) -> tuple[int, int]:
    """Give what is on the rounding account and on the bank's position, in tiyn."""
    position = await outside.balance(out.house, Purpose.FX_POSITION, CODE, currency="KZT")
    return await outside.balance(out.house, Purpose.ROUNDING), position


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


async def test_each_account_of_an_exchange_keeps_its_own_count(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 351) as me:
        busy, quiet = await opens(me, out, "KZT"), await opens(me, out, "USD")
        for minor in (100_000_00, 1_00, 1_00, 1_00):
            await out.public.post(f"/accounts/{busy}/entries", json={"amount_minor": minor, "currency": "KZT"})
        await run(out)
        asked = {"sells_from": busy, "buys_to": quiet, "fixed": "buys", "amount_minor": 10_00}
        quote = await me.phone.post("/v1/fx-quotes", asked)
        await exchanges(me, quote)
        await run(out)
        left = 100_003_00 - quote["sells"]["amount_minor"]
        assert ((await on(me, busy))[1], (await on(me, quiet))[1]) == (left, 10_00)

        await out.public.post(f"/accounts/{quiet}/entries", json={"amount_minor": 5_00, "currency": "USD"})
        await run(out)

        assert await on(me, quiet) == (15_00, 15_00)


@pytest.mark.parametrize(("number", "numbered"), [(352, "none"), (355, "another"), (356, "one_of_two")])
async def test_a_bank_that_does_not_number_what_it_moved_is_not_believed(
    app: Litestar, settings: Settings, out: Outside, number: int, numbered: str
) -> None:
    async with investor(app, settings, number) as me:
        tenge, dollars = await opens(me, out, "KZT"), await opens(me, out, "USD")
        await out.public.post(f"/accounts/{tenge}/entries", json={"amount_minor": 100_000_00, "currency": "KZT"})
        await run(out)
        (_, there), sequences = await on(me, tenge), {"none": {}, "another": {dollars: 9}, "one_of_two": {tenge: 9}}
        out.bank.faults = Faults(decision_s=600)
        if numbered == "one_of_two":
            asked = {"sells_from": tenge, "buys_to": dollars, "fixed": "buys", "amount_minor": 10_00}
            quote = await me.phone.post("/v1/fx-quotes", asked)
            made = await exchanges(me, quote)
            told = {"amount_minor": quote["sells"]["amount_minor"], "gets_minor": 10_00, "gets_currency": "USD"}
        else:
            made, told = await moves(me, tenge, "from_account", 1_000, f"bt-{numbered}"), {"amount_minor": 1_000_00}
        await asking.step(out.house)

        said = {"order_id": made["id"], "status": "done", "currency": "KZT", "sequences": sequences[numbered]}
        out.bank.tell("order.done", {**said, **told})
        await out.bank.send()
        await outside.settle(out.house)

        query = "SELECT state, outcome FROM app.inbox WHERE kind = 'order.done' ORDER BY id DESC LIMIT 1"
        [row] = await outside.rows(out.house, query)
        assert tuple(row) == ("parked", "it does not number the movements of the accounts")
        assert (await on(me, tenge))[1] == there - told["amount_minor"], "set aside, not moved"


async def test_a_report_from_before_a_transfer_does_not_give_its_money_back(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 353) as me:
        account = await opens(me, out, "KZT")
        await out.public.post(f"/accounts/{account}/entries", json={"amount_minor": 30_000_00, "currency": "KZT"})
        await run(out)
        await moves(me, account, "from_account", 10_000, "bt-353")
        await run(out)

        old = {"account_id": account, "balance_minor": 30_000_00, "sequence": 2, "currency": "KZT"}
        out.bank.tell("account.balance", {**old, "at": "2026-11-22T00:00:00Z"})
        await run(out)

        assert (await on(me, account))[1] == 20_000_00


async def test_the_bank_is_told_the_account_it_opened_and_not_the_one_it_refused(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 354) as me:
        out.bank.faults = Faults(decision_s=0, reject=1.0)
        refused = await opens(me, out, "USD")
        assert (await me.phone.get(f"/v1/bank-accounts/{refused}"))["state"] == "refused"
        out.bank.faults = Faults(decision_s=0)
        account = await opens(me, out, "USD")
        async with db.transaction(out.house.worker) as story:  # written last, the refused one is read last
            touch = text("UPDATE app.bank_account SET state = 'refused' WHERE account = :mirror AND state = 'refused'")
            mirror = text("SELECT account FROM app.bank_account WHERE holder = :holder AND state = 'open'")
            connection = await story()
            await connection.execute(touch, {"mirror": await connection.scalar(mirror, {"holder": me.resident})})

        quote = await me.phone.post("/v1/fx-quotes", {"buys_to": account, "fixed": "buys", "amount_minor": 10_00})
        made = await exchanges(me, quote)
        await run(out)

        order = out.bank.books.order(made["id"])
        assert order is not None
        assert json.loads(order["asked"])["buys_to"] == account
        assert (await on(me, account))[1] == 10_00


_WANTED = Wanted(quote_id="fx_quote_X", side="buys", amount_minor=1, currency="USD", other_currency="KZT")
_PRICE = Price(
    quote_id="fx_quote_X",
    bank_quote="Q-1",
    sells_minor=530,
    sells_currency="KZT",
    buys_minor=1,
    buys_currency="USD",
    rate="0.001886",
    reference_rate="0.0019",
    source="a bank",
    lives_s=60,
)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"rate": "0"}, False),
        ({"rate": "0.000000000000"}, False),
        ({"reference_rate": "0"}, False),
        ({"reference_rate": "0.000000"}, False),
        ({"reference_rate": "0.000000000001"}, False),
        ({"reference_rate": "999999999999"}, False),
        ({"reference_rate": "0.018"}, True),
        ({"reference_rate": "0.019"}, False),
    ],
    ids=str,
)
async def test_a_rate_of_zero_or_far_from_what_was_published_is_no_price(change: dict[str, str], fits: bool) -> None:
    assert quoting.fits(_WANTED, msgspec.structs.replace(_PRICE, **change)) is fits


@pytest.mark.parametrize("change", [{"rate": "0.0"}, {"reference_rate": "0"}], ids=str)
async def test_a_rate_of_zero_is_not_kept(app: Litestar, change: dict[str, str]) -> None:
    holder, price = ids.new(), msgspec.structs.replace(_PRICE, **change)

    with pytest.raises(IntegrityError, match="check constraint"):
        async with db.transaction(app.state.house.api, holder=holder, audience="resident") as story:
            await quoting.keep(
                await story(), ids.new(), price, holder=holder, bank=ids.new(), fixed="buys", source=ids.new(),
                target=ids.new(), at=story.now, asked_at=clock.real() - timedelta(seconds=1),
            )  # fmt: skip
