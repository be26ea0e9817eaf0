"""The resident's side over HTTP: draft, file, watch, answer, hold the status; once, and nobody else's."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from sqlalchemy import select, text

from app import db, ids, pipeline, problems
from app.house import House
from app.http import ids as outside
from app.language import Language
from app.settings import Settings
from residency import case, number, reason, tables, timeline
from residency.case import State
from tests.app.applicants import (
    ANSWERS,
    checked,
    get_case,
    newcomer,
    officers,
    review,
    screening,
    trusting,
)
from tests.app.people import bearer


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return trusting(settings, tmp_path)


@pytest_asyncio.fixture
async def open_house(app: Litestar) -> House:
    return await screening(app)


@pytest.mark.asyncio
async def test_a_resident_becomes_an_electronic_resident(
    app: Litestar, client: httpx.AsyncClient, open_house: House
) -> None:
    resident = await newcomer(app, client)
    first, second = await officers(app)
    await resident.scan()
    path = await resident.file()

    await checked(open_house)
    shown = await get_case(client, first, path)
    proposed = await review(client, first, path, "approve", comment_internal="All in order.")
    again = await review(client, first, path, "approve")
    confirmed = await review(client, second, path, "approve")

    assert shown["state"] == "in_review"
    assert {each["check"]: each["verdict"] for each in shown["checks"]} == dict.fromkeys(pipeline.CHECKS, "pass")
    assert (shown["document"]["surname"], shown["document"]["outcome"]) == ("NOVAK", "identified")
    assert (proposed.status_code, proposed.json()["state"]) == (201, "second_review")
    assert (again.status_code, again.json()["code"]) == (409, "same_reviewer")
    assert (confirmed.status_code, confirmed.json()["state"]) == (201, "granted")
    [held] = (await resident.get("/v1/me/statuses"))["statuses"]
    [identifier] = held["identifiers"]
    assert (held["kind"], held["state"], identifier["scheme"]) == ("e_resident", "active", "DEMO-ERID")
    assert number.is_valid(identifier["value"])
    decided = await resident.get(path)
    assert decided["decision"]["outcome"] == "granted"
    assert "officer" not in str(decided)


@pytest.mark.asyncio
async def test_the_timeline_speaks_the_readers_language_and_equals_the_log(
    app: Litestar, client: httpx.AsyncClient, open_house: House
) -> None:
    resident = await newcomer(app, client)
    path = await resident.file()
    await checked(open_house)

    told = {tag: await resident.get(f"{path}/timeline", accept_language=tag) for tag in Language}

    async with db.transaction(open_house.report) as story:
        event, wanted = tables.event, outside.parse("application", path.rpartition("/")[2])
        query = select(event.c.kind).where(event.c.aggregate == wanted).order_by(event.c.version)
        log = list((await (await story()).execute(query)).scalars())
    assert [entry["fact"] for entry in told[Language.EN]["entries"]] == log
    assert log[-1] == "application.asked"
    last = told[Language.KK]["entries"][-1]
    assert last["title"] == problems.texts()["application.asked"]["kk"][0]
    assert last["reason"]["code"] == "document_missing"
    assert last["reason"]["title"] == problems.texts()["reason.document_missing"]["kk"][0]
    assert (told[Language.RU]["waits_for"], told[Language.RU]["due_on"]) == ("applicant", None)


@pytest.mark.asyncio
async def test_who_was_asked_for_a_document_scans_it_and_files_again(
    app: Litestar, client: httpx.AsyncClient, open_house: House
) -> None:
    resident = await newcomer(app, client)
    path = await resident.file()
    await checked(open_house)
    asked = await resident.get(path)

    await resident.scan()
    answered = await resident.post(f"{path}/submit")
    await checked(open_house)

    assert (asked["state"], asked["due_on"]) == ("awaiting_applicant", None)
    assert answered.json()["receipt"] == asked["receipt"]
    assert (await resident.get(path))["state"] == "in_review"


@pytest.mark.asyncio
async def test_answers_are_edited_over_the_version_that_was_read(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await newcomer(app, client)
    path = await resident.draft()
    stale = '"1"'
    current = (await client.get(path, headers=bearer(resident.token))).headers["etag"]

    async def put(body: object, **headers: str) -> httpx.Response:
        return await client.put(f"{path}/answers", json=body, headers=bearer(resident.token, **headers))

    edits = [
        (await put({"answers": {}}), 428, "precondition_required"),
        (await put({"answers": {}}, if_match=stale), 412, "precondition_failed"),
        (await put({"answers": {"iin": "x"}}, if_match=current), 422, "bad_answer"),
        (await put({"answers": {"purpose": 1}}, if_match=current), 400, "invalid_request"),
    ]
    accepted = await put({"answers": {"purpose": "other"}}, if_match=current)
    unfinished = await resident.post(f"{path}/submit")

    assert [(answer.status_code, answer.json()["code"]) for answer, _, _ in edits] == [
        (status, code) for _, status, code in edits
    ]
    assert accepted.json()["answers"] == {"purpose": "other"}
    assert accepted.headers["etag"] not in {stale, current}
    assert (unfinished.status_code, unfinished.json()["code"]) == (422, "incomplete_answers")


@pytest.mark.asyncio
async def test_every_answer_about_an_application_names_its_version(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await newcomer(app, client)
    path = await resident.draft()

    async def tag() -> str:
        return (await client.get(path, headers=bearer(resident.token))).headers["etag"]

    seen = [await tag()]
    for act in ("submit", "withdraw"):
        answer = await resident.post(f"{path}/{act}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"' == await tag()
        seen.append(answer.headers["etag"])

    assert len(set(seen)) == 3


@pytest.mark.asyncio
async def test_drafting_and_filing_happen_once(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await newcomer(app, client)
    await resident.agrees()
    key, body = str(ids.new()), {"service": "eresidency.assign"}

    begun = await resident.post("/v1/applications", body, key=key)
    repeated = await resident.post("/v1/applications", body, key=key)
    another = await resident.post("/v1/applications", body)
    path = begun.headers["location"]
    await client.put(f"{path}/answers", json={"answers": ANSWERS}, headers=bearer(resident.token, if_match='"1"'))
    filed = await asyncio.gather(*(resident.post(f"{path}/submit") for _ in range(4)))

    assert repeated.content == begun.content
    assert repeated.headers["idempotency-replayed"] == "true"
    assert (another.status_code, another.json()["code"]) == (409, "application_open")
    assert sorted(answer.status_code for answer in filed) == [200, 409, 409, 409]
    assert {answer.json()["code"] for answer in filed if answer.status_code == 409} == {"illegal_move"}
    [receipt] = [answer.json()["receipt"] for answer in filed if answer.status_code == 200]
    assert number.is_valid(receipt)


@pytest.mark.asyncio
async def test_another_residents_application_is_one_that_does_not_exist(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    owner, stranger = await newcomer(app, client), await newcomer(app, client)
    await stranger.agrees()
    theirs = await owner.file()
    nowhere = f"/v1/applications/{outside.show('application', ids.new())}"

    async def attempts(path: str) -> list[httpx.Response]:
        who = bearer(stranger.token, if_match='"1"')
        return [
            await client.get(path, headers=who),
            await client.get(f"{path}/timeline", headers=who),
            await client.put(f"{path}/answers", json={"answers": {}}, headers=who),
            await stranger.post(f"{path}/submit"),
            await stranger.post(f"{path}/withdraw"),
        ]

    foreign, missing = await attempts(theirs), await attempts(nowhere)

    assert {answer.status_code for answer in foreign} == {404}
    assert [_untraced(answer) for answer in foreign] == [_untraced(answer) for answer in missing]


@pytest.mark.asyncio
async def test_a_resident_pages_through_their_applications(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await newcomer(app, client)
    made = []
    for _ in range(3):
        path = await resident.draft()
        made.append(path.rpartition("/")[2])
        await resident.post(f"{path}/withdraw")

    first = await resident.get("/v1/applications?limit=2")
    second = await resident.get(f"/v1/applications?limit=2&cursor={first['next_cursor']}")

    assert [each["id"] for each in first["applications"] + second["applications"]] == made[::-1]
    assert second["next_cursor"] is None


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_a_missed_term_is_told_to_everybody_and_the_case_goes_on(
    app: Litestar, client: httpx.AsyncClient, open_house: House
) -> None:
    resident = await newcomer(app, client)
    first, second = await officers(app)
    await resident.scan()
    path = await resident.file()
    await checked(open_house)
    due_on = (await resident.get(path))["due_on"]

    async with db.transaction(open_house.api, audience="service") as story:
        await (await story()).execute(text("UPDATE app.clock SET advanced_by = interval '60 days'"))
    await checked(open_house)

    shown = await resident.get(path)
    assert (shown["overdue_on"], shown["state"]) == (due_on, "in_review")
    told = (await resident.get(f"{path}/timeline"))["entries"]
    assert [entry["fact"] for entry in told].count("application.overdue") == 1
    await review(client, first, path, "approve")
    decided = await review(client, second, path, "approve")
    assert decided.json()["state"] == "granted"


def test_every_state_and_every_fact_has_its_text_in_three_languages() -> None:
    assert {step.state for step in (case.BIRTH, *case.LIFE.values())} == set(State)
    for code in (*timeline.FACTS, *(f"reason.{code}" for code in reason.CATALOGUE)):
        _speaks_three_languages(problems.texts()[code])


def test_no_text_for_the_applicant_tells_of_screening() -> None:
    words = ("sanction", "screen", " list", "санкц", "спис", "тізім", "скрин")
    told = [problems.texts()[code] for code in (*timeline.FACTS, *(f"reason.{code}" for code in reason.CATALOGUE))]

    assert not [text for texts in told for text in texts.values() if any(word in str(text).lower() for word in words)]


def _speaks_three_languages(texts: dict[str, Sequence[str]] | dict[str, tuple[str, str]]) -> None:
    assert set(texts) == set(Language)
    assert all(len(text) == 2 and all(text) for text in texts.values())
    assert len({tuple(text) for text in texts.values()}) == 3


def _untraced(answer: httpx.Response) -> dict[str, Any]:
    return {**answer.json(), "trace_id": ""}
