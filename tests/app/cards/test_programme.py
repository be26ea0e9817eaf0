"""The card programme over HTTP: what holders set and see, what officers decide, one step of each."""

from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import ids, seed
from app.cards import campaigns
from app.house import House
from app.http import ids as outside
from app.seed import Seeded
from tests.app.people import bearer, keyed, residents, token
from tests.cards import made
from tests.partners.outside import rows

pytestmark = pytest.mark.asyncio
NOTICE = "sandbox-2026-1"
ADDRESS: dict[str, Any] = {
    "recipient": "ANNA SCHMIDT",
    "lines": ["Unter den Linden 5"],
    "city": "Berlin",
    "postcode": "10117",
    "country": "DE",
    "phone": "+4915112345678",
}
LIMITS = {"per_payment_max_minor": 500_00, "per_day_max_minor": 900_00, "per_month_max_minor": 5_000_00}


async def someone(app: Litestar) -> Seeded:
    [found] = await residents(app, 1, start=ids.new().int % 10**9)
    return found


class Caller:
    """Somebody with a token; `post` gives the answer's body where the status is as expected."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self.token = token

    async def get(self, path: str) -> Any:  # noqa: ANN401  a body
        answer = await self._client.get(path, headers=bearer(self.token))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: object = None, *, status: int = 201) -> Any:  # noqa: ANN401  a body
        answer = await self._client.post(path, json=body, headers=keyed(self.token))
        assert answer.status_code == status, answer.text
        return answer.json()

    async def put(self, path: str, body: object, *, etag: int | None = None, status: int = 200) -> Any:  # noqa: ANN401  a body
        headers = bearer(self.token, **({"if_match": f'"{etag}"'} if etag else {}))
        answer = await self._client.put(path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def card(self, **more: object) -> Any:  # noqa: ANN401  a body
        return await self.post("/v1/cards", {"accepted_notice": NOTICE, **more})


async def mine(app: Litestar, client: httpx.AsyncClient) -> Caller:
    return Caller(client, (await someone(app)).access_token)


async def officers(app: Litestar, client: httpx.AsyncClient) -> tuple[Caller, Caller]:
    one, two = [Caller(client, await token(app, "officer", of=each)) for each in seed.OFFICERS]
    return one, two


async def test_anybody_reads_the_programme_and_its_notice(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/card-programme")

    shown = answer.json()
    assert answer.status_code == 200
    assert (shown["phase"], shown["notice_version"], shown["issues_cards"]) == ("sandbox", NOTICE, True)
    assert set(shown["notice"]) == {"en", "ru", "kk"}
    assert "7995" in shown["denied_categories"]


async def test_what_a_holder_permits_is_set_over_the_version_that_was_read(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    me = await mine(app, client)
    card = await me.card()
    path = f"/v1/cards/{card['id']}"
    wanted = {"countries": {"only": ["KZ", "DE"]}, "operations": {"never": ["cash"]}}

    stale = await me.put(f"{path}/controls", {"controls": wanted}, etag=1, status=412)
    narrow = await me.put(f"{path}/controls", {"controls": wanted}, etag=2)
    trip = {"countries": ["FR"], "begins_on": "2026-12-20", "ends_on": "2027-01-10"}
    travelling = await me.put(f"{path}/trips", {"trips": [trip]}, etag=3)
    backwards = await me.put(f"{path}/trips", {"trips": [trip | {"ends_on": "2026-12-19"}]}, etag=4, status=422)
    wide = await me.put(f"{path}/controls", {"controls": {}}, etag=4)

    assert stale["code"] == "precondition_failed"
    assert narrow["controls"]["countries"] == {"only": ["DE", "KZ"], "never": []}
    assert narrow["controls"]["operations"] == {"only": None, "never": ["cash"]}
    assert travelling["trips"] == [trip]
    assert backwards["code"]
    assert wide["controls"] == card["controls"]


async def test_a_plastic_card_comes_by_post_and_who_looked_at_the_address_is_told(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    me, (officer, _) = await mine(app, client), await officers(app, client)
    homeless = await client.post(
        "/v1/cards", json={"accepted_notice": NOTICE, "form": "plastic"}, headers=keyed(me.token)
    )
    card = await me.card(form="plastic", address=ADDRESS)
    work = f"/v1/officer/cards/{card['id']}"

    waiting = (await officer.get("/v1/officer/card-parcels?limit=100"))["parcels"]
    [seen] = (await officer.get(f"{work}/parcels"))["parcels"]
    states = [
        (await officer.post(f"{work}/parcel-acts", act, status=200))["state"]
        for act in (
            {"act": "personalise"},
            {"act": "ship", "carrier": "kazpost", "tracking": "RR123456785KZ"},
            {"act": "deliver"},
        )
    ]
    [parcel] = (await me.get(f"/v1/cards/{card['id']}/parcels"))["parcels"]
    active = await me.post(f"/v1/cards/{card['id']}/activate", status=200)
    looks = await me.get("/v1/me/access-log")

    assert homeless.status_code in {400, 422}
    assert card["id"] in {each["card"] for each in waiting}
    assert seen["address"] == parcel["address"] == ADDRESS
    assert states == ["personalising", "shipped", "inactive"]
    assert (parcel["state"], parcel["carrier"], parcel["tracking"]) == ("delivered", "kazpost", "RR123456785KZ")
    assert active["state"] == "active"
    assert [each["sees"] for each in looks["accesses"]].count("contact") == 2


async def test_a_lost_card_is_replaced_and_its_child_stays(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await mine(app, client)
    card = await me.card()
    child = {"name": "MIA SCHMIDT", "born_on": "2015-06-01"}
    body = {"child": child, "limits": LIMITS, "accepted_notice": NOTICE}

    kid = await me.post(f"/v1/cards/{card['id']}/children", body)
    grown = await me.post(
        f"/v1/cards/{card['id']}/children", body | {"child": child | {"born_on": "1990-01-01"}}, status=422
    )
    rich = await me.post(
        f"/v1/cards/{card['id']}/children", body | {"limits": LIMITS | {"per_day_max_minor": 10**9}}, status=422
    )
    heir = await me.post(f"/v1/cards/{card['id']}/replacement", {"reason": "lost"})
    kept = await me.get(f"/v1/cards/{kid['id']}")
    patched = await client.patch(
        f"/v1/cards/{kid['id']}",
        json={"per_payment_max_minor": None},
        headers=bearer(me.token, if_match=f'"{kept["version"]}"'),
    )

    assert kid["child_of"] == card["id"]
    assert "MIA" not in str(kid)
    assert await me.get(f"/v1/cards/{kid['id']}/bearer") == child
    assert [grown["code"], rich["code"], patched.json()["code"]] == [
        "not_a_child",
        "above_minor_limit",
        "above_minor_limit",
    ]
    assert (heir["replaces"], heir["state"], kept["child_of"]) == (card["id"], "active", heir["id"])
    assert (await me.get(f"/v1/cards/{card['id']}"))["closed_for"] == "lost"


async def test_an_officer_suspends_what_the_holder_cannot_lift(app: Litestar, client: httpx.AsyncClient) -> None:
    me, (officer, _) = await mine(app, client), await officers(app, client)
    card = await me.card()
    work = f"/v1/officer/cards/{card['id']}"

    flagged = await officer.post(f"{work}/risk-suspension", {"reason": "compromised"}, status=200)
    await officer.post(f"{work}/regulator-suspension", {"reason": "court_order"}, status=200)
    await me.post(f"/v1/cards/{card['id']}/freeze", status=200)
    thawed = await me.post(f"/v1/cards/{card['id']}/unfreeze", status=200)
    another = await me.post("/v1/cards", {"accepted_notice": NOTICE}, status=409)
    lifted = await officer.post(f"{work}/risk-suspension/lift", status=200)
    again = await officer.post(f"{work}/risk-suspension/lift", status=409)
    found = await officer.get(f"/v1/officer/residents/{flagged['resident']}/cards")

    assert thawed["suspended_by"] == ["regulator", "risk"]
    assert (thawed["frozen"], another["code"], again["code"]) == (False, "cards_suspended", "card_not_suspended")
    assert lifted["suspensions"] == [{"owner": "regulator", "reason": "court_order"}]
    assert [each["id"] for each in found["cards"]] == [card["id"]]


async def test_an_exemption_by_two_officers_makes_the_next_card_last_longer(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    person, (officer, other) = await someone(app), await officers(app, client)
    me = Caller(client, person.access_token)
    wanted = {
        "resident": outside.show("resident", person.subject),
        "reason": "investor",
        "evidence": "CASE-2026-1",
    }

    proposed = await officer.post("/v1/officer/card-exemptions", wanted)
    before = await me.card()
    decision = f"/v1/officer/card-exemptions/{proposed['id']}/decision"
    alone = await officer.post(decision, {"agree": True}, status=409)
    await other.post(decision, {"agree": True}, status=200)
    after = await me.card()
    listed = await officer.get("/v1/officer/card-exemptions")
    await officer.post(f"/v1/officer/card-exemptions/{proposed['id']}/end", status=200)
    last = await me.card()

    assert alone["code"] == "same_person"
    assert proposed["id"] in {each["id"] for each in listed["exemptions"]}
    assert (before["exemption"], after["exemption"], last["exemption"]) == (None, "investor", None)
    assert before["expires_on"] == last["expires_on"] < after["expires_on"]


async def test_an_officer_lists_merchants_and_persons(app: Litestar, client: httpx.AsyncClient) -> None:
    officer, _ = await officers(app, client)
    person = {"listing": "self_restricted", "issuer": "DEU", "number": "C01X00T47"}

    merchant = await officer.post("/v1/officer/listed-merchants", {"merchant": "M-666", "reason": "illegal_gambling"})
    twice = await officer.post("/v1/officer/listed-merchants", {"merchant": "M-666", "reason": "fraud"}, status=409)
    listed = await officer.post("/v1/officer/listed-persons", person)
    found = await officer.get("/v1/officer/listed-persons")
    shown = await officer.get("/v1/officer/listed-merchants")
    for each in (merchant, listed):
        await officer.post(f"/v1/officer/card-listings/{each['id']}/end", status=200)
    gone = await officer.post(f"/v1/officer/card-listings/{listed['id']}/end", status=404)

    assert (twice["code"], gone["code"]) == ("already_listed", "not_found")
    assert listed in found["persons"]
    assert "C01X00T47" not in str(found)
    assert merchant in shown["merchants"]
    assert (await officer.get("/v1/officer/listed-merchants"))["merchants"] == []


async def test_cards_of_an_older_basis_move_to_that_of_today(
    app: Litestar, client: httpx.AsyncClient, house: House, database: str
) -> None:
    me, (officer, other) = await mine(app, client), await officers(app, client)
    card, old = await me.card(), f"NBK-SANDBOX-{ids.new()}"
    async with made.owner(database) as connection:
        await connection.execute(text(_OLDER), {"card": outside.parse("card", card["id"]), "basis": old})

    planned = await officer.post("/v1/officer/card-campaigns", {"kind": "migration", "basis": old})
    acts = f"/v1/officer/card-campaigns/{planned['id']}/acts"
    alone = await officer.post(acts, {"act": "approve"}, status=409)
    await other.post(acts, {"act": "approve"}, status=200)
    while await campaigns.step(house):
        pass
    status = await officer.get("/v1/officer/card-programme")
    [done] = [each for each in status["campaigns"] if each["id"] == planned["id"]]
    moved = await me.get(f"/v1/cards/{card['id']}")
    nowhere = await officer.post(
        "/v1/officer/card-campaigns", {"kind": "migration", "basis": status["basis"]}, status=422
    )

    assert (planned["state"], alone["code"]) == ("proposed", "same_person")
    assert (done["state"], done["moved"], done["waiting"]) == ("done", 1, 0)
    assert moved["issuance_basis"] == status["basis"] != old
    assert nowhere["code"] == "basis_not_in_force"
    [counted] = await rows(house, "SELECT alive, holders FROM cards.circulation")
    assert (status["cards"], status["holders"]) == (counted.alive, counted.holders)


async def test_a_notice_is_accepted_once(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await mine(app, client)

    before = await me.get("/v1/cards/notice")
    unread = await me.post("/v1/cards/notice/acceptances", {"version": "other"}, status=409)
    first = await me.post("/v1/cards/notice/acceptances", {"version": NOTICE})
    accepted = (await me.get("/v1/cards/notice"))["accepted_at"]
    await me.post("/v1/cards/notice/acceptances", {"version": NOTICE})

    assert before["accepted_at"] is None
    assert (unread["code"], first) == ("notice_not_accepted", {"version": NOTICE, "moved": 0})
    assert (await me.get("/v1/cards/notice"))["accepted_at"] == accepted


_OLDER = """
    INSERT INTO cards.change
    SELECT older.* FROM cards.change CROSS JOIN LATERAL jsonb_populate_record(
        change, jsonb_build_object('version', change.version + 1, 'issuance_basis', CAST(:basis AS text))
    ) AS older WHERE change.card = :card ORDER BY change.version DESC LIMIT 1
"""
