"""Cards over HTTP: what the resident's app does, what the network tells us, what each of them sees."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from sqlalchemy import text

from app import clock, db, ids
from app.cards import work
from app.house import House
from app.partners import registry
from app.partners.registry import Kind
from app.seed import Seeded
from cards.programme import term
from cards.proofs.pan import Pan, draw
from simulators.card_network import Network
from simulators.faults import Faults
from simulators.letter import DeviceKey
from simulators.purchase import Purchase, Step, Swipe
from simulators.signed_issuer import SignedIssuer
from tests.app import card_numbers
from tests.app.people import bearer, keyed, residents

pytestmark = pytest.mark.asyncio
NOTICE = "sandbox-2026-1"
NO_LIMITS = dict.fromkeys(f"per_{each}_max_minor" for each in ("payment", "day", "week", "month", "year"))


@pytest_asyncio.fixture
async def network(app: Litestar, client: httpx.AsyncClient, tmp_path: Path) -> AsyncIterator[Network]:
    """Give a network that the house believes; many of its messages are doubled or lose their answer."""
    name = f"net-{str(ids.new())[-12:]}"
    issuer = SignedIssuer(name, client, tmp_path)
    await believe(app, name, Kind.NETWORK, issuer.public_key)
    yield Network(issuer, tmp_path, faults=Faults(duplicate=0.3, lost_answer=0.3))


def name_of(network: Network) -> str:
    """Say under which name a network of `network` is believed."""
    assert isinstance(network.issuer, SignedIssuer)
    return network.issuer.name


async def believe(app: Litestar, code: str, kind: Kind, key: str) -> None:
    house: House = app.state.house
    async with db.transaction(house.worker) as story:
        partner = await registry.enrol(
            await story(),
            house.keys.kms,
            partner=ids.new(),
            code=code,
            name="A partner",
            kind=kind,
            base_url=None,
            at=clock.real(),
        )
        await registry.add_key(
            await story(), house.keys.kms, partner, kid="1", key=key, valid_from=clock.real() - timedelta(minutes=1)
        )


async def someone(app: Litestar) -> Seeded:
    """Give an e-resident with a funded wallet whom no other test knows."""
    [found] = await residents(app, 1, start=ids.new().int % 10**9)
    return found


async def order(client: httpx.AsyncClient, me: Seeded, **more: object) -> httpx.Response:
    return await client.post("/v1/cards", json={"accepted_notice": NOTICE, **more}, headers=keyed(me.access_token))


async def ordered(client: httpx.AsyncClient, me: Seeded, **more: object) -> dict[str, Any]:
    answer = await order(client, me, **more)
    assert answer.status_code == 201, answer.text
    card: dict[str, Any] = answer.json()
    return card


async def number(client: httpx.AsyncClient, me: Seeded, card: dict[str, Any]) -> dict[str, str]:
    return await card_numbers.shown(client, me.access_token, card)


async def swipe(network: Network, shown: dict[str, str], tenge: int, **more: object) -> Purchase:
    said = {**{name: shown.get(name) for name in ("pan", "expiry", "cvv2")}, **more}
    return await network.swipe(Swipe(amount_minor=tenge * 100, merchant="Dostyk Books", **said))  # type: ignore[arg-type]  # the fields of Swipe


async def payments(client: httpx.AsyncClient, me: Seeded, card: dict[str, Any], language: str = "en") -> list[Any]:
    answer = await client.get(
        f"/v1/cards/{card['id']}/payments", headers=bearer(me.access_token, accept_language=language)
    )
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["payments"]
    return found


async def available(client: httpx.AsyncClient, me: Seeded) -> int:
    answer = await client.get("/v1/wallets/me", headers=bearer(me.access_token))
    minor: int = answer.json()["available"]["amount_minor"]
    return minor // 100


async def test_a_card_is_ordered_shown_and_listed(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await someone(app)

    answer = await order(client, me, limits={"per_day_max_minor": 50_000_00})

    card = answer.json()
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/cards/{card['id']}"
    assert answer.headers["etag"] == '"2"'
    assert (card["state"], card["accepted_notice"]) == ("active", NOTICE)
    assert card["limits"] == {**NO_LIMITS, "per_day_max_minor": 50_000_00}
    shown = await client.get(f"/v1/cards/{card['id']}", headers=bearer(me.access_token))
    assert (shown.json(), shown.headers["etag"]) == (card, '"2"')
    listed = await client.get("/v1/cards", headers=bearer(me.access_token))
    assert listed.json() == {"cards": [card], "next_cursor": None}


async def test_cards_are_listed_page_by_page(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await someone(app)
    cards = [await ordered(client, me) for _ in range(3)]

    first = (await client.get("/v1/cards?limit=2", headers=bearer(me.access_token))).json()
    rest = (
        await client.get(f"/v1/cards?limit=2&cursor={first['next_cursor']}", headers=bearer(me.access_token))
    ).json()

    assert [card["id"] for card in (*first["cards"], *rest["cards"])] == [card["id"] for card in reversed(cards)]
    assert rest["next_cursor"] is None


async def test_the_notice_speaks_the_callers_language(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await someone(app)

    answer = await client.get("/v1/cards/notice", headers=bearer(me.access_token, accept_language="kk"))

    assert (answer.json()["version"], answer.json()["language"]) == (NOTICE, "kk")
    assert "құмсалғышы" in answer.json()["text"]


async def test_an_order_refuses_in_words(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await someone(app)

    unread = await order(client, me, accepted_notice="sandbox-2025-9")
    for _ in range(5):
        await ordered(client, me)
    sixth = await order(client, me)

    assert (unread.status_code, unread.json()["code"]) == (409, "notice_not_accepted")
    assert NOTICE in unread.json()["detail"]
    assert (sixth.status_code, sixth.json()["code"]) == (409, "sandbox_cap")


async def test_limits_change_over_the_version_that_was_read(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await someone(app)
    card = await ordered(client, me, limits={"per_day_max_minor": 900_00})
    path, change = f"/v1/cards/{card['id']}", {"per_payment_max_minor": 100_00}

    blind = await client.patch(path, json=change, headers=bearer(me.access_token))
    stale = await client.patch(path, json=change, headers=bearer(me.access_token, if_match='"1"'))
    done = await client.patch(path, json=change, headers=bearer(me.access_token, if_match='"2"'))
    lifted = await client.patch(
        path, json={"per_day_max_minor": None}, headers=bearer(me.access_token, if_match=done.headers["etag"])
    )

    assert (blind.status_code, stale.status_code, done.status_code, lifted.status_code) == (428, 412, 200, 200)
    assert done.json()["limits"] == {**NO_LIMITS, "per_payment_max_minor": 100_00, "per_day_max_minor": 900_00}
    assert lifted.json()["limits"] == {**NO_LIMITS, "per_payment_max_minor": 100_00}
    assert lifted.headers["etag"] == '"4"'


async def test_a_card_is_frozen_unfrozen_and_closed(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await someone(app)
    card = await ordered(client, me)

    states = []
    for act in ("freeze", "freeze", "unfreeze", "close", "unfreeze"):
        answer = await client.post(f"/v1/cards/{card['id']}/{act}", headers=keyed(me.access_token))
        states.append(answer.json().get("frozen", answer.json().get("code")))

    assert states == [True, "card_state", False, False, "card_state"]
    shown = (await client.get(f"/v1/cards/{card['id']}", headers=bearer(me.access_token))).json()
    assert (shown["state"], shown["closed_for"]) == ("closed", "user")


async def test_a_card_of_somebody_else_is_not_found(app: Litestar, client: httpx.AsyncClient) -> None:
    card = await ordered(client, await someone(app))
    stranger = (await someone(app)).access_token
    path = f"/v1/cards/{card['id']}"

    answers = [
        await client.get(path, headers=bearer(stranger)),
        await client.get(f"{path}/payments", headers=bearer(stranger)),
        await client.patch(path, json={}, headers=bearer(stranger, if_match='"2"')),
        await client.post(f"{path}/reveals", json={"device_key": DeviceKey().public}, headers=keyed(stranger)),
        *[await client.post(f"{path}/{act}", headers=keyed(stranger)) for act in ("freeze", "unfreeze", "close")],
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "not_found")}


async def test_the_number_is_shown_to_its_holder_and_kept_nowhere_else(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    me = await someone(app)
    card = await ordered(client, me)

    shown = await number(client, me, card)

    assert Pan(shown["pan"]).last4 == card["last4"]
    assert card["expires_on"].startswith(shown["expiry"])
    assert not await numbers_outside_the_vault(app)


async def numbers_outside_the_vault(app: Litestar) -> list[str]:
    """Look for our range in every text and every stored answer of the house."""
    found = []
    async with app.state.house.report.connect() as connection:
        for table in ("cards.card", "cards.event", "cards.payment", "cards.element"):
            rows = await connection.scalars(text(f"SELECT row_to_json(t)::text FROM {table} AS t"))  # noqa: S608  literals above
            found += [row for row in rows if re.search(r"939801\d{10}", row)]
    async with app.state.house.worker.connect() as connection:
        stored = await connection.scalars(text("SELECT convert_from(body, 'UTF8') FROM app.idempotency"))
        found += [body for body in stored if re.search(r"939801\d{10}", body)]
    return found


async def test_a_purchase_is_authorised_and_cleared_whatever_the_network_repeats(
    app: Litestar, client: httpx.AsyncClient, network: Network
) -> None:
    me = await someone(app)
    card = await ordered(client, me)
    shown = await number(client, me, card)
    before = await available(client, me)

    bought = await swipe(network, shown, 4_500, repeat=5)
    assert (bought.heard[-1].approved, bought.heard[-1].code) == (True, "00")
    assert await available(client, me) == before - 4_500
    [pending] = await payments(client, me, card)
    assert (pending["status"], pending["promised"]["amount_minor"]) == ("pending", 4_500_00)

    await network.clear(bought, Step(repeat=5))

    [cleared] = await payments(client, me, card)
    assert not any(heard.conflicting for heard in bought.heard)
    assert (cleared["status"], cleared["taken"]["amount_minor"]) == ("cleared", 4_500_00)
    assert cleared["id"] == bought.heard[0].authorization_id == bought.heard[1].authorization_id
    assert await available(client, me) == before - 4_500
    assert not await numbers_outside_the_vault(app)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "not enough money"), ("ru", "недостаточно денег"), ("kk", "ақша жеткіліксіз")],
)
async def test_a_purchase_above_the_balance_is_declined_and_the_holder_reads_why(
    app: Litestar, client: httpx.AsyncClient, network: Network, language: str, words: str
) -> None:
    me = await someone(app)
    card = await ordered(client, me)
    before = await available(client, me)

    bought = await swipe(network, await number(client, me, card), before + 1)

    assert (bought.heard[-1].approved, bought.heard[-1].code) == (False, "51")
    assert await available(client, me) == before
    [declined] = await payments(client, me, card, language)
    assert declined["status"] == "declined"
    assert [reason["code"] for reason in declined["declined_for"]] == ["insufficient_funds"]
    assert words in declined["declined_for"][0]["text"]


async def test_what_is_given_up_is_spendable_again(app: Litestar, client: httpx.AsyncClient, network: Network) -> None:
    me = await someone(app)
    card = await ordered(client, me)
    before = await available(client, me)
    bought = await swipe(network, await number(client, me, card), 300)

    await network.reverse(bought, Step(amount_minor=100_00))
    assert await available(client, me) == before - 200

    await network.reverse(bought, Step(amount_minor=200_00))
    assert await available(client, me) == before
    assert (await payments(client, me, card))[0]["status"] == "reversed"


async def test_of_a_hundred_shops_that_want_all_of_it_one_gets_it(
    app: Litestar, client: httpx.AsyncClient, network: Network
) -> None:
    me = await someone(app)
    shown = await number(client, me, await ordered(client, me))
    everything = await available(client, me)

    bought = await asyncio.gather(*(swipe(network, shown, everything) for _ in range(100)))

    assert sum(purchase.heard[-1].approved for purchase in bought) == 1
    assert await available(client, me) == 0


async def test_payments_are_listed_page_by_page(app: Litestar, client: httpx.AsyncClient, network: Network) -> None:
    me = await someone(app)
    card = await ordered(client, me)
    shown = await number(client, me, card)
    for tenge in (1, 2, 3):
        await swipe(network, shown, tenge)
    path = f"/v1/cards/{card['id']}/payments?limit=2"

    first = (await client.get(path, headers=bearer(me.access_token))).json()
    rest = (await client.get(f"{path}&cursor={first['next_cursor']}", headers=bearer(me.access_token))).json()

    asked = [payment["asked"]["amount_minor"] for payment in (*first["payments"], *rest["payments"])]
    assert asked == [3_00, 2_00, 1_00]
    assert rest["next_cursor"] is None


async def test_a_number_of_nobody_is_declined(network: Network) -> None:
    for stranger in (draw().digits, "4111111111111111", "9398010000000000"):
        bought = await swipe(network, {"pan": stranger, "expiry": "2027-10"}, 1)

        assert (bought.heard[-1].approved, bought.heard[-1].code) == (False, "14")


async def test_a_promise_that_nobody_claims_ends(app: Litestar, client: httpx.AsyncClient, network: Network) -> None:
    me = await someone(app)
    card = await ordered(client, me)
    before = await available(client, me)
    bought = await swipe(network, await number(client, me, card), 300)
    house: House = app.state.house
    assert await work.lapse(house) == 0

    await forward(house, term.TERMS[0].absent)
    steps = await asyncio.gather(*(work.lapse(house) for _ in range(3)))

    assert max(steps) >= 1
    assert await work.lapse(house) == 0
    assert await available(client, me) == before
    assert (await payments(client, me, card))[0]["status"] == "expired"

    await network.clear(bought, Step())
    assert await available(client, me) == before - 300
    assert (await payments(client, me, card))[0]["status"] == "cleared"


async def forward(house: House, time: timedelta) -> None:
    async with db.transaction(house.api) as story:
        await (await story()).execute(text("UPDATE app.clock SET advanced_by = advanced_by + :time"), {"time": time})


async def test_only_the_network_named_in_the_address_is_believed(
    app: Litestar, client: httpx.AsyncClient, network: Network, tmp_path: Path
) -> None:
    (folder := tmp_path / "other").mkdir()
    await believe(app, "a-bank", Kind.BANK, SignedIssuer("a-bank", client, folder).public_key)
    shown = {"pan": draw().digits, "expiry": "2027-10"}

    heard = [
        (await swipe(Network(SignedIssuer(name, client, folder), folder), shown, 1)).heard[-1]
        for name in (name_of(network), "a-bank", "nobody")
    ]

    assert {(found.approved, found.code, found.reason) for found in heard} == {(False, "30", "unproved")}


async def test_nothing_unsigned_is_even_read(client: httpx.AsyncClient, network: Network) -> None:
    for kind in ("authorizations", "confirmations", "reversals", "clearings", "refunds"):
        answer = await client.post(
            f"/v1/networks/{name_of(network)}/{kind}", content=b"{", headers={"content-type": "application/json"}
        )

        assert (answer.status_code, answer.json()["code"]) == (401, "unproved")


async def test_another_message_under_a_name_already_used_is_refused(
    app: Litestar, client: httpx.AsyncClient, network: Network
) -> None:
    me = await someone(app)
    shown = await number(client, me, await ordered(client, me))
    bought = await swipe(network, shown, 100)
    bought.heard.clear()  # so that the network gives its next message the name of the first
    bought.swipe = Swipe(pan=shown["pan"], expiry=shown["expiry"], amount_minor=200_00, merchant="Dostyk Books")

    await network.ask(bought)

    assert (bought.heard[-1].code, bought.heard[-1].reason) == ("30", "idempotency_key_reused")
