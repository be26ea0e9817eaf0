"""Officers' duties: three people, or the operator; what a duty opens, and what closes with it."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args
from uuid import UUID

import pytest
from litestar import Litestar
from sqlalchemy import text

from app import db
from app.auth import entry, scopes
from app.auth.scopes import DUTIES, SCOPES, Duty
from app.house import House
from app.http import ids
from app.settings import Settings
from simulators.phone import Phone, Refused
from tests.app.auth.people import phone

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def officer(app: Litestar, settings: Settings, house: House, *duties: Duty) -> AsyncIterator[Phone]:
    """Give the phone of a new officer."""
    async with phone(app, settings) as mine:
        await mine.register(await entry.invite_officer(house, "E. Nurlan", duties))
        yield mine


def id_of(mine: Phone) -> str:
    assert mine.tokens is not None
    return mine.tokens.subject


async def refused(call: object) -> tuple[int, str]:
    with pytest.raises(Refused) as error:
        await call  # type: ignore[misc]  # any coroutine
    return error.value.status, error.value.code


async def test_an_officer_is_invited_with_the_duties_of_before(app: Litestar, settings: Settings, house: House) -> None:
    async with phone(app, settings) as mine:
        await mine.register(await entry.invite_officer(house, "E. Nurlan"))
        assert set((await mine.get("/v1/me"))["scopes"]) == scopes.of_duties(entry.DUTIES)
        assert (await mine.call("GET", "/v1/officer/cases")).status_code == 200


@pytest.mark.parametrize("duty", get_args(Duty))
async def test_a_duty_opens_what_its_row_says(app: Litestar, settings: Settings, house: House, duty: Duty) -> None:
    asked = {
        "officer:read": ("GET", "/v1/officer/cases"),
        "officer:cases": ("POST", "/v1/officer/cases/x/reviews"),
        "officer:statuses": ("POST", "/v1/officer/statuses/x/changes"),
        "officer:duties": ("POST", "/v1/officer/duties"),
        "officer:duties:read": ("GET", "/v1/officer/duties"),
    }
    assert {scope for scope in SCOPES if scope.startswith("officer:")} >= set(asked)
    async with officer(app, settings, house, duty) as mine:
        for scope, (method, path) in asked.items():
            answer = await mine.call(method, path, body={})
            closed = answer.status_code == 403 and answer.json()["code"] == "insufficient_scope"
            assert closed is (scope not in DUTIES[duty]), (scope, answer.text)


async def test_three_people_make_a_duty(app: Litestar, settings: Settings, house: House) -> None:
    async with (
        officer(app, settings, house, "security") as first,
        officer(app, settings, house, "security") as second,
        officer(app, settings, house, "viewer") as third,
    ):
        wanted = {"officer": id_of(third), "duty": "case_officer"}
        proposed = await first.post("/v1/officer/duties", wanted)
        approval = f"/v1/officer/duties/{proposed['id']}/approval"
        assert await refused(first.post(approval)) == (409, "same_person")
        assert await refused(third.post(approval)) == (403, "insufficient_scope")
        assert await refused(second.post("/v1/officer/duties", wanted)) == (409, "duty_held")
        assert await refused(first.post("/v1/officer/duties", wanted | {"officer": id_of(first)})) == (
            409,
            "same_person",
        )
        nobody = wanted | {"officer": ids.show("officer", uuid.uuid4())}
        assert await refused(first.post("/v1/officer/duties", nobody)) == (404, "not_found")

        await third.sign_in()
        assert "officer:cases" not in (await third.get("/v1/me"))["scopes"]
        approved = await second.post(approval)
        await third.sign_in()

        assert (proposed["state"], approved["state"]) == ("proposed", "in_force")
        assert "officer:cases" in (await third.get("/v1/me"))["scopes"]
        assert proposed["id"] in {each["id"] for each in (await first.get("/v1/officer/duties"))["duties"]}


async def test_nobody_approves_a_duty_for_oneself(app: Litestar, settings: Settings, house: House) -> None:
    async with (
        officer(app, settings, house, "security") as first,
        officer(app, settings, house, "security") as second,
    ):
        proposed = await first.post("/v1/officer/duties", {"officer": id_of(second), "duty": "approver"})
        assert await refused(second.post(f"/v1/officer/duties/{proposed['id']}/approval")) == (409, "same_person")


async def test_a_duty_that_ends_closes_the_sessions(app: Litestar, settings: Settings, house: House) -> None:
    async with (
        officer(app, settings, house, "security") as first,
        officer(app, settings, house, "case_officer") as other,
    ):
        held = [each for each in (await first.get("/v1/officer/duties"))["duties"] if each["officer"] == id_of(other)]
        await first.delete(f"/v1/officer/duties/{held[0]['id']}")

        assert await refused(other.get("/v1/officer/cases")) == (401, "session_ended")
        await other.sign_in()
        assert await refused(other.get("/v1/officer/cases")) == (403, "insufficient_scope")
        assert await refused(first.delete(f"/v1/officer/duties/{held[0]['id']}")) == (404, "not_found")


async def test_the_operator_gives_duties_and_only_to_officers(app: Litestar, settings: Settings, house: House) -> None:
    async with officer(app, settings, house) as mine:
        assert set((await mine.get("/v1/me"))["scopes"]) == {"me:read", "me:write"}
        await entry.grant_duties(house, ids.parse("officer", id_of(mine)), ["auditor"])
        await mine.sign_in()
        assert (await mine.get("/v1/officer/duties"))["duties"]


@pytest.mark.parametrize(
    ("proposed", "approved"),
    [("officer:{a}", "officer:{a}"), ("officer:{o}", "officer:{a}"), ("officer:{a}", "officer:{o}")],
    ids=["one person twice", "proposed for oneself", "approved for oneself"],
)
async def test_the_database_refuses_two_eyes(house: House, proposed: str, approved: str) -> None:
    someone = uuid.uuid4()
    await entry.invite_officer(house, "E. Nurlan", [])
    async with db.transaction(house.api, audience="service") as story:
        of: UUID = await (await story()).scalar(text("SELECT id FROM app.subject WHERE role = 'officer' LIMIT 1"))
    row = {"id": uuid.uuid4(), "o": of, "by": proposed.format(a=someone, o=of), "and": approved.format(a=someone, o=of)}
    with pytest.raises(Exception, match="officer_grant_check"):
        async with db.transaction(house.api, audience="officer") as story:
            await (await story()).execute(
                text("INSERT INTO app.officer_grant VALUES (:id, :o, 'security', :by, now(), :and, now(), NULL, NULL)"),
                row,
            )
