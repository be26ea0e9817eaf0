"""The officers' side over HTTP: one queue, every check explained, two pairs of eyes, nothing told that must not be."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
import pytest_asyncio
from litestar import Litestar

from app import clock, db, pipeline
from app.house import House
from app.http.officer.cases import explanations
from app.language import Language
from app.settings import Settings
from kyc import agreement, standing
from kyc.cases.decision import FRESH, OFFICERS
from kyc.cases.keeping import SUSPENDED
from kyc.cases.required import DEMANDED, NOW, REQUIRED
from kyc.risk.exposure import Kind
from law.calendar import statutory_date
from residency import reason
from tests import postgres
from tests.app.applicants import (
    KAZAKHSTAN,
    checked,
    cleared,
    get_case,
    newcomer,
    officers,
    review,
    screening,
    trusting,
)
from tests.app.people import bearer, keyed


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return trusting(settings, tmp_path)


@pytest_asyncio.fixture
async def open_house(app: Litestar) -> House:
    return await screening(app)


@pytest.mark.asyncio
async def test_a_name_on_a_list_is_for_officers_and_shows_nowhere_else(
    app: Litestar, client: httpx.AsyncClient, open_house: House
) -> None:
    first, second = await officers(app)
    clean, ivan = await newcomer(app, client), await newcomer(app, client)
    await clean.scan()
    await ivan.scan(surname="SIDOROV", given="IVAN", born=date(1971, 3, 9))
    paths = {each.subject: await each.file() for each in (clean, ivan)}
    await checked(open_house)

    shown = await get_case(client, first, paths[ivan.subject])

    verdicts = {each["check"]: each["verdict"] for each in shown["checks"]}
    [hit] = [each for each in shown["document"]["checks"] if each["check"] == "person.screening"]
    assert (verdicts["person.known"], hit["verdict"]) == ("review", "review")
    stories = [
        [
            (entry["fact"], entry["state"], entry["title"], entry["next"], entry["reason"], entry["remark"])
            for entry in (await each.get(f"{paths[each.subject]}/timeline"))["entries"]
        ]
        for each in (clean, ivan)
    ]
    assert stories[0] == stories[1]

    waits = await review(client, first, paths[ivan.subject], "approve", comment_internal="Born on another day.")
    assert (waits.status_code, waits.json()["code"]) == (409, "identity_undecided")
    await cleared(client, (first, second), ivan.subject)
    async with db.transaction(open_house.worker) as story:
        known = await standing.standing(await story(), ivan.subject, statutory_date(story.now))
    assert known.identified, "two officers cleared the alert and nothing else was open"
    for officer in (first, second):
        await review(client, officer, paths[ivan.subject], "approve")
    assert (await ivan.get("/v1/me/statuses"))["statuses"] != []


@pytest.mark.asyncio
async def test_a_citizen_is_refused_with_ground_and_appeal_and_cannot_be_granted(
    app: Litestar, client: httpx.AsyncClient, open_house: House
) -> None:
    citizen = await newcomer(app, client)
    first, second, third, fourth = await officers(app, 4)
    await citizen.scan(KAZAKHSTAN)
    path = await citizen.file()
    await checked(open_house)

    await review(client, first, path, "approve")
    granted = await review(client, second, path, "approve")
    reopened = await review(client, second, path, "refuse", reason_code="ineligible_citizen")
    await review(client, third, path, "refuse", reason_code="ineligible_citizen")
    refused = await review(client, fourth, path, "refuse", reason_code="ineligible_citizen")

    assert (granted.status_code, granted.json()["code"]) == (422, "ineligible_citizen")
    assert (reopened.json()["state"], refused.json()["state"]) == ("in_review", "refused")
    assert (await citizen.get("/v1/me/statuses"))["statuses"] == []
    decision = (await citizen.get(path))["decision"]
    assert (decision["reason"], decision["ground"]) == (
        "ineligible_citizen",
        reason.CATALOGUE["ineligible_citizen"].ground,
    )
    assert date.fromisoformat(decision["complain_until"]) > statutory_date(clock.real()) + timedelta(days=85)


@pytest.mark.asyncio
async def test_an_officers_question_reaches_the_applicant_and_the_internal_comment_does_not(
    app: Litestar, client: httpx.AsyncClient, open_house: House
) -> None:
    resident = await newcomer(app, client)
    [officer] = await officers(app, 1)
    await resident.scan()
    path = await resident.file()
    await checked(open_house)

    await review(
        client,
        officer,
        path,
        "ask",
        reason_code="information_needed",
        comment_internal="Smells of a front.",
        comment_applicant="Which company?",
    )

    told = await resident.get(f"{path}/timeline")
    assert told["entries"][-1]["remark"] == "Which company?"
    assert "front" not in str(told) + str(await resident.get(path))
    assert (await get_case(client, officer, path))["reviews"][0]["comment_internal"] == "Smells of a front."


@pytest.mark.asyncio
async def test_two_officers_approving_at_once_over_http_grant_one_status(
    app: Litestar, client: httpx.AsyncClient, open_house: House
) -> None:
    resident = await newcomer(app, client)
    hasty, careful = await officers(app)
    await resident.scan()
    path = await resident.file()
    await checked(open_house)

    clicks = (hasty, hasty, careful, careful)
    answers = await asyncio.gather(*(review(client, officer, path, "approve") for officer in clicks))

    assert sorted(answer.json().get("state") or answer.json()["code"] for answer in answers).count("granted") == 1
    assert len((await resident.get("/v1/me/statuses"))["statuses"]) == 1


@pytest.mark.asyncio
async def test_residents_do_not_see_the_officers_side(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await newcomer(app, client)
    path = (await resident.file()).replace("/applications/", "/officer/cases/")

    answers = [
        await client.get("/v1/officer/cases", headers=bearer(resident.token)),
        await client.get(path, headers=bearer(resident.token)),
        await client.post(f"{path}/reviews", json={"decision": "approve"}, headers=keyed(resident.token)),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_the_queue_is_paged_in_the_order_of_filing_while_it_grows(
    app: Litestar, client: httpx.AsyncClient, open_house: House
) -> None:
    [officer] = await officers(app, 1)
    filed = [(await (await newcomer(app, client)).file()).rpartition("/")[2] for _ in range(5)]
    await (await newcomer(app, client)).draft()

    seen: list[str] = []
    cursor: str | None = None
    for _ in range(5):
        where = f"/v1/officer/cases?limit=2{f'&cursor={cursor}' if cursor else ''}"
        page = (await client.get(where, headers=bearer(officer))).json()
        seen += [each["id"] for each in page["cases"]]
        filed.append((await (await newcomer(app, client)).file()).rpartition("/")[2])
        if (cursor := page["next_cursor"]) is None:
            break

    assert seen == filed[: len(seen)]
    assert len(seen) > 5
    await checked(open_house)
    waiting = await client.get("/v1/officer/cases", params={"state": "in_review"}, headers=bearer(officer))
    asked = await client.get("/v1/officer/cases", params={"state": "awaiting_applicant"}, headers=bearer(officer))
    forged = await client.get("/v1/officer/cases", params={"cursor": "AAAA"}, headers=bearer(officer))
    assert waiting.json()["cases"] == []
    assert [each["id"] for each in asked.json()["cases"]] == filed
    assert (forged.status_code, forged.json()["code"]) == (422, "bad_cursor")


@pytest.mark.asyncio
async def test_of_an_erased_person_the_case_stays_and_nothing_is_granted(
    app: Litestar, client: httpx.AsyncClient, open_house: House, database: str
) -> None:
    resident = await newcomer(app, client)
    first, second = await officers(app)
    await resident.scan()
    path = await resident.file()
    await checked(open_house)
    with psycopg.connect(postgres.libpq(database)) as owner:
        owner.execute("DELETE FROM app.resident_key WHERE holder = %s", [resident.subject])

    shown = await get_case(client, first, path)
    await review(client, first, path, "approve")
    granted = await review(client, second, path, "approve")

    assert (shown["document"], shown["state"]) == (None, "in_review")
    assert (granted.status_code, granted.json()["code"]) == (409, "applicant_not_identified")


def test_every_check_is_explained_to_officers_in_three_languages() -> None:
    decided_by = {*REQUIRED["identity"], *NOW.lasts, *NOW.answers, *NOW.answers.values(), DEMANDED}
    said = {FRESH, OFFICERS, SUSPENDED, agreement.FORM, "liveness", "identifier.unique", *(each.check for each in Kind)}
    for name in {*decided_by, *said, *pipeline.CHECKS, "sandbox.identified", "other"}:
        _speaks_three_languages(explanations()[name])


def _speaks_three_languages(texts: dict[str, Sequence[str]] | dict[str, tuple[str, str]]) -> None:
    assert set(texts) == set(Language)
    assert all(len(text) == 2 and all(text) for text in texts.values())
    assert len({tuple(text) for text in texts.values()}) == 3
