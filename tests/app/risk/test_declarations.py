"""Where the money comes from: said by the resident, read by an officer, accepted or asked about."""

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import db
from app.house import House
from app.http.mobile import declarations
from kyc.risk.declaration import Ask
from tests.app.people import bearer, keyed
from tests.app.risk.relations import DECLARED, arrived, officers, worked

HERE = "/v1/identity/declarations"


@pytest.mark.asyncio
async def test_what_is_declared_is_kept_version_by_version_and_read_by_its_owner(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    person, other = await arrived(app, client), await arrived(app, client)
    first = await person.declare()
    second = await person.declare(occupation="owner", employer="Nebenan & Co")

    listed = await person.get(HERE)

    assert [(each["version"], each["occupation"], each["employer"]) for each in listed["declarations"]] == [
        (2, "owner", "Nebenan & Co"), (1, "employed", DECLARED["employer"])
    ]  # fmt: skip
    assert len(listed["bounds"]["turnover_most_minor"]) == 4
    assert second["employer"] is None, "the answer that is kept for repeats holds no words"
    assert (await person.get(f"{HERE}/{first['id']}"))["funds_explained"] == DECLARED["funds_explained"]
    stolen = await client.get(f"{HERE}/{first['id']}", headers=bearer(other.token))
    assert stolen.status_code == 404
    assert (await other.get(HERE))["declarations"] == []


@pytest.mark.asyncio
async def test_a_repeated_request_declares_once(app: Litestar, client: httpx.AsyncClient) -> None:
    person = await arrived(app, client)
    headers = keyed(person.token)

    one, other = [await client.post(HERE, json=DECLARED, headers=headers) for _ in range(2)]

    assert one.json() == other.json()
    assert len((await person.get(HERE))["declarations"]) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"residence": "QQQ"}, "declaration_country"),
        ({"papers": ["paper_06AVZR0TKB7Z8M2Q3R4S5T6V7W"]}, "declaration_papers"),
        ({"papers": ["card_06AVZR0TKB7Z8M2Q3R4S5T6V7W"]}, "not_found"),
        ({"funds": []}, "invalid_request"),
        ({"funds_amount": 6}, "invalid_request"),
        ({"band": "low"}, "invalid_request"),
    ],
)
async def test_what_can_not_be_declared_is_refused(
    app: Litestar, client: httpx.AsyncClient, changed: dict[str, object], code: str
) -> None:
    person = await arrived(app, client)

    answer = await client.post(HERE, json=DECLARED | changed, headers=keyed(person.token))

    assert answer.status_code in {400, 404, 422}
    assert answer.json()["code"] == code, answer.text


@pytest.mark.asyncio
async def test_an_officer_asks_for_more_and_then_accepts_and_the_person_reads_no_name(
    app: Litestar, client: httpx.AsyncClient, house: House
) -> None:
    person, (first, second) = await arrived(app, client), await officers(app, client)
    await person.scan()
    said = await person.declare(funds_amount=5, funds=["gift"])
    await worked(house)
    waiting = (await first.get("/v1/officer/declarations?limit=100"))["declarations"]
    assert said["id"] in {each["id"] for each in waiting}
    assert (await first.get(f"/v1/officer/declarations/{said['id']}"))["employer"] == DECLARED["employer"]
    before = (await first.risk(person))["assessments"][0]
    assert {"funds.hard_to_trace@1", "funds.large_without_papers@1"} <= {hit["rule"] for hit in before["hits"]}

    look = f"/v1/officer/declarations/{said['id']}/look"
    await first.post(look, outcome="more", asks=["funds_papers", "employer"])
    again = await client.post(look, json={"outcome": "accepted"}, headers=keyed(second.token))
    assert (again.status_code, again.json()["code"]) == (409, "declaration_looked_at")

    shown = await client.get(HERE, headers=bearer(person.token, accept_language="kk"))
    [asked] = shown.json()["declarations"]
    assert (asked["state"], [each["code"] for each in asked["asks"]]) == ("more", ["employer", "funds_papers"])
    assert "officer" not in shown.text
    assert "Қаражаттың" in shown.text
    await worked(house)
    told = [each["type"] for each in (await person.get("/v1/me/feed"))["events"]]
    assert [each for each in told if each.startswith("funds.")] == ["funds.declared", "funds.reviewed"]

    better = await person.declare()
    await second.post(f"/v1/officer/declarations/{better['id']}/look", outcome="accepted")
    await worked(house)
    after = (await first.risk(person))["assessments"][0]
    assert after["facts"]["declared"] == "accepted"
    assert after["score"] < before["score"]


@pytest.mark.asyncio
@pytest.mark.parametrize("body", [{"outcome": "more"}, {"outcome": "accepted", "asks": ["employer"]}])
async def test_asking_for_nothing_and_accepting_with_questions_are_no_answers(
    app: Litestar, client: httpx.AsyncClient, body: dict[str, object]
) -> None:
    person, (first, _) = await arrived(app, client), await officers(app, client)
    said = await person.declare()

    answer = await client.post(f"/v1/officer/declarations/{said['id']}/look", json=body, headers=keyed(first.token))

    assert answer.status_code == 422


@pytest.mark.asyncio
async def test_a_resident_accepts_nothing_of_their_own(app: Litestar, client: httpx.AsyncClient) -> None:
    person = await arrived(app, client)
    said = await person.declare()

    answer = await client.post(
        f"/v1/officer/declarations/{said['id']}/look", json={"outcome": "accepted"}, headers=keyed(person.token)
    )
    assert answer.status_code == 403

    async with db.transaction(app.state.house.api, holder=person.subject, audience="resident") as story:
        rows = await (await story()).scalars(text("SELECT resident FROM kyc.declaration"))
        assert set(rows) == {person.subject}, "row-level security shows one's own alone"


def test_there_are_words_in_three_languages_for_all_that_is_asked() -> None:
    texts = declarations._texts()  # noqa: SLF001  what is shown

    assert set(texts["asks"]) == {each.value for each in Ask}
    assert all(set(each) == {"kk", "ru", "en"} for kind in texts.values() for each in kind.values())
