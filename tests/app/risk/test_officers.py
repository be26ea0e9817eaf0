"""Rules of risk over HTTP, two officers by two; and who looked at whose data can be read by the person, later."""

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import access, db
from app.house import House
from tests.app.people import bearer, keyed, token
from tests.app.risk.relations import RISK_RULE, Person, arrived, officers, worked

pytestmark = pytest.mark.asyncio

RULES = "/v1/officer/risk-rules"


async def refused(officer: Person, path: str, **body: object) -> tuple[int, str]:
    answer = await officer.client.post(path, json=body, headers=keyed(officer.token))
    return answer.status_code, answer.json()["code"]


async def test_a_rule_is_drafted_tried_agreed_to_and_found_again_where_it_applied(
    app: Litestar, client: httpx.AsyncClient, house: House
) -> None:
    (first, second), person = await officers(app, client), await arrived(app, client)
    drafted = await first.post(RULES, rule="test.over_http", body=RISK_RULE | {"points": 40})
    steps = f"/v1/officer/risk-rule-versions/{drafted['id']}/steps"
    assert (drafted["state"], drafted["version"]) == ("draft", 1)
    assert await refused(second, steps, to="active") == (409, "rule_state")
    await second.post(steps, to="shadow")
    await person.scan()
    await person.declare(residence="YEM")
    await worked(house)

    watched, *_ = (await first.get(f"/v1/officer/risk-rule-versions/{drafted['id']}/results"))["results"]
    assert (watched["shadow"], watched["resident"]) == (True, person.id)
    assert watched["because"][0]["value"] == "monitored"
    before = (await first.risk(person))["assessments"][0]
    assert await refused(first, steps, to="active") == (409, "same_officer")
    await second.post(steps, to="active")
    await person.declare(residence="YEM")
    await worked(house)

    after = (await first.risk(person))["assessments"][0]
    assert after["score"] == before["score"] + 40
    assert "test.over_http@1" in after["rules"]
    await first.post(steps, to="retired")
    assert (await first.get(f"/v1/officer/risk-rule-versions/{drafted['id']}"))["state"] == "retired"
    assert "test.over_http" in {each["rule"] for each in (await first.get(RULES))["versions"]}


async def test_a_rule_is_tried_on_the_past_by_the_worker(
    app: Litestar, client: httpx.AsyncClient, house: House
) -> None:
    (first, _), person = await officers(app, client), await arrived(app, client)
    await person.scan()
    await worked(house)
    drafted = await first.post(RULES, rule="test.backtested", body=RISK_RULE)
    path = f"/v1/officer/risk-rule-versions/{drafted['id']}/backtests"
    asked = await first.post(path, since="2026-01-01T00:00:00Z", until="2026-06-01T00:00:00Z")
    assert asked["report"] is None
    assert await refused(first, path, since="2026-01-01T00:00:00Z", until="2099-01-01T00:00:00Z") == (
        422, "risk_backtest_period"
    )  # fmt: skip

    await worked(house)

    done = await first.get(f"/v1/officer/risk-rule-backtests/{asked['id']}")
    assert (done["report"]["assessments"], len(done["sha256"])) == (0, 64)
    assert (await first.get(path))["backtests"] == [done]


@pytest.mark.parametrize(
    "changed",
    [
        {"points": 0},
        {"spares": {"residence_listing": "monitored"}},
        {"applies_to": {}},
        {"since": "2026-11-22", "until": "2026-11-22"},
    ],
)
async def test_a_rule_that_fails_its_own_test_is_not_drafted(
    app: Litestar, client: httpx.AsyncClient, changed: dict[str, object]
) -> None:
    first, _ = await officers(app, client)

    assert await refused(first, RULES, rule="test.fails", body=RISK_RULE | changed) == (422, "rule_fails_its_test")


async def test_only_who_has_the_duty_sees_how_anybody_is_judged(app: Litestar, client: httpx.AsyncClient) -> None:
    person = await arrived(app, client)
    viewer = await token(app, "officer", scopes=frozenset({"officer:read"}))

    for held in (person.token, viewer):
        for path in (RULES, f"/v1/officer/residents/{person.id}/risk", "/v1/officer/risk-overrides"):
            assert (await client.get(path, headers=bearer(held))).status_code == 403, path


async def test_each_look_leaves_its_row_which_is_shown_later(
    app: Litestar, client: httpx.AsyncClient, house: House
) -> None:
    (first, second), person = await officers(app, client), await arrived(app, client)
    await person.scan()
    said = await person.declare()
    await worked(house)
    await first.post(
        "/v1/officer/risk-overrides",
        resident=person.id, what="band", band="low", reason="known_better", days=90, note="met",
    )  # fmt: skip
    assert await _newest(house, person) == ("proposeRiskOverride", access.DELAY)
    await second.post(f"/v1/officer/declarations/{said['id']}/look", outcome="accepted")

    [judged, *_] = (await first.risk(person))["assessments"]
    for operation, path in (
        ("readRiskAssessment", f"/v1/officer/risk-assessments/{judged['id']}"),
        ("readResidentRisk", f"/v1/officer/residents/{person.id}/risk"),
        ("readResidentExposure", f"/v1/officer/residents/{person.id}/exposure"),
        ("readDeclaration", f"/v1/officer/declarations/{said['id']}"),
    ):
        await first.get(path)
        assert await _newest(house, person) == (operation, access.DELAY)
    assert {each["role"] for each in (await person.get("/v1/me/access-log"))["accesses"]} <= {"service"}


@pytest.mark.parametrize(
    "body",
    [
        {"what": "band"},
        {"what": "band", "band": "low", "entity": "office-1"},
        {"what": "pep", "band": "low"},
        {"what": "media"},
    ],
)
async def test_an_override_is_of_a_band_or_of_a_match(
    app: Litestar, client: httpx.AsyncClient, body: dict[str, object]
) -> None:
    (first, _), person = await officers(app, client), await arrived(app, client)
    wanted = body | {"resident": person.id, "reason": "stricter", "days": 90}

    answer = await client.post("/v1/officer/risk-overrides", json=wanted, headers=keyed(first.token))

    assert answer.status_code == 422, answer.text


async def _newest(house: House, person: Person) -> tuple[str, object]:
    query = text(
        "SELECT operation, shown_from - at AS delay FROM app.access WHERE person = :me AND actor LIKE 'officer:%'"
        " ORDER BY id DESC LIMIT 1"
    )
    async with db.transaction(house.report) as story:
        row = (await (await story()).execute(query, {"me": person.subject})).one()
    return row.operation, row.delay
