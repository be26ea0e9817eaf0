"""Payees: found by what they allow, confirmed by name, named by a reference that is one payer's, for a while."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import clock
from app.http import ids
from app.limits import Quotas
from app.payments import emv, payee
from app.payments.payee import Payee, Via
from app.settings import Settings
from law.money import KZT, Money
from tests.app.payments.people import Resident
from tests.app.people import residents, token
from tests.partners import outside
from tests.partners.investors import investor
from wallet import address
from wallet.transfer import AccountId

pytestmark = pytest.mark.asyncio

_LOOKUPS = "/v1/payees/lookups"


async def pair(app: Litestar, client: httpx.AsyncClient, start: int) -> tuple[Resident, Resident]:
    one, other = [Resident(app, client, each) for each in await residents(app, 2, start=start)]
    return one, other


async def test_who_allows_it_is_found_by_phone_or_e_mail_and_nobody_else(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    payer, other = await pair(app, client, 350)
    claimed = await other.proves("phone", "+77012345678")

    hidden = await payer.call("POST", _LOOKUPS, {"via": "phone", "value": "+7 701 234 56 78"})
    unknown = await payer.call("POST", _LOOKUPS, {"via": "phone", "value": "+7 701 234 56 79"})
    assert (await other.call("PUT", f"/v1/me/contacts/{claimed}/findable", {"findable": True})).json()["findable"]
    found = await payer.looks_up("phone", "+7 (701) 234-56-78", "Arjun Karimov")
    assert (await other.get("/v1/me/payee"))["contacts"][0]["findable"]
    await other.call("PUT", f"/v1/me/contacts/{claimed}/findable", {"findable": False})
    again = await payer.call("POST", _LOOKUPS, {"via": "phone", "value": "+77012345678"})

    assert {hidden.status_code, unknown.status_code, again.status_code} == {404}
    bodies = [{**each.json(), "trace_id": ""} for each in (hidden, unknown, again)]
    assert bodies[0] == bodies[1] == bodies[2]
    assert (found["address"], found["wallet"]) == ("+77012345678", other.wallet)
    assert found["name"] == (await other.get("/v1/me/payee"))["name"]
    assert found["name_match"] in {"match", "close_match", "no_match"}


async def test_the_name_is_told_masked_and_a_typed_one_compared(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, other = await pair(app, client, 360)
    mine = await other.get("/v1/me/payee")
    given, initial = mine["name"].split()

    exact = await payer.looks_up("iban", mine["iban"].lower(), f"{given} RAO")
    close = await payer.looks_up("iban", mine["iban"], f"{initial} {given}")
    none = await payer.looks_up("iban", mine["iban"], "Somebody Else")
    plain = await payer.looks_up("wallet", other.wallet)

    assert [each["name_match"] for each in (exact, close, none, plain)][1:] == ["close_match", "no_match", None]
    assert exact["name_match"] in {"match", "close_match"}  # of two given names one was typed
    assert {each["name"] for each in (exact, close, none, plain)} == {mine["name"]}
    assert "RAO" not in str([exact, close, none, plain])


async def test_who_does_not_want_it_is_not_named_to_who_knows_the_iban(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    payer, other = await pair(app, client, 351)
    iban = await other.iban()
    changed = (await other.call("PUT", "/v1/me/payee", {"by_account": False})).json()

    found = await payer.looks_up("iban", iban, "AYSE FERRER")

    assert not changed["by_account"]
    assert (found["name"], found["name_match"], found["wallet"]) == (None, "unavailable", other.wallet)


@pytest.mark.parametrize(
    ("via", "value", "status", "code"),
    [
        ("iban", "KZ869990000000000001", 422, "bad_iban"),
        ("iban", address.compose("999", "A" * 13), 404, "payee_not_found"),
        ("wallet", "wallet_" + "0" * 26, 404, "payee_not_found"),
        ("wallet", "nonsense", 404, "not_found"),
        ("qr", "https://example.com", 422, "bad_payment_code"),
        ("phone", "12", 422, "bad_contact"),
        ("email", "nobody@example.com", 404, "payee_not_found"),
        ("name", "AYSE DEMIR", 400, "invalid_request"),
    ],
)
async def test_what_leads_to_nobody_has_a_name(
    app: Litestar, client: httpx.AsyncClient, via: str, value: str, status: int, code: str
) -> None:
    payer, _ = await pair(app, client, 350)

    assert await payer.refused("POST", _LOOKUPS, {"via": via, "value": value}) == (status, code)


async def test_an_account_of_the_operator_is_no_payee(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, _ = await pair(app, client, 350)
    mirror = (await outside.rows(app.state.house, "SELECT id FROM wallet.account WHERE holder IS NULL LIMIT 1"))[0].id

    found = await payer.refused("POST", _LOOKUPS, {"via": "wallet", "value": ids.show("wallet", mirror)})

    assert found == (404, "payee_not_found")


async def test_a_payment_code_leads_to_whose_it_is_with_its_amount(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, other = await pair(app, client, 350)
    code, before = await other.get("/v1/me/payment-code", amount_minor=1_500_00), await other.balance()

    found = await payer.looks_up("qr", code["text"])
    sent = await payer.post("/v1/transfers", {"to": found["reference"], "amount": {"amount_minor": 1_500_00}})

    assert found["amount"] == {"amount_minor": 1_500_00, "currency": "KZT"}
    assert emv.read(code["text"]).money == Money(1_500_00, KZT)
    assert await other.balance() == before + 1_500_00
    seen = await other.get(f"/v1/transfers/{sent['id']}")
    assert seen["moved"]["amount_minor"] == 1_500_00
    assert seen["words"]["payer"] == (await payer.get("/v1/me/payee"))["name"]


async def test_a_message_is_read_by_its_two_and_lies_in_no_ledger(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, other = await pair(app, client, 350)
    [stranger] = [Resident(app, client, each) for each in await residents(app, 1, start=352)]
    secret = "Happy birthday, Ayse"

    body = {"to": other.wallet, "amount": {"amount_minor": 100}, "message": secret}
    sent = await payer.post("/v1/transfers", body)

    for side in (payer, other):
        assert (await side.get(f"/v1/transfers/{sent['id']}"))["words"]["message"] == secret
    assert (await stranger.call("GET", f"/v1/transfers/{sent['id']}")).status_code == 404
    [heard] = [each for each in await other.heard("transfer.post") if each["transfer"] == sent["id"]]
    assert secret not in str(heard)
    assert payer.wallet not in str(heard)
    async with app.state.house.worker.connect() as connection:
        stored = await connection.scalar(text("SELECT sealed FROM app.payment_note ORDER BY id DESC LIMIT 1"))
    assert secret.encode() not in bytes(stored)


async def test_the_passkey_signs_name_and_address_and_any_change_is_noticed(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    async with investor(app, settings, 345) as mine:
        other, third = await pair(app, client, 350)
        before = await other.balance()
        found = await mine.phone.post(_LOOKUPS, {"via": "iban", "value": await other.iban()})
        elsewhere = await mine.phone.post(_LOOKUPS, {"via": "iban", "value": await third.iban()})
        shown = {
            "payee": other.wallet,
            "name": found["name"],
            "address": found["address"],
            "amount_minor": 700,
            "currency": "KZT",
            "idempotency_key": "k-named",
        }

        async def sent(key: str = "k-named", **changed: object) -> httpx.Response:
            step_up = await mine.phone.step_up("transfer.send_named", shown)
            body = {"to": found["reference"], "amount": {"amount_minor": 700}, "step_up": step_up, **changed}
            return await mine.phone.call("POST", "/v1/transfers", body=body, key=key)

        other_amount = await sent("k-1", amount={"amount_minor": 701})
        other_payee = await sent("k-2", to=elsewhere["reference"])
        unnamed = await sent("k-3", to=other.wallet)
        other_key = await sent("k-4")
        done = await sent()

    for wrong in (other_amount, other_payee, unnamed, other_key):
        assert (wrong.status_code, wrong.json()["code"]) == (403, "step_up_mismatch")
    assert done.status_code == 201, done.text
    assert await other.balance() == before + 700


async def test_a_reference_is_one_payers_for_ten_minutes(app: Litestar, client: httpx.AsyncClient) -> None:
    payer, other = await pair(app, client, 350)
    reference = await other.reference(payer)
    old = payee.refer(
        app.state.house.keys,
        payer.seeded.subject,
        Payee(
            account=AccountId(other.seeded.wallet),
            lane=1,
            holder=other.seeded.subject,
            via=Via.WALLET,
            address=other.wallet,
            name="",
        ),
        clock.real() - timedelta(seconds=1),
    )

    for wrong in (reference, old, f"{payee.REFERENCE}x", payee.REFERENCE, f"{payee.REFERENCE}{'ы' * 9}", old[:-1]):
        body = {"to": wrong, "amount": {"amount_minor": 1}}
        assert await payer.refused("POST", "/v1/transfers", body) == (422, "payee_reference_refused")
    many = {"transfers": [{"to": old, "amount": {"amount_minor": 1}}]}
    assert await payer.refused("POST", "/v1/transfers/bulk", many) == (422, "payee_reference_refused")


async def test_looking_up_is_counted_per_person(app: Litestar) -> None:
    [handler] = [route for route in _handlers(app) if route.operation_id == "lookUpPayee"]

    policy = Quotas(6_000).of(handler.opt)

    assert (policy.name, policy.quota, policy.window_s) == ("lookups", 30, 600)


def _handlers(app: Litestar) -> list[Any]:
    return [handler for route in app.routes for handler in getattr(route, "route_handlers", [])]


async def test_only_proved_contacts_of_ones_own_are_switched(app: Litestar, client: httpx.AsyncClient) -> None:
    mine, other = await pair(app, client, 350)
    claimed = (await mine.post("/v1/me/contacts", {"kind": "email", "value": "new@example.com"}))["id"]
    theirs = await other.proves("email", "other@example.com")

    switch = "/v1/me/contacts/{}/findable"
    for wrong in (theirs, "contact_" + "0" * 26):
        assert (await mine.refused("PUT", switch.format(wrong), {"findable": True}))[0] == 404
    early = await mine.refused("PUT", switch.format(claimed), {"findable": True})
    assert early == (409, "contact_not_proved")
    assert (await client.get("/v1/me/payee", headers={})).status_code == 401
    newcomer = await token(app, "resident")
    bare = await client.get("/v1/me/payee", headers={"authorization": f"Bearer {newcomer}"})
    assert (bare.status_code, bare.json()["code"]) == (404, "no_wallet")
