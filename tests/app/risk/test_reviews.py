"""Verified again by risk: asked in the same words; late, the relation is suspended; done, it is free."""

from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import db
from app.house import House
from app.restrictions import restriction
from kyc.risk import profile
from law import calendar
from simulators.exposure import Vendor
from tests.app.people import bearer
from tests.app.risk.relations import Officer, Person, arrived, moved_to, officers, worked
from tests.app.risk.test_exposure import known, minister

pytestmark = [pytest.mark.asyncio, pytest.mark.fresh]

REVIEW = "/v1/identity/review"


async def approved(app: Litestar, client: httpx.AsyncClient, house: House) -> Person:
    """Let somebody be verified and declare."""
    person = await arrived(app, client)
    await person.scan(expires=date(2050, 1, 1))
    await person.declare()
    await worked(house)
    assert (await person.get("/v1/identity/standing"))["identified"]
    return person


async def due(house: House, person: Person) -> datetime:
    async with db.transaction(house.worker) as story:
        row = await profile.read(await story(), person.subject)
    assert row is not None
    assert row.review_at is not None
    return row.review_at  # type: ignore[no-any-return]  # a timestamptz


async def restrictions(house: House, person: Person) -> list[str]:
    async with db.transaction(house.worker) as story:
        connection = await story()
        standing = [each.state for each in await restriction.of(connection, person.subject)]
        waiting = [each for each in await restriction.waiting(connection) if each.holder == person.subject]
    return [*standing, *("proposed" for _ in waiting)]


async def test_whoever_is_low_is_asked_after_three_years_and_nothing_changes_meanwhile(
    app: Litestar, client: httpx.AsyncClient, house: House
) -> None:
    person = await approved(app, client, house)
    term = await due(house, person)
    verified_on = calendar.statutory_date(datetime.now(UTC))
    assert term == calendar.day_starts(calendar.add_months(verified_on, 36))
    assert (await person.get(REVIEW))["state"] == "none"

    await moved_to(house, term - timedelta(minutes=5))
    await worked(house)
    assert (await person.get(REVIEW))["state"] == "none"
    await moved_to(house, term + timedelta(minutes=5))
    await worked(house)

    asked = await person.get(REVIEW)
    assert (asked["state"], [each["code"] for each in asked["todo"]]) == ("asked", ["document", "declaration"])
    assert asked["until"] == (calendar.statutory_date(term) + timedelta(days=30)).isoformat()
    assert (await person.get("/v1/identity/standing"))["identified"], "the days of grace change nothing"

    await person.scan(expires=date(2050, 1, 1))
    await worked(house)
    assert [each["code"] for each in (await person.get(REVIEW))["todo"]] == ["declaration"]
    await person.declare()
    await worked(house)

    assert (await person.get(REVIEW))["state"] == "none"
    told = [each["type"] for each in (await person.get("/v1/me/feed"))["events"]]
    assert [each for each in told if each.startswith("identity_review")] == [
        "identity_review.asked", "identity_review.done"
    ]  # fmt: skip
    assert await due(house, person) > term


async def test_whoever_does_not_answer_is_suspended_and_free_when_they_did(
    app: Litestar, client: httpx.AsyncClient, house: House
) -> None:
    person, (first, _) = await approved(app, client, house), await officers(app, client)
    await moved_to(house, await due(house, person) + timedelta(minutes=5))
    await worked(house)
    until = date.fromisoformat((await person.get(REVIEW))["until"])

    await moved_to(house, calendar.day_starts(until + timedelta(days=1)) + timedelta(minutes=5))
    await worked(house)

    assert (await person.get(REVIEW))["state"] == "overdue"
    assert not (await person.get("/v1/identity/standing"))["identified"]
    assert await restrictions(house, person) == ["proposed"], "money stops by an officer's word"
    [act] = [each for each in (await first.get("/v1/officer/restrictions"))["waiting"] if each["resident"] == person.id]
    await first.post(f"/v1/officer/restriction-acts/{act['id']}/decision", agree=True)
    assert await restrictions(house, person) == ["in_force"]

    await person.scan(expires=date(2050, 1, 1))
    await worked(house)
    assert await restrictions(house, person) == ["in_force"], "half of it is not all of it"
    await person.declare()
    await worked(house)

    assert (await person.get(REVIEW))["state"] == "none"
    assert (await person.get("/v1/identity/standing"))["identified"]
    assert await restrictions(house, person) == ["lifted"]


async def test_a_proposal_nobody_agreed_to_falls_when_it_is_done(
    app: Litestar, client: httpx.AsyncClient, house: House
) -> None:
    person = await approved(app, client, house)
    await moved_to(house, await due(house, person) + timedelta(minutes=5))
    await worked(house)
    await moved_to(house, await _now(house) + timedelta(days=32))
    await worked(house)
    assert await restrictions(house, person) == ["proposed"]

    await person.declare()
    await person.scan(expires=date(2050, 1, 1))
    await worked(house)

    assert await restrictions(house, person) == []


async def test_the_riskier_are_asked_sooner_in_the_very_same_words(
    app: Litestar, client: httpx.AsyncClient, house: House, vendor: Vendor
) -> None:
    low = await approved(app, client, house)
    high, (first, second) = await arrived(app, client), await officers(app, client)
    name = minister(7)
    known(vendor, name)
    await high.scan(**name, expires=date(2050, 1, 1))
    await high.declare()
    await worked(house)
    await _granted(high, first, second)
    await worked(house)
    year, years = await due(house, high), await due(house, low)
    assert year < years - timedelta(days=700)

    texts = []
    for person, term in ((high, year), (low, years)):
        await moved_to(house, term + timedelta(minutes=5))
        await worked(house)
        shown = (await client.get(REVIEW, headers=bearer(person.token, accept_language="ru"))).json()
        texts.append({name: shown[name] for name in ("state", "text", "todo")})
    assert texts[0] == texts[1]


async def test_a_turnover_far_above_what_was_declared_asks_at_once(
    app: Litestar, client: httpx.AsyncClient, house: House
) -> None:
    person = await approved(app, client, house)
    spent = text(
        "INSERT INTO app.allowance_use (holder, day, operation, minor) VALUES (:holder, :day, 'transfer', :minor)"
    )
    async with db.transaction(house.posting) as story:
        today = calendar.statutory_date(story.now)
        await (await story()).execute(spent, {"holder": person.subject, "day": today, "minor": 2_000_000_00})

    async with db.transaction(house.worker) as story:
        await profile.falls_due(await story(), person.subject, "term", story.now)
    await worked(house)

    assert (await person.get(REVIEW))["state"] == "asked"


async def test_a_document_is_asked_for_before_it_ends(app: Litestar, client: httpx.AsyncClient, house: House) -> None:
    person = await arrived(app, client)
    ends = calendar.statutory_date(datetime.now(UTC)) + timedelta(days=200)
    await person.scan(expires=ends)
    await worked(house)

    assert await due(house, person) == calendar.day_starts(ends - timedelta(days=30))


async def _granted(person: Person, first: Officer, second: Officer) -> None:
    case = (await first.case(person))["id"]
    for officer in (first, second):
        await officer.post(f"/v1/officer/identity-cases/{case}/claim")
        await officer.post(f"/v1/officer/identity-cases/{case}/reviews", decision="grant")


async def _now(house: House) -> datetime:
    async with db.transaction(house.worker) as story:
        return story.now
