"""What a resident does with banks in tests, as the app on the phone does it, and how both sides go on from there."""

from typing import Any

from sqlalchemy import text

from app import db
from app.banking import asking
from app.house import House
from tests.partners import outside
from tests.partners.investors import Investor
from tests.partners.outside import Outside

Json = dict[str, Any]
IBAN = "KZ86125KZT5004100100"


async def run(out: Outside, rounds: int = 4) -> None:
    """Let both sides work until neither has anything left to do."""
    for _ in range(rounds):
        await outside.settle(out.house)
        while await asking.step(out.house):
            pass
        await out.works()
    await outside.settle(out.house)


async def hurry(out: Outside) -> None:
    """Let everything that waits between us and the bank be due now, and run."""
    await outside.hurry(out.house)
    async with db.transaction(out.house.worker) as story:
        await (await story()).execute(
            text("UPDATE app.bank_order SET due_at = now(), leased_until = NULL WHERE due_at IS NOT NULL")
        )
    await run(out)


async def forward(house: House, **by: int) -> None:
    """Move the installation's clock."""
    async with db.transaction(house.api, audience="service") as story:
        await (await story()).execute(
            text(
                "UPDATE app.clock SET advanced_by = advanced_by"
                " + make_interval(days => :days, hours => :hours, mins => :minutes)"
            ),
            {"days": 0, "hours": 0, "minutes": 0, **by},
        )


async def saves(me: Investor, out: Outside, name: str | None = "A PAYEE", iban: str = IBAN) -> str:
    """Save an account to pay to; None is an own one."""
    body = {"iban": iban, "own": True} if name is None else {"iban": iban, "name": name}
    saved: Json = await me.phone.post("/v1/beneficiaries", body)
    await run(out, rounds=2)
    return str(saved["id"])


async def pays_out(me: Investor, to: str, tenge: int, key: str) -> Json:
    """Look at what it costs, confirm exactly that, and pay."""
    paid: Json = await me.phone.post("/v1/payouts", await confirms_payout(me, to, tenge, key), key=key)
    return paid


async def confirms_payout(me: Investor, to: str, tenge: int, key: str) -> Json:
    """Confirm a pay-out; gives what is then sent under this key."""
    terms = await me.phone.get(f"/v1/beneficiaries/{to}/payout-terms", amount_minor=tenge * 100)
    shown = {**terms["confirm"]["shown"], "idempotency_key": key}
    step_up = await me.phone.step_up(terms["confirm"]["operation"], shown)
    return {"beneficiary_id": to, "amount_minor": tenge * 100, "step_up": step_up}


async def opens(me: Investor, out: Outside, currency: str, bank: str = outside.CODE) -> str:
    """Open an account at the bank."""
    opened: Json = await me.phone.post("/v1/bank-accounts", {"bank": bank, "currency": currency})
    await run(out, rounds=2)
    return str(opened["id"])


async def moves(me: Investor, account: str, direction: str, tenge: int, key: str) -> Json:
    """Move money between the wallet and an own account."""
    shown = {"bank_account_id": account, "direction": direction, "amount_minor": tenge * 100, "currency": "KZT"}
    step_up = await me.phone.step_up("bank_transfer.send", {**shown, "idempotency_key": key})
    body = {"bank_account_id": account, "direction": direction, "amount_minor": tenge * 100, "step_up": step_up}
    moved: Json = await me.phone.post("/v1/bank-transfers", body, key=key)
    return moved


async def exchanges(me: Investor, quote: Json, key: str | None = None) -> Json:
    """Confirm both amounts and the rate, and exchange."""
    done: Json = await me.phone.post("/v1/exchanges", await confirms_exchange(me, quote), key=key)
    return done


async def confirms_exchange(me: Investor, quote: Json) -> Json:
    """Confirm an exchange; gives what is then sent."""
    step_up = await me.phone.step_up(quote["confirm"]["operation"], quote["confirm"]["shown"])
    return {"quote_id": quote["id"], "step_up": step_up}


async def held(me: Investor) -> tuple[int, int]:
    """Give what is in the wallet and what of it is set aside, in tiyn."""
    found = await me.balance()
    return found["posted"]["amount_minor"], found["held"]["amount_minor"]
