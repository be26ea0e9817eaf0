"""Limits over HTTP: each is explained, lowered at once, raised after a day, and tried before a payment."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import allowance, db, ids
from app.limiting import opening, own
from app.limiting.opening import Missing, NotIdentifiedYet, missing
from app.limiting.own import Own, OwnLimitMoved
from app.limits import Quotas
from app.seed import Seeded
from app.settings import Settings
from kyc.standing import Standing
from tests.app.applicants import newcomer
from tests.app.people import bearer, keyed, residents, send, token, wallet
from tests.partners.investors import Investor, investor
from tests.wallet.ledgers import forward
from wallet.limit import Level

pytestmark = pytest.mark.asyncio

Json = dict[str, Any]


async def limits(client: httpx.AsyncClient, token: str, **headers: str) -> dict[str, Json]:
    answer = await client.get("/v1/limits", headers=bearer(token, **headers))
    assert answer.status_code == 200, answer.text
    return {each["name"]: each for each in answer.json()["limits"]}


async def lower(client: httpx.AsyncClient, token: str, name: str, minor: int | None) -> httpx.Response:
    return await client.put(f"/v1/limits/{name}", json={"most_minor": minor}, headers=bearer(token))


async def tried(client: httpx.AsyncClient, token: str, minor: int, operation: str = "transfer") -> Json:
    query = {"operation": operation, "amount_minor": str(minor)}
    answer = await client.get("/v1/limits/preflight", params=query, headers=bearer(token))
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def test_each_limit_says_how_much_by_which_rule_and_what_is_left(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    me, payee = await residents(app, 2, start=8_201)
    assert (await send(client, me, payee, 1_000)).status_code == 201

    day = (await limits(client, me.access_token))["transfers.day"]

    assert [day[part]["amount_minor"] for part in ("most", "used", "left")] == [20_000_000_00, 1_000_00, 19_999_000_00]
    assert (day["rule"]["name"], day["rule"]["state"]) == ("operator.transfers.day_max", "in_force")
    assert day["rule"]["source"]
    assert day["resets_at"].endswith("T19:00:00Z")
    assert [way["code"] for way in day["how_to_raise"]] == ["nothing"]


async def test_a_limit_speaks_the_callers_language(app: Litestar, client: httpx.AsyncClient) -> None:
    [me] = await residents(app, 1, start=8_201)

    titles = [
        (await limits(client, me.access_token, accept_language=tag))["cards.day"]["title"] for tag in ("ru", "kk")
    ]

    assert titles == ["Платежи картой, в день", "Карта төлемдері, күніне"]


async def test_a_newcomer_hears_the_three_mci_and_how_to_get_beyond(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await newcomer(app, client)

    answer = await me.get("/v1/limits")
    found = {each["name"]: each for each in answer["limits"]}

    assert (answer["level"], answer["lacks"]) == ("unidentified", ["document", "e_residency"])
    for name in ("spending.operation", "spending.day", "stored.balance"):
        assert found[name]["most"]["amount_minor"] == 12_975_00
        assert found[name]["rule"]["in_force_on"] == "2026-03-18"
        assert [way["code"] for way in found[name]["how_to_raise"]] == ["identify"]
    assert [way["code"] for way in found["transfers.day"]["how_to_raise"]] == ["e_residency"]


async def test_a_wallet_opens_only_after_identification(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await newcomer(app, client)

    refused = await me.post("/v1/wallets")

    assert (refused.status_code, refused.json()["code"]) == (403, "not_e_resident")


async def test_whose_document_has_run_out_opens_none_and_spends_less(app: Litestar) -> None:
    """Seeded documents run out on 31 October 2036."""
    [me] = await residents(app, 1, start=8_201)
    before, after = (datetime(2036, month, 1, 12, tzinfo=UTC) for month in (10, 11))
    async with db.transaction(app.state.house.api, holder=me.subject, audience="resident") as story:
        connection = await story()

        await opening.require(connection, me.subject, before)
        with pytest.raises(NotIdentifiedYet) as refused:
            await opening.require(connection, me.subject, after)

        assert refused.value.missing is Missing.DOCUMENT_IN_FORCE
        for now, level in ((before, Level.IDENTIFIED), (after, Level.SIMPLIFIED)):
            found = await allowance.facts(connection, now, spenders={me.subject})
            assert found[me.subject].profile == (level, True)


@pytest.mark.parametrize(
    ("outcome", "level"),
    [("review", Level.IDENTIFIED), ("refused", Level.UNIDENTIFIED), ("identified", Level.IDENTIFIED)],
)
async def test_a_second_look_freezes_nobody_in_silence(app: Litestar, outcome: str, level: Level) -> None:
    [me] = await residents(app, 1, start=8_201)
    later = text(
        "INSERT INTO kyc.decision (document, version, resident, outcome, reasons, rule_version, actor, at)"
        " SELECT id, 9, resident, :outcome, CAST(:reasons AS text[]), 'test', 'system:test', now() FROM kyc.document"
        " WHERE resident = :me"
    )
    reasons = [] if outcome == "identified" else ["person.screening"]
    story = db.Story(app.state.house.api, holder=me.subject, audience="service")
    connection = await story()
    await connection.execute(later, {"outcome": outcome, "reasons": reasons, "me": me.subject})

    found = await allowance.facts(connection, story.now, spenders={me.subject})

    await story.abandon()
    assert found[me.subject].profile.level is level


EXPIRES = date(2030, 1, 1)


@pytest.mark.parametrize(
    ("known", "e_resident", "lacks"),
    [
        (Standing(identified=True, document_expires=EXPIRES), True, ()),
        (Standing(identified=True, document_expires=EXPIRES), False, (Missing.E_RESIDENCY,)),
        (Standing(identified=False), True, (Missing.DOCUMENT,)),
        (Standing(identified=False), False, (Missing.DOCUMENT, Missing.E_RESIDENCY)),
        (Standing(identified=False, outcome="refused"), True, (Missing.DOCUMENT_ACCEPTED,)),
        (Standing(identified=False, outcome="review"), True, (Missing.DOCUMENT_DECIDED,)),
        (Standing(identified=False, outcome="expired"), True, (Missing.DOCUMENT_IN_FORCE,)),
    ],
)
async def test_the_opening_rule_names_what_lacks(
    known: Standing,
    e_resident: bool,
    lacks: tuple[Missing, ...],
) -> None:
    assert missing(known, e_resident=e_resident) == lacks


async def test_ones_own_limit_holds_at_once_and_rises_after_a_day_and_the_passkey(
    app: Litestar, settings: Settings, database: str
) -> None:
    async with investor(app, settings, 8_211) as mine:
        phone, name = mine.phone, "transfers.operation"
        [payee] = await residents(app, 1, start=8_201)
        lowered = await phone.call("PUT", f"/v1/limits/{name}", body={"most_minor": 500_00})
        assert (lowered.json()["most"]["amount_minor"], lowered.json()["own"]["raises_at"]) == (500_00, None)
        assert await _sent(mine, payee, 501) == "limit_reached"

        bare = await phone.call("PUT", f"/v1/limits/{name}", body={"most_minor": 900_00})
        assert bare.json()["code"] == "step_up_required"
        shown = {"limit": name, "currency": "KZT", "from_minor": 500_00, "to_minor": 900_00}
        body = {"most_minor": 900_00, "step_up": await phone.step_up("limit.raise", shown)}
        raising = (await phone.call("PUT", f"/v1/limits/{name}", body=body)).json()
        again = (await phone.call("PUT", f"/v1/limits/{name}", body={"most_minor": 900_00})).json()
        assert (raising["own"], raising["most"]["amount_minor"]) == (again["own"], 500_00)
        assert await _sent(mine, payee, 501) == "limit_reached"

        await forward(database, timedelta(hours=24))
        try:
            found = {each["name"]: each for each in (await phone.get("/v1/limits"))["limits"]}
            assert found[name]["most"]["amount_minor"] == 900_00
            assert [way["code"] for way in found[name]["how_to_raise"]] == ["own"]
            assert await _sent(mine, payee, 501) is None
            kinds = "SELECT kind FROM app.event WHERE holder = :holder AND kind LIKE 'limit.%' ORDER BY seq"
            async with db.transaction(app.state.house.report) as story:
                rows = await (await story()).scalars(text(kinds), {"holder": mine.resident})
                assert list(rows) == ["limit.lowered", "limit.raising"]
        finally:
            await forward(database, timedelta(hours=-24))


async def _sent(mine: Investor, payee: Seeded, tenge: int) -> str | None:
    """Send money with the passkey; answers why not."""
    key, to = str(ids.new()), wallet(payee)
    shown = {"payee": to, "amount_minor": tenge * 100, "currency": "KZT", "idempotency_key": key}
    body = {
        "to": to,
        "amount": {"amount_minor": tenge * 100, "currency": "KZT"},
        "step_up": await mine.phone.step_up("transfer.send", shown),
    }
    answer = await mine.phone.call("POST", "/v1/transfers", body=body, key=key)
    code: str | None = answer.json().get("code")
    return code


async def test_taking_a_raise_back_is_free(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await token(app, "resident")
    assert (await lower(client, me, "cards.day", 100_00)).status_code == 200
    assert (await lower(client, me, "cards.day", None)).json()["own"]["raises_at"] is not None

    kept = (await lower(client, me, "cards.day", 100_00)).json()

    assert kept["own"] == {"most": {"amount_minor": 100_00, "currency": "KZT"}, "raises_at": None, "raises_to": None}


async def test_nobody_holds_a_lane_for_what_is_not_stored(app: Litestar, client: httpx.AsyncClient) -> None:
    """A batch holds the lane all the while: who waited for it would be refused in the end."""
    [who] = await residents(app, 1, start=8_202)
    me = who.access_token
    assert (await lower(client, me, "transfers.month", 100_00)).status_code == 200

    async with app.state.house.posting.begin() as batch:
        await batch.execute(text("SELECT FROM wallet.lane FOR NO KEY UPDATE"))
        asked = (("transfers.month", 100_00), ("cards.day", 10_000_000_00), ("cards.decade", 5))
        answers = [await lower(client, me, name, minor) for name, minor in asked]

    said = [answer.json().get("code", answer.status_code) for answer in answers]
    assert said == [200, "not_lower", "unknown_limit"]


async def test_of_two_who_set_a_limit_at_once_the_second_looks_again(app: Litestar) -> None:
    house, holder, name = app.state.house, ids.new(), "cards.day"
    async with db.transaction(house.api, holder=holder, audience="resident") as story:
        connection = await story()
        at, actor = story.now, f"resident:{holder}"
        first, second = [own.decide(Own(), minor, at) for minor in (200_00, 100_00)]

        await own.store(connection, holder, name, before=Own(), made=first, actor=actor, at=at)
        with pytest.raises(OwnLimitMoved):
            await own.store(connection, holder, name, before=Own(), made=second, actor=actor, at=at)

        assert (await own.of(connection, holder))[name].minor == 200_00


async def test_setting_limits_is_counted_per_person(app: Litestar) -> None:
    [handler] = [
        handler
        for route in app.routes
        for handler in getattr(route, "route_handlers", [])
        if handler.operation_id == "setOwnLimit"
    ]

    policy = Quotas(6_000).of(handler.opt)

    assert (policy.name, policy.quota, policy.window_s) == ("own-limits", 30, 600)


@pytest.mark.parametrize(
    ("name", "minor", "code"),
    [
        ("cards.day", 10_000_000_00, "not_lower"),
        ("stored.balance", 5, "unknown_limit"),
        ("cards.decade", 5, "unknown_limit"),
    ],
)
async def test_what_cannot_be_set_is_named(
    app: Litestar, client: httpx.AsyncClient, name: str, minor: int, code: str
) -> None:
    assert (await lower(client, await token(app, "resident"), name, minor)).json()["code"] == code


async def test_a_preflight_names_everything_that_would_stop_a_payment(app: Litestar, client: httpx.AsyncClient) -> None:
    [me] = await residents(app, 1, start=8_201)

    assert await tried(client, me.access_token, 100) == {"passes": True, "stops": []}
    much = await tried(client, me.access_token, 30_000_000_00)

    assert [(stop["code"], stop["limit"]) for stop in much["stops"]] == [
        ("limit_reached", "transfers.operation"),
        ("limit_reached", "transfers.day"),
        ("insufficient_funds", None),
    ]
    stranger = await newcomer(app, client)
    assert [stop["code"] for stop in (await tried(client, stranger.token, 100))["stops"]] == ["no_wallet"]


async def test_what_is_refused_counts_nothing(app: Litestar, client: httpx.AsyncClient) -> None:
    payee, me = await residents(app, 2, start=8_201)
    body = {"to": "wallet_06AVZR0TKB7Z8M2Q3R4S5T6V7W", "amount": {"amount_minor": 100}}
    await client.post("/v1/transfers", json=body, headers=keyed(me.access_token))
    assert (await send(client, me, payee, 2_000_000)).json()["code"] == "insufficient_funds"

    assert (await limits(client, me.access_token))["spending.day"]["used"]["amount_minor"] == 0
