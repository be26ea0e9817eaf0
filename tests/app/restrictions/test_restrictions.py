"""Restrictions over HTTP: two officers impose, the person is told and answers, a third officer hears the appeal."""

import asyncio
from datetime import datetime
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app import db, worker
from app.house import House
from app.http import ids
from app.restrictions import overdue, restriction
from tests.app.people import bearer, keyed, residents, send
from tests.app.restrictions.people import Bureau, bureau, days_later
from tests.partners import outside

pytestmark = pytest.mark.asyncio

EVENTS = """
    SELECT kind FROM app.event WHERE holder = :holder AND kind LIKE 'restriction.%' ORDER BY seq
"""


async def told(house: House, about: Bureau) -> list[str]:
    return [row.kind for row in await outside.rows(house, EVENTS, holder=about.who.subject)]


async def stopped(of: Bureau, app: Litestar) -> tuple[int, str | None]:
    """Try to send money."""
    [payee] = await residents(app, 1, start=8_000)
    answer = await send(of.client, of.who, payee, 10)
    return answer.status_code, answer.json().get("code")


async def test_from_a_suspicion_to_the_end_of_it(app: Litestar, client: httpx.AsyncClient) -> None:
    of, house = await bureau(app, client, 8_001), app.state.house

    proposed = await of.proposes("suspicious_report", note="fits no income")
    assert await of.mine() == {"works": [*OPERATIONS], "restrictions": []}
    assert (await stopped(of, app))[0] == 201

    await of.decides(proposed)
    [shown] = (await of.mine())["restrictions"]
    assert (shown["reason"], shown["state"], shown["appeal_to"]) == ("legal_review", "in_force", "operator")
    assert ((await of.mine())["works"], shown["works"]) == (["receive"], ["receive"])
    await days_later(house, of.who.subject)
    assert (await of.mine())["works"] == ["payout_own", "receive"]
    assert await stopped(of, app) == (403, "restricted")

    await of.says(shown["id"], "responses", "It is my salary.")
    appealed = await of.says(shown["id"], "appeals", "Nobody asked me.")
    file = await of.get(of.third, f"/v1/officer/restrictions/{shown['id']}")
    assert [each["text"] for each in (*file["responses"], *file["appeals"])] == ["It is my salary.", "Nobody asked me."]
    assert (file["acts"][0]["cause"], file["acts"][0]["note"]) == ("suspicious_report", "fits no income")

    path = f"/v1/officer/appeals/{appealed['id']}/decision"
    for imposer in (of.first, of.second):
        assert (await of.post(imposer, path, {"outcome": "granted"}, 409))["code"] == "same_officer"
    await of.post(of.third, path, {"outcome": "granted", "note": "salary shown"}, 200)

    [over] = (await of.mine())["restrictions"]
    assert (over["state"], over["appeals"][0]["outcome"]) == ("lifted", "granted")
    assert [over["responses"][0]["text"], over["appeals"][0]["text"]] == ["It is my salary.", "Nobody asked me."]
    assert (await stopped(of, app))[0] == 201
    assert await told(house, of) == [
        "restriction.imposed",
        "restriction.responded",
        "restriction.appealed",
        "restriction.appeal_decided",
        "restriction.lifted",
    ]


OPERATIONS = ["transfer", "payout", "payout_own", "exchange", "card", "invest", "receive"]


async def test_an_appeal_that_is_not_granted_leaves_it_and_another_may_follow(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    of = await bureau(app, client)
    standing = await of.restricts("fraud_reported")
    appealed = await of.says(standing, "appeals", "It was me.")
    assert (await of.says(standing, "appeals", "It was me!", 409))["code"] == "appeal_open"

    path = f"/v1/officer/appeals/{appealed['id']}/decision"
    await of.post(of.third, path, {"outcome": "upheld"}, 200)

    assert (await of.post(of.third, path, {"outcome": "granted"}, 404))["code"] == "not_found"
    assert (await of.mine())["restrictions"][0]["state"] == "in_force"
    await of.says(standing, "appeals", "Again.")


async def test_against_an_order_the_operator_hears_no_appeal(app: Litestar, client: httpx.AsyncClient) -> None:
    of = await bureau(app, client)
    standing = await of.restricts("court_arrest")

    assert (await of.says(standing, "appeals", "Unjust.", 409))["code"] == "appeal_elsewhere"
    assert (await of.mine())["works"] == ["receive"]
    await of.says(standing, "responses", "The case is over.")


async def test_two_officers_extend_and_lift_and_one_alone_does_nothing(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    of, house = await bureau(app, client), app.state.house
    proposed = await of.proposes("unusual_activity")
    assert (await of.decides(proposed, by=of.first, status=409))["code"] == "same_officer"
    again = {"resident": ids.show("resident", of.who.subject), "cause": "list_match"}
    assert (await of.post(of.third, "/v1/officer/restrictions", again, 409))["code"] == "restriction_stands"
    await of.decides(proposed, agree=False)
    assert (await of.mine())["restrictions"] == []

    standing = await of.restricts("unusual_activity")
    before = (await of.mine())["restrictions"][0]["review_due"]
    await of.changes(standing, "extend")
    extend = {"act": "extend"}
    await of.post(of.first, f"/v1/officer/restrictions/{standing}/acts", extend)
    open_ = await of.post(of.third, f"/v1/officer/restrictions/{standing}/acts", {"act": "lift"}, 409)
    assert open_["code"] == "act_open"
    [waiting] = [each for each in (await of.get(of.second, "/v1/officer/restrictions"))["waiting"] if mine(each, of)]
    await of.decides(waiting, agree=False)
    await of.changes(standing, "lift")

    [over] = (await of.mine())["restrictions"]
    assert (over["state"], over["review_due"] >= before) == ("lifted", True)
    late = await of.post(of.first, f"/v1/officer/restrictions/{standing}/acts", extend, 409)
    assert late["code"] == "restriction_lifted"
    assert (await of.says(standing, "responses", "Thanks.", 409))["code"] == "restriction_lifted"
    assert await told(house, of) == ["restriction.imposed", "restriction.extended", "restriction.lifted"]


def mine(found: dict[str, Any], of: Bureau) -> bool:
    return bool(found["resident"] == ids.show("resident", of.who.subject))


async def test_no_neutral_cause_can_be_told_from_another(app: Litestar, client: httpx.AsyncClient) -> None:
    """Everything a person can read is the same but for ids and instants; the clock has the same form."""
    seen = []
    for cause in ("suspicious_report", "list_match", "unusual_activity"):
        of = await bureau(app, client)
        await of.restricts(cause)
        [shown] = (await of.mine())["restrictions"]
        clock = datetime.fromisoformat(shown["review_due"]) - datetime.fromisoformat(shown["imposed_at"])
        tried = await of.get(of.who.access_token, "/v1/limits/preflight?operation=transfer&amount_minor=1")
        stops = [{**each, "restriction": None} for each in tried["stops"]]
        names = {"id", "imposed_at", "review_due"}
        [told_] = await outside.rows(
            app.state.house,
            "SELECT kind, body - 'restriction' - 'review_due' AS body FROM app.event"
            " WHERE holder = :holder AND kind LIKE 'restriction.%'",
            holder=of.who.subject,
        )
        seen.append(
            (
                {name: value for name, value in shown.items() if name not in names},
                clock.days,
                stops,
                (told_.kind, told_.body),
            )
        )
        everything = str((shown, tried, told_))
        assert cause not in everything

    assert seen[0] == seen[1] == seen[2]


async def test_what_officers_note_is_sealed_and_no_resident_reads_their_tables(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    of, house = await bureau(app, client, 8_001), app.state.house
    standing = await of.restricts("list_match", note="SDN entry 4711")
    await of.says(standing, "responses", "I am another person.")
    query = text(
        "SELECT act.note, said.sealed FROM app.restriction_act AS act JOIN app.restriction_response AS said"
        " ON said.restriction = act.restriction WHERE act.restriction = :id"
    )

    async with db.transaction(house.api, audience="officer") as story:
        row = (await (await story()).execute(query, {"id": ids.parse("restriction", standing)})).one()

    assert b"4711" not in row.note
    assert b"another" not in row.sealed
    async with db.transaction(house.api, holder=of.who.subject, audience="resident") as story:
        connection = await story()
        for table in ("restriction_act", "restriction_verdict"):
            assert await connection.scalar(text(f"SELECT count(*) FROM app.{table}")) == 0  # noqa: S608  names above
        assert await connection.scalar(text("SELECT count(*) FROM app.restriction")) > 0


async def test_a_review_that_nobody_made_is_told_once(app: Litestar, client: httpx.AsyncClient) -> None:
    of, house = await bureau(app, client), app.state.house
    standing = await of.restricts("takeover_suspected")
    passed = "UPDATE app.restriction SET due_at = now() - interval '1 second' WHERE holder = :holder RETURNING id"
    async with db.transaction(house.api, audience="officer") as story:
        await (await story()).execute(text(passed), {"holder": of.who.subject})

    assert worker.STEPS["reviews"] is overdue.step
    assert [await overdue.step(house), await overdue.step(house)] == [1, 0]

    assert (await of.mine())["restrictions"][0]["overdue"] is True
    queue = (await of.get(of.first, "/v1/officer/restrictions"))["restrictions"]
    assert [each["overdue"] for each in queue if each["id"] == standing] == [True]
    assert (await told(house, of))[-1] == "restriction.review_overdue"
    await of.changes(standing, "extend")
    assert (await of.mine())["restrictions"][0]["overdue"] is False


async def test_it_holds_at_once_in_every_process(app: Litestar, client: httpx.AsyncClient) -> None:
    of = await bureau(app, client, 8_003)
    [payee] = await residents(app, 1, start=8_000)
    proposed = await of.proposes("fraud_reported")

    async def sends() -> bool:
        return (await send(client, of.who, payee, 1)).status_code == 201

    deciding = asyncio.create_task(of.decides(proposed))
    passed = await asyncio.gather(*(sends() for _ in range(12)))
    await deciding
    after = [await sends() for _ in range(2)]

    query = "SELECT 1 FROM wallet.transfer WHERE debit = :wallet AND code = 'transfer'"
    moved = await outside.rows(app.state.house, query, wallet=of.who.wallet)
    assert (after, len(moved)) == ([False, False], sum(passed))


async def test_a_batch_under_way_is_waited_for(app: Litestar, client: httpx.AsyncClient) -> None:
    of, house = await bureau(app, client, 8_002), app.state.house
    act = ids.parse("act", (await of.proposes("fraud_reported"))["id"])

    async def decide() -> None:
        async with db.transaction(house.api, audience="officer") as story:
            connection = await story()
            await connection.execute(text("SET LOCAL lock_timeout = '20ms'"))
            await restriction.decide(connection, act, agreed=True, actor="officer:2", at=story.now)

    async with house.posting.begin() as batch:
        await batch.execute(text("SELECT FROM wallet.lane WHERE lane = 1 FOR NO KEY UPDATE"))
        with pytest.raises(OperationalError, match="lock timeout"):
            await decide()

    assert (await of.mine())["restrictions"] == []
    await decide()
    assert (await of.mine())["restrictions"] != []


async def test_who_is_restricted_cannot_end_the_account(app: Litestar, client: httpx.AsyncClient) -> None:
    of = await bureau(app, client)
    await of.restricts("suspicious_report")

    obstacles = (await of.get(of.who.access_token, "/v1/me/closure"))["obstacles"]

    assert "restrictions" in [each["code"] for each in obstacles]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"cause": "bad_mood"}, "unknown_cause"),
        ({"cause": "list_match", "resident": "resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"}, "not_found"),
    ],
)
async def test_what_cannot_be_proposed_is_named(
    app: Litestar, client: httpx.AsyncClient, body: dict[str, str], code: str
) -> None:
    of = await bureau(app, client)
    asked = {"resident": ids.show("resident", of.who.subject), **body}

    answer = await client.post("/v1/officer/restrictions", json=asked, headers=keyed(of.first))

    assert answer.json()["code"] == code


async def test_anothers_restriction_is_nobodys(app: Litestar, client: httpx.AsyncClient) -> None:
    of, other = await bureau(app, client), await bureau(app, client)
    standing = await of.restricts("asked_by_holder")

    read = await client.get(f"/v1/me/restrictions/{standing}", headers=bearer(other.who.access_token))
    said = await other.says(standing, "responses", "Mine?", 404)

    assert (read.status_code, said["code"]) == (404, "not_found")


async def test_the_database_wants_two_officers(app: Litestar, client: httpx.AsyncClient) -> None:
    of, house = await bureau(app, client), app.state.house
    proposed = await of.proposes("unusual_activity")
    act = {"id": ids.parse("act", proposed["id"])}

    async def refused(statement: str, by: str) -> None:
        with pytest.raises(Exception, match=by):
            async with db.transaction(house.api, audience="officer") as story:
                await (await story()).execute(text(statement), {**act, "holder": of.who.subject})

    await refused(
        "UPDATE app.restriction_act SET decided_by = proposed_by, decided_at = now(), agreed = true WHERE id = :id",
        "restriction_four_eyes",
    )
    await refused(
        "INSERT INTO app.restriction (id, holder, reason, state, version, imposed_at, review_due, by_act)"
        " VALUES (uuidv7(), :holder, 'security', 'in_force', 1, now(), now() + interval '1 day', :id)",
        "restriction_by_two",
    )
