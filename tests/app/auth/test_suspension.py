"""Shutting somebody out takes one officer and holds everywhere at once; letting them in again takes two."""

import uuid
from typing import Any

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from app import house as house_
from app import main
from app.http import ids
from app.settings import Settings
from simulators.phone import Phone, Refused
from tests.app.auth.people import count, house_of, minted, phone, registered
from tests.app.people import bearer

pytestmark = pytest.mark.asyncio

Json = dict[str, Any]


class Officer:
    """An officer of security at the API."""

    def __init__(self, client: httpx.AsyncClient, subject: str, headers: dict[str, str]) -> None:
        self.client, self.subject, self.headers = client, subject, headers

    async def post(self, path: str, body: Json) -> httpx.Response:
        headers = self.headers | {"Idempotency-Key": str(uuid.uuid4())}
        return await self.client.post(path, json=body, headers=headers)

    async def suspends(self, subject: str, reason: str = "device_stolen") -> httpx.Response:
        return await self.post("/v1/officer/suspensions", {"subject": subject, "reason": reason})

    async def lifts(self, suspension: str, reason: str = "cleared") -> httpx.Response:
        return await self.post(f"/v1/officer/suspensions/{suspension}/lift", {"reason": reason})


async def _officer(app: Litestar, client: httpx.AsyncClient) -> Officer:
    token = await minted(house_of(app), "officer", asked=frozenset({"officer:suspensions"}))
    return Officer(client, ids.show("officer", token.subject), bearer(token.access_token))


def _subject(mine: Phone) -> str:
    assert mine.tokens is not None
    return mine.tokens.subject


async def test_one_officer_shuts_out_and_it_holds_in_every_process(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    async with house_.opened(settings) as house, registered(app, settings) as mine:
        elsewhere = main.build(settings)
        elsewhere.state.house = house
        async with phone(elsewhere, settings) as there:
            there.device, there.tokens = mine.device, mine.tokens
            assert (await there.get("/v1/me"))["role"] == "resident"

            answer = await (await _officer(app, client)).suspends(_subject(mine))

            assert (answer.status_code, answer.json()["state"]) == (201, "standing")
            for process in (there, mine):
                with pytest.raises(Refused, match="session_ended"):
                    await process.get("/v1/me")
            with pytest.raises(Refused, match="invalid_grant"):
                await mine.refresh()
            with pytest.raises(Refused) as refused:
                await mine.sign_in()
    assert (refused.value.status, refused.value.code) == (403, "suspended")


async def test_two_officers_let_in_again(app: Litestar, client: httpx.AsyncClient, settings: Settings) -> None:
    one, two = await _officer(app, client), await _officer(app, client)
    async with registered(app, settings) as mine:
        suspension = (await one.suspends(_subject(mine))).json()["id"]

        proposed = await one.lifts(suspension)
        again = await one.lifts(suspension)
        with pytest.raises(Refused, match="suspended"):
            await mine.sign_in()
        lifted = await two.lifts(suspension, "mistaken")
        over = await two.lifts(suspension)

        assert (proposed.status_code, proposed.json()["state"]) == (200, "lift_proposed")
        assert (again.status_code, again.json()["code"]) == (409, "same_officer")
        assert (lifted.json()["state"], lifted.json()["lift_reason"]) == ("lifted", "cleared")
        assert (over.status_code, over.json()["code"]) == (404, "not_found")
        with pytest.raises(Refused, match="session_ended"):  # what was open before stays closed
            await mine.get("/v1/me")
        assert (await mine.sign_in()).subject == _subject(mine)
        who = ids.parse("resident", _subject(mine))
        kinds = "SELECT count(DISTINCT kind) FROM app.event WHERE aggregate = :who AND kind LIKE 'subject.%'"
        assert await count(house_of(app), kinds, who=who) == 4


async def test_those_who_are_shut_out_are_listed_and_not_shut_out_twice(
    app: Litestar, client: httpx.AsyncClient, settings: Settings
) -> None:
    officer = await _officer(app, client)
    async with registered(app, settings) as mine:
        made = (await officer.suspends(_subject(mine), "fraud_suspected")).json()
        twice = await officer.suspends(_subject(mine))
        listed = await client.get("/v1/officer/suspensions", headers=officer.headers)

    assert (twice.status_code, twice.json()["code"]) == (409, "already_suspended")
    assert made in listed.json()["suspensions"]


async def test_nobody_shuts_themselves_out_or_lets_themselves_in(app: Litestar, client: httpx.AsyncClient) -> None:
    one, two = await _officer(app, client), await _officer(app, client)

    assert (await one.suspends(one.subject)).json()["code"] == "same_officer"
    suspension = (await one.suspends(two.subject)).json()["id"]
    assert (await two.lifts(suspension)).json()["code"] == "session_ended"


@pytest.mark.parametrize("subject", ["resident_06AC0Q8DZ9VGYWKXCR2A5NN1WM", "wallet_06AC0Q8DZ9VGYWKXCR2A5NN1WM", "x"])
async def test_whoever_is_unknown_is_not_found(app: Litestar, client: httpx.AsyncClient, subject: str) -> None:
    answer = await (await _officer(app, client)).suspends(subject)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_the_database_wants_two_officers_as_well(
    app: Litestar, client: httpx.AsyncClient, settings: Settings, module_database: str
) -> None:
    officer = await _officer(app, client)
    async with registered(app, settings) as mine:
        suspension = ids.parse("suspension", (await officer.suspends(_subject(mine))).json()["id"])
    await officer.lifts(ids.show("suspension", suspension))

    alone = "UPDATE app.suspension SET lifted_by = lift_proposed_by, lifted_at = now() WHERE id = :id"
    owner = create_engine(module_database)
    with pytest.raises(IntegrityError, match="suspension"), owner.begin() as db:
        db.execute(text(alone), {"id": suspension})
    owner.dispose()
