"""What a resident does with banks beside investing: an own account there, a pay-out, an exchange; and the paper of it.

Every call may be repeated: what got no answer is asked again under the same key (simulators/patience.py).
"""

import uuid
from http import HTTPStatus
from typing import Any

import httpx

from simulators.facts import Facts, expect, tenge
from simulators.patience import PatientPhone, patiently, until

#: The resident's own account at another bank of Kazakhstan.
OWN_IBAN = "KZ86125KZT5004100100"
PAID_OUT_MINOR = 20_000_00
EXCHANGED_MINOR = 50_000_00
_UNDER_WAY = {"processing", "opening"}


async def use(phone: PatientPhone, stranger: httpx.AsyncClient, bank: str) -> Facts:
    """Pay out to an own account, exchange at `bank`, and give a stranger the statement to check."""
    paid = await pay_out(phone, await save(phone))
    exchanged = await exchange(phone, await open_account(phone, bank, "USD"))
    told = (await phone.get("/v1/wallets/me/entries", text="pay-out"))["entries"]
    expect([entry["code"] for entry in told] == ["payout.done", "payout.asked"], f"the history says {told}")
    statement, size = await order_statement(phone)
    checked = await patiently(lambda: stranger.get(statement["verify_url"]))
    expect(checked.status_code == HTTPStatus.OK, f"a stranger is answered {checked.text}")
    seen = checked.json()
    same = ("sha256", "opening", "closing", "entries")
    expect(all(seen[name] == statement[name] for name in same), f"a stranger is told {seen}")
    return {
        "paid out": f"{tenge(paid['amount'])}, fee {tenge(paid['fee'])}, by the bank as {paid['bank_reference']}",
        "history": told[0]["description"],
        "exchanged": f"{tenge(exchanged['amount'])} for {tenge(exchanged['gets'])}, {exchanged['state']}",
        "statement": f"{statement['entries']} rows, {size:,} bytes of PDF",
        "checked": f"{seen['status']}, sha256 {seen['sha256'][:16]}…, by the code on the paper alone",
    }


async def save(phone: PatientPhone) -> str:
    """Save the own account; the bank compares the names."""
    saved = await phone.post("/v1/beneficiaries", {"iban": OWN_IBAN, "own": True})
    where = f"/v1/beneficiaries/{saved['id']}"
    named = await until(lambda: phone.get(where), lambda seen: seen["named"] != "asked")
    expect(named["named"] == "match", f"the bank says {named['named']}")
    return str(saved["id"])


async def pay_out(phone: PatientPhone, to: str) -> Any:  # noqa: ANN401  a pay-out
    """Look at what it costs, confirm exactly that, and wait for the bank."""
    terms = await phone.get(f"/v1/beneficiaries/{to}/payout-terms", amount_minor=PAID_OUT_MINOR)
    confirm, key = terms["confirm"], str(uuid.uuid4())
    step_up = await phone.step_up(confirm["operation"], {**confirm["shown"], "idempotency_key": key})
    body = {"beneficiary_id": to, "amount_minor": PAID_OUT_MINOR, "step_up": step_up}
    paid = await phone.post("/v1/payouts", body, key=key)
    return await _ended(phone, f"/v1/payouts/{paid['id']}", "done")


async def open_account(phone: PatientPhone, bank: str, currency: str) -> str:
    """Open an account at the bank."""
    opened = await phone.post("/v1/bank-accounts", {"bank": bank, "currency": currency})
    await _ended(phone, f"/v1/bank-accounts/{opened['id']}", "open")
    return str(opened["id"])


async def exchange(phone: PatientPhone, account: str) -> Any:  # noqa: ANN401  an exchange
    """Ask for a price, confirm both amounts and the rate, and wait for the bank."""
    asked = {"buys_to": account, "fixed": "sells", "amount_minor": EXCHANGED_MINOR}
    quote = await phone.post("/v1/fx-quotes", asked)
    step_up = await phone.step_up(quote["confirm"]["operation"], quote["confirm"]["shown"])
    made = await phone.post("/v1/exchanges", {"quote_id": quote["id"], "step_up": step_up})
    done = await _ended(phone, f"/v1/exchanges/{made['id']}", "done")
    expect(done["gets"] == quote["buys"], f"quoted {quote['buys']}, got {done['gets']}")
    return done


async def order_statement(phone: PatientPhone) -> tuple[Any, int]:
    """Have everything so far on paper; gives the statement, and how large its PDF is."""
    entries = (await phone.get("/v1/wallets/me/entries", limit=100))["entries"]
    days = {"begins_on": entries[-1]["value_on"], "ends_on": entries[0]["value_on"]}
    made = await phone.post("/v1/statements", days)
    expect(made["closing"] == entries[0]["balance"], f"the statement closes with {made['closing']}")
    query = {"format": "pdf", "language": "en"}
    paper = await phone.call("GET", f"/v1/statements/{made['id']}/document", query=query)
    expect(paper.content.startswith(b"%PDF-"), f"the paper is {paper.text[:200]}")
    return made, len(paper.content)


async def _ended(phone: PatientPhone, where: str, state: str) -> Any:  # noqa: ANN401  what is there
    found = await until(lambda: phone.get(where), lambda seen: seen["state"] not in _UNDER_WAY)
    expect(found["state"] == state, f"{where} is {found}")
    return found
