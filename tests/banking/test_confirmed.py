"""What a passkey confirmed of one exchange or transfer confirms no other: each line of what was shown counts."""

import pytest
from litestar import Litestar

from app.settings import Settings
from simulators.phone import Refused
from tests.banking.clients import held, opens
from tests.partners.investors import investor
from tests.partners.outside import Outside

pytestmark = pytest.mark.asyncio
_FULL = 1_000_000_00


async def test_what_was_confirmed_of_one_exchange_confirms_no_other(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 331) as me:
        account = await opens(me, out, "USD")
        asked = {"buys_to": account, "fixed": "sells", "amount_minor": 1_000_00}
        quote, other = [await me.phone.post("/v1/fx-quotes", asked) for _ in range(2)]
        confirm = quote["confirm"]
        assert set(confirm["shown"]) == {*OTHERWISE_EXCHANGED}

        for line, otherwise in OTHERWISE_EXCHANGED.items():
            shown = confirm["shown"] | {line: other["id"] if line == "quote_id" else otherwise}
            step_up = await me.phone.step_up(confirm["operation"], shown)
            with pytest.raises(Refused, match="step_up_mismatch"):
                await me.phone.post("/v1/exchanges", {"quote_id": quote["id"], "step_up": step_up})
        assert await held(me) == (_FULL, 0)


#: Each line of what is confirmed, and what else somebody could have been shown.
OTHERWISE_EXCHANGED = {
    "quote_id": "another",
    "sells_minor": 999_99,
    "sells_currency": "EUR",
    "buys_minor": 2_000_00,
    "buys_currency": "EUR",
    "rate": "0.0019",
}


async def test_what_was_confirmed_of_one_bank_transfer_confirms_no_other(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 332) as me:
        account, dollars = await opens(me, out, "KZT"), await opens(me, out, "USD")
        body = {"bank_account_id": account, "direction": "to_account", "amount_minor": 1_000_00}
        right = {**body, "currency": "KZT", "idempotency_key": "bt-right"}
        otherwise = {
            "bank_account_id": dollars,
            "direction": "from_account",
            "amount_minor": 10_00,
            "currency": "USD",
            "idempotency_key": "bt-another",
        }

        for line in right:
            shown = {**right, "idempotency_key": f"bt-{line}", line: otherwise[line]}
            step_up = await me.phone.step_up("bank_transfer.send", shown)
            with pytest.raises(Refused, match="step_up_mismatch"):
                await me.phone.post("/v1/bank-transfers", {**body, "step_up": step_up}, key=f"bt-{line}")
        assert await held(me) == (_FULL, 0)
        step_up = await me.phone.step_up("bank_transfer.send", right)
        assert (await me.phone.post("/v1/bank-transfers", {**body, "step_up": step_up}, key="bt-right"))["id"]
