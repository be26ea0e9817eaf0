"""A resident's own way to such a card: the offer, an account filled by an exchange, the order, the way out."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar

from app import ids, verify
from app.cards import processing
from app.http import ids as public_ids
from app.partners.stripe_issuing import events
from app.partners.stripe_issuing.issuer import StripeIssuing
from app.partners.stripe_issuing.sandbox import Shop
from app.settings import Settings
from tests.app import people
from tests.app.people import bearer
from tests.banking.clients import exchanges, run
from tests.partners import outside
from tests.partners.investors import Investor, investor
from tests.partners.outside import Outside
from tests.stripe.conftest import PROGRAMME
from tests.stripe.fake import Fake

pytestmark = pytest.mark.asyncio

HOME = {"line1": "Unter den Linden 1", "city": "Berlin", "postal_code": "10117", "country": "DE"}


@pytest_asyncio.fixture
async def out(app: Litestar, issuer: StripeIssuing, fake: Fake, tmp_path: Path, client: Any) -> AsyncIterator[Outside]:  # noqa: ANN401  a fixture
    """Give a bank that the programme is paid from, and Stripe, both at the end of the line."""
    async with outside.bank(app, tmp_path / "bank") as played:
        before = app.state.house
        joined = StripeIssuing(issuer.client, msgspec.structs.replace(PROGRAMME, bank=outside.CODE))
        app.state.house = msgspec.structs.replace(played.house, stripe=joined)
        fake.ours = client
        yield played
        app.state.house = before


async def filled(me: Investor, out: Outside, cents: int) -> str:
    """Open the account, and buy euros for it with tenge."""
    account: str = (await me.phone.post("/v1/card-accounts"))["id"]
    quote = await me.phone.post("/v1/fx-quotes", {"buys_to": account, "fixed": "buys", "amount_minor": cents})
    await exchanges(me, quote)
    await run(out)
    return account


async def told(app: Litestar, fake: Fake) -> None:
    """Let Stripe tell everything, and the worker do what is due."""
    for event in fake.events:
        assert (await fake.deliver(event)).status_code == 200
    while await processing.step(app.state.house) + await events.step(app.state.house):
        pass


async def test_a_card_in_euros_is_filled_ordered_used_and_emptied(
    app: Litestar, settings: Settings, out: Outside, fake: Fake, database: str
) -> None:
    async with investor(app, settings, 9_101) as me:
        account = await filled(me, out, 100_00)
        [before] = (await me.phone.get("/v1/card-accounts"))["accounts"]
        order = {"accepted_offer": "stripe-2026-1", "home": HOME, "limits": {"per_payment_max_minor": 80_00}}
        ordered = await me.phone.post(f"/v1/card-accounts/{account}/cards", order)
        await told(app, fake)
        card = await me.phone.get(f"/v1/cards/{ordered['id']}")
        tester = Shop(app.state.house.stripe)
        reference = next(name for name, each in fake.objects.items() if each["object"] == "issuing.card")
        bought = await tester.pays(reference, 30_00)
        await tester.takes(bought.id)
        await told(app, fake)
        home = await me.phone.post("/v1/fx-quotes", {"sells_from": account, "fixed": "sells", "amount_minor": 70_00})
        await exchanges(me, home)
        await run(out)
        [after] = (await me.phone.get("/v1/card-accounts"))["accounts"]

        assert before["available"] == {"amount_minor": 100_00, "currency": "EUR"}
        assert (card["state"], card["currency"], card["issuance_basis"]) == ("active", "EUR", "STRIPE-DE-TEST-1")
        assert bought.approved
        assert after["balance"]["amount_minor"] == 0
        [payment] = (await me.phone.get(f"/v1/cards/{card['id']}/payments"))["payments"]
        assert payment["status"] == "cleared"
    assert verify.ledger(database).findings == ()


async def test_the_number_is_shown_by_stripe_to_the_device_alone_and_a_tester_plays_the_merchant(
    app: Litestar, client: httpx.AsyncClient, settings: Settings, out: Outside, fake: Fake
) -> None:
    token = await people.token(app, "service")

    async def plays(act: str, about: str, minor: int) -> httpx.Response:
        body = {"act": act, "about": about, "amount_minor": minor}
        return await client.post("/v1/sandbox/stripe-acts", json=body, headers=bearer(token))

    async with investor(app, settings, 9_102) as me:
        account = await filled(me, out, 50_00)
        order = {"accepted_offer": "stripe-2026-1", "home": HOME}
        ordered = await me.phone.post(f"/v1/card-accounts/{account}/cards", order)
        await told(app, fake)
        card = await me.phone.get(f"/v1/cards/{ordered['id']}")

        async def opens(operation: str, asked: dict[str, str], **told: str) -> httpx.Response:
            nonce = f"ephkn_{ids.new().hex}"
            shown = {"card": card["last4"], "card_id": card["id"], "device_key": nonce, **told}
            body = {"nonce": nonce, "step_up": await me.phone.step_up(operation, shown), **asked}
            return await me.phone.call("POST", f"/v1/cards/{card['id']}/sessions", body=body)

        apple, google = {"wallet": "apple_pay"}, {"wallet": "google_pay"}
        seen, loaded = await opens("card.reveal", {}), await opens("card_wallet.load", apple, **apple)
        refused_ones = [
            await opens("card.reveal", apple),
            await opens("card_wallet.load", {}, **apple),
            await opens("card_wallet.load", google, **apple),
            await me.phone.call("POST", f"/v1/cards/{card['id']}/sessions", body={"nonce": "ephkn_123456"}),
        ]

        assert [each.headers["cache-control"] for each in (seen, loaded)] == ["no-store"] * 2, loaded.text
        assert seen.json()["secret"].startswith("ek_test_")
        assert loaded.json()["secret"] != seen.json()["secret"]
        codes = [(each.status_code, each.json()["code"]) for each in refused_ones]
        assert codes == [(403, "step_up_mismatch")] * 3 + [(403, "step_up_required")]
        sent = [said for _, path, said in fake.asked if path == "/v1/ephemeral_keys"]
        assert ["nonce" in said for said in sent] == [True, False]

        theirs = next(name for name, each in fake.objects.items() if each["object"] == "issuing.card")
        bought = (await plays("pays", theirs, 20_00)).json()
        taken = (await plays("takes", bought["id"], 20_00)).json()
        forced = (await plays("forces", theirs, 1_00)).json()
        back = (await plays("gives_back", forced["id"], 1_00)).json()
        refused = await plays("lets_lapse", bought["id"], 1)
        await told(app, fake)

        assert [each["status"] for each in (bought, taken, forced, back)] == ["pending", "closed", "capture", "refund"]
        assert (refused.status_code, refused.json()["code"]) == (409, "not_played")
        [left] = (await me.phone.get("/v1/card-accounts"))["accounts"]
        assert left["balance"]["amount_minor"] == 30_00


@pytest.mark.usefixtures("out")
async def test_the_offer_says_where_stripe_issues_and_where_not(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 9_103) as me:
        offer = (await me.phone.get("/v1/card-accounts"))["offer"]
        account = (await me.phone.post("/v1/card-accounts"))["id"]
        again = await me.phone.call("POST", "/v1/card-accounts", key=str(ids.new()))

        async def refused(**more: object) -> str:
            body = {"accepted_offer": "stripe-2026-1", "home": HOME, **more}
            path = f"/v1/card-accounts/{account}/cards"
            answer = await me.phone.call("POST", path, body=body, key=str(ids.new()))
            return str(answer.json()["code"])

        assert "22 countries and not in Kazakhstan" in offer["text"]
        assert "KZ" not in offer["countries"]
        assert len(offer["countries"]) == 21, "a European programme serves nobody in the United States"
        assert again.json()["code"] == "card_account_exists"
        assert await refused(home=HOME | {"country": "KZ"}) == "not_served_there"
        assert await refused(accepted_offer="older") == "offer_not_accepted"


@pytest.mark.usefixtures("out")
async def test_without_a_programme_nothing_is_offered(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 9_104) as me:
        app.state.house = msgspec.structs.replace(app.state.house, stripe=None)

        for method, path in (("GET", "/v1/card-accounts"), ("POST", "/v1/card-accounts")):
            answer = await me.phone.call(method, path, key=str(ids.new()))
            assert (answer.status_code, answer.json()["code"]) == (409, "not_offered")
        nobodys = {"buys_to": public_ids.show("card_account", ids.new()), "fixed": "buys", "amount_minor": 1}
        assert (await me.phone.call("POST", "/v1/fx-quotes", body=nobodys, key=str(ids.new()))).status_code == 404
