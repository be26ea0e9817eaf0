"""What testers can make happen to cards: wallets with their code, 3-D Secure, plastic, a purchase abroad, disputes."""

from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app import ids
from app.http.sandbox.cards import CARD_VERBS, PAYMENT_VERBS
from tests.app import people
from tests.app.cards.test_cards import ordered, someone
from tests.app.people import bearer, keyed

pytestmark = pytest.mark.asyncio


class Player:
    """Somebody with a card, and who plays everybody else."""

    def __init__(self, client: httpx.AsyncClient, mine: str, service: str, card: dict[str, Any]) -> None:
        self.client = client
        self.mine = mine
        self.service = service
        self.card = card

    async def plays(self, path: str, body: object = None, key: str | None = None) -> httpx.Response:
        return await self.client.post(f"/v1/sandbox/{path}", json=body, headers=keyed(self.service, key))

    async def played(self, path: str, body: object = None, key: str | None = None) -> Any:  # noqa: ANN401  an answer
        answer = await self.plays(path, body, key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def does(self, path: str, body: object = None) -> Any:  # noqa: ANN401  an answer
        answer = await self.client.post(path, json=body, headers=keyed(self.mine))
        assert answer.is_success, answer.text
        return answer.json()

    async def sees(self, path: str) -> Any:  # noqa: ANN401  an answer
        answer = await self.client.get(path, headers=bearer(self.mine))
        assert answer.is_success, answer.text
        return answer.json()


@pytest_asyncio.fixture
async def tester(app: Litestar, client: httpx.AsyncClient) -> Player:
    me = await someone(app)
    return Player(client, me.access_token, await people.token(app, "service"), await ordered(client, me))


async def test_a_wallet_is_let_in_by_the_code_that_the_app_shows(tester: Player) -> None:
    asked = await tester.played("card-tokens", {"card_id": tester.card["id"], "device_score": 5, "account_score": 5})
    code = (await tester.does(f"/v1/card-tokens/{asked['token_id']}/code"))["code"]
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    path = f"card-tokens/{asked['token_id']}"

    tries = [await tester.played(f"{path}/activation", {"code": each}) for each in (wrong, code, code)]
    lost = await tester.played(f"{path}/acts", {"act": "suspend"})
    mine = await tester.client.post(f"/v1/card-tokens/{asked['token_id']}/resume", headers=keyed(tester.mine))
    found = await tester.played(f"{path}/acts", {"act": "resume"})

    assert (asked["decision"], asked["state"]) == ("otp", "requested")
    assert [each["wrong"] for each in tries] == ["wrong", None, "not_asked"]
    assert [each["state"] for each in tries] == ["requested", "active", "active"]
    assert (lost["state"], lost["paused_by"]) == ("suspended", ["network"])
    assert mine.json()["code"] == "token_state", "the pause is the network's"
    assert found["state"] == "active"


@pytest.mark.parametrize(
    ("score", "proved", "decision"), [(1, True, "decline"), (5, False, "decline"), (5, None, "otp")]
)
async def test_a_wallet_hears_what_its_scores_and_the_code_deserve(
    tester: Player,
    score: int,
    proved: bool | None,
    decision: str,
) -> None:
    body = {"card_id": tester.card["id"], "device_score": score, "account_score": 5, "proved": proved}

    assert (await tester.played("card-tokens", body))["decision"] == decision


@pytest.mark.parametrize(("answer", "status"), [("approval", "approved"), ("refusal", "declined")])
async def test_a_shop_hears_what_the_holder_said(tester: Player, answer: str, status: str) -> None:
    amount = {"amount_minor": 49_99, "currency": "EUR"}
    asked = await tester.played("card-challenges", {"card_id": tester.card["id"], "amount": amount})
    path = f"card-challenges/{asked['challenge_id']}/result"
    before = (await tester.played(path))["status"]

    [shown] = (await tester.sees("/v1/card-challenges"))["challenges"]
    await tester.does(f"/v1/card-challenges/{asked['challenge_id']}/{answer}")

    assert (before, shown["amount_minor"], shown["currency"]) == ("asked", 49_99, "EUR")
    assert (await tester.played(path))["status"] == status


async def test_a_purchase_abroad_says_what_was_asked_there_and_at_which_rate(tester: Player) -> None:
    abroad = {"original": {"amount_minor": 20_00, "currency": "EUR"}, "rate": "563.2"}
    body = {"card_id": tester.card["id"], "amount_minor": 11_264_00, "merchant": {"country": "DE"}, **abroad}

    bought = await tester.played("card-authorizations", body)
    await tester.played(f"card-payments/{bought['payment_id']}/captures", abroad)
    half = await tester.plays("card-authorizations", body | {"rate": None})

    receipt = await tester.sees(f"/v1/card-payments/{bought['payment_id']}")
    assert bought["approved"]
    told = [(each["kind"], each["original"], each["rate"]) for each in receipt["elements"]]
    assert told == [(kind, abroad["original"], "563.2") for kind in ("authorization", "clearing")]
    assert receipt["payment"]["markup"]["amount_minor"] == 112_64
    assert half.json()["code"] == "not_together"


async def test_a_network_says_all_it_can_say_of_a_dispute(tester: Player) -> None:
    bought = await tester.played("card-captures", {"card_id": tester.card["id"], "amount_minor": 300_00})
    wrong = {"reason": "duplicate", "amount_minor": 300_00}
    opened = await tester.does(f"/v1/card-payments/{bought['payment_id']}/disputes", wrong)
    path = f"disputes/{opened['id']}/acts"
    early = await tester.plays(path, {"act": "represented"})
    await tester.does(f"/v1/disputes/{opened['id']}/submission")

    key = str(ids.new())
    states = []
    for act in ("accepted", "represented"):
        told = [await tester.played(path, {"act": act}, f"{key}-{act}") for _ in range(2)]
        assert told[0] == told[1], "the same word of the network changes nothing"
        states.append(told[0]["state"])

    assert early.json()["code"] == "dispute_event_out_of_turn"
    assert states == ["chargeback", "representment"]


async def test_plastic_goes_by_post_and_comes_back(tester: Player) -> None:
    address = {
        "recipient": "ANNA SCHMIDT",
        "lines": ["Unter den Linden 5"],
        "city": "Berlin",
        "postcode": "10117",
        "country": "DE",
        "phone": "+4915112345678",
    }
    body = {"accepted_notice": "sandbox-2026-1", "form": "plastic", "address": address}
    card = await tester.does("/v1/cards", body)
    path = f"cards/{card['id']}/parcel"

    early = await tester.plays(path, {"act": "deliver"})
    states = [(await tester.played(path, {"act": act}))["state"] for act in ("ship", "return")]
    failed = await tester.played(path, {"act": "fail"})

    assert not early.is_success
    assert states == ["shipped", "personalising"]
    assert (failed["state"], failed["closed_for"]) == ("closed", "undeliverable")


async def test_every_verb_of_the_table_is_an_operation_with_a_body_of_its_own(app: Litestar) -> None:
    served = {route.operation_id: route for each in app.routes for route in getattr(each, "route_handlers", ())}

    for verb in [*CARD_VERBS.values(), *PAYMENT_VERBS.values()]:
        assert served[verb.operation].parsed_fn_signature.parameters["data"].annotation is verb.takes
