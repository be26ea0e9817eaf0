"""A card that was to be used at home is declined abroad, allowed there with one tap, used, and what was wrong disputed.

Every call may be repeated: what got no answer is asked again under the same key (simulators/patience.py).
"""

import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from simulators.facts import Facts, expect, pretty, tenge
from simulators.patience import PatientPhone, until
from simulators.portrait import grey_jpeg

HOME, ABROAD = "KZ", "TR"
SHOP = "Bosphorus Kilims"
ASKED_MINOR = 30_000_00
#: What the receipt says; the shop took ASKED_MINOR.
RECEIPT_MINOR = 21_000_00
TRAVELS_DAYS = 7
_RECEIPT = grey_jpeg(400, 600)

#: Buys for so much at a shop in a country; clears a purchase.
Buy = Callable[[int, str, str], Awaitable[Any]]
Clear = Callable[[str], Awaitable[Any]]


async def use(phone: PatientPhone, card: str, buy: Buy, clear: Clear) -> Facts:
    """Keep the card at home, be declined abroad, allow it there from what the feed tells, pay, dispute."""
    where = f"/v1/cards/{card}"
    await _keep_home(phone, where)
    place = await _end_of_feed(phone)
    declined = await buy(ASKED_MINOR, SHOP, ABROAD)
    expect(not declined["approved"] and declined["code"] == "57", f"answered {declined}")  # not permitted to cardholder
    payment = await until(lambda: _declined(phone, where), lambda seen: seen is not None)
    told = await until(lambda: _told(phone, place, payment["id"]), lambda seen: seen is not None)
    expect(told["reasons"] == ["country_blocked"] and told["allow"] == {"countries": ABROAD}, f"told {told}")
    allowed = await _allow(phone, where, payment)
    bought = await buy(ASKED_MINOR, SHOP, ABROAD)
    expect(bought["approved"], f"declined once more: {bought}")
    expect((await clear(bought["id"]))["approved"], "not cleared")
    return {
        "declined": f"{SHOP}, {ABROAD}: {told['reasons'][0]}, allowed by {pretty(told['allow'])}",
        "allowed": f"{ABROAD} until {allowed['until']}, one tap and the passkey",
        **await _charge_back(phone, where),
    }


async def _keep_home(phone: PatientPhone, where: str) -> None:
    """Narrow the card's countries to one, which takes no passkey."""

    async def put() -> bool:
        card = await phone.get(where)
        controls = card["controls"] | {"countries": {"only": [HOME]}}
        over = {"If-Match": f'"{card["version"]}"'}
        answer = await phone.call("PUT", f"{where}/controls", body={"controls": controls}, headers=over)
        return answer.status_code == HTTPStatus.OK

    await until(put, bool)


async def _end_of_feed(phone: PatientPhone) -> str:
    """Read what is there already; give the place behind it."""
    page = await phone.get("/v1/me/feed")
    while page["more"]:
        page = await phone.get("/v1/me/feed", after=page["next"])
    return str(page["next"])


async def _declined(phone: PatientPhone, where: str) -> Any:  # noqa: ANN401  a payment, or nothing yet
    """Look for the payment that was declined abroad: the card was declined at home before."""
    payments = (await phone.get(f"{where}/payments", status="declined"))["payments"]
    return next((each for each in payments if each["merchant"]["country"] == ABROAD), None)


async def _told(phone: PatientPhone, place: str, payment: str) -> Any:  # noqa: ANN401  an event's data, or nothing yet
    """Look for what the feed tells of `payment` behind `place`: an earlier decline may come there late as well."""
    events = (await phone.get("/v1/me/feed", after=place))["events"]
    declined = (event["data"] for event in events if event["type"] == "card_payment.declined")
    return next((data for data in declined if data["payment"] == payment), None)


async def _allow(phone: PatientPhone, where: str, seen: Any) -> Any:  # noqa: ANN401  what is allowed
    """Allow the declined payment, and its country for some days, by one call that the passkey confirms."""
    card = await phone.get(where)
    expect(seen["allow"] == {"countries": ABROAD}, f"the payment offers {seen['allow']}")
    until_day = datetime.now(UTC).astimezone(ZoneInfo("Asia/Almaty")).date() + timedelta(days=TRAVELS_DAYS)
    shown = {
        "card": card["last4"],
        "card_id": card["id"],
        "merchant": seen["merchant"]["name"],
        "country": seen["merchant"]["country"],
        "amount_minor": seen["asked"]["amount_minor"],
        "currency": seen["asked"]["currency"],
        "until": f"{until_day}",
    }
    body = {"until": f"{until_day}", "step_up": await phone.step_up("card.allow", shown)}
    return await phone.post(f"/v1/card-payments/{seen['id']}/allowance", body)


async def _charge_back(phone: PatientPhone, where: str) -> Facts:
    """Dispute what was taken beyond the receipt; the network gives it, and it is in the wallet before it is decided."""
    before = await _available(phone)
    payments = (await phone.get(f"{where}/payments", status="cleared"))["payments"]
    payment = next(each for each in payments if each["merchant"]["country"] == ABROAD)
    about = f"/v1/card-payments/{payment['id']}"
    options = await phone.get(f"{about}/dispute-options")
    needs = next(each["needs"] for each in options["reasons"] if each["reason"] == "wrong_amount")
    expect([each["kind"] for each in needs] == ["receipt"], f"needs {needs}")
    wrong = {"reason": "wrong_amount", "amount_minor": ASKED_MINOR - RECEIPT_MINOR, "words": "The receipt says less."}
    opened = await phone.post(f"{about}/disputes", wrong)
    dispute = f"/v1/disputes/{opened['id']}"
    receipt = {"kind": "receipt", "content": base64.b64encode(_RECEIPT).decode()}
    await phone.post(f"{dispute}/evidence", receipt)
    await phone.post(f"{dispute}/submission")
    credited = await until(lambda: phone.get(dispute), lambda seen: seen["credit"]["amount"]["amount_minor"] > 0)
    expect(credited["state"] == "chargeback", f"the network has it as {credited['state']}")
    given = await _available(phone) - before
    expect(given == ASKED_MINOR - RECEIPT_MINOR, f"credited {given}")
    return {
        "disputed": f"{tenge(credited['amount'])} of {tenge(payment['taken'])}: {credited['reason_text']}",
        "chargeback": f"accepted by the network; the shop answers until {credited['act_by']}",
        "credited": f"{tenge(credited['credit']['amount'])} before it is decided",
    }


async def _available(phone: PatientPhone) -> int:
    return int((await phone.get("/v1/wallets/me"))["available"]["amount_minor"])
