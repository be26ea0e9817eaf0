"""Sessions: where one is signed in, and that an end is an end in every process at once."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import get_args

import pytest
from litestar import Litestar

from app import clock, ids, main
from app import house as house_
from app.auth import refresh, session, subject
from app.auth.principal import Role
from app.auth.session import Terms
from app.auth.subject import Subject
from app.house import House
from app.http import ids as public_ids
from app.settings import Settings
from simulators.phone import Phone, Refused
from tests.app.auth.people import count, house_of, phone, registered, story_of

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def _second_process(settings: Settings) -> AsyncIterator[Litestar]:
    """Give another application with a house of its own on the same database."""
    async with house_.opened(settings) as house:
        other = main.build(settings)
        other.state.house = house
        yield other


@asynccontextmanager
async def _same_phone(mine: Phone, app: Litestar, settings: Settings) -> AsyncIterator[Phone]:
    """Give the phone as it talks to another process."""
    async with phone(app, settings) as there:
        there.device, there.passkey, there.tokens = mine.device, mine.passkey, mine.tokens
        yield there


async def _officer(house: House) -> Subject:
    who = Subject(ids.new(), "officer", "E. Officer")
    async with story_of(house) as story:
        await subject.register(await story(), who, clock.real())
    return who


async def test_one_sees_where_one_is_signed_in(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        first = (await mine.get("/v1/me/sessions"))["sessions"]
        await mine.sign_in()
        both = (await mine.get("/v1/me/sessions"))["sessions"]

    assert [(each["this_one"], each["client"]) for each in first] == [(True, "app")]
    assert [(each["this_one"], each["id"] == first[0]["id"]) for each in both] == [(True, False), (False, True)]
    assert both[0]["device"] == both[1]["device"] == first[0]["device"]
    assert first[0]["renewed_at"] < first[0]["idle_until"] < first[0]["expires_at"]


async def test_renewing_moves_the_idle_limit_and_not_the_absolute_one(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        [before] = (await mine.get("/v1/me/sessions"))["sessions"]
        await mine.refresh()
        [after] = (await mine.get("/v1/me/sessions"))["sessions"]

    assert after["idle_until"] > before["idle_until"]
    assert after["renewed_at"] > before["renewed_at"]
    assert after["expires_at"] == before["expires_at"]


async def test_one_signs_out_there(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        lost = mine.tokens
        await mine.sign_in()
        kept = mine.tokens
        [_, there] = (await mine.get("/v1/me/sessions"))["sessions"]
        await mine.delete(f"/v1/me/sessions/{there['id']}")

        assert len((await mine.get("/v1/me/sessions"))["sessions"]) == 1
        mine.tokens = lost
        with pytest.raises(Refused, match="session_ended"):
            await mine.get("/v1/me")
        with pytest.raises(Refused, match="invalid_grant"):
            await mine.refresh()
        mine.tokens = kept
        with pytest.raises(Refused, match="not_found"):
            await mine.delete(f"/v1/me/sessions/{there['id']}")


async def test_one_signs_out_everywhere_else(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        for _ in range(3):
            await mine.sign_in()
        await mine.delete("/v1/me/sessions")

        assert [each["this_one"] for each in (await mine.get("/v1/me/sessions"))["sessions"]] == [True]
        ended = "SELECT count(*) FROM app.event WHERE kind = 'session.ended' AND holder = :mine"
        assert mine.tokens is not None
        who = public_ids.parse("resident", mine.tokens.subject)
        assert await count(house_of(app), ended, mine=who) == 3


async def test_somebody_elses_session_is_as_unknown_as_a_random_one(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine, registered(app, settings) as theirs:
        [open_] = (await theirs.get("/v1/me/sessions"))["sessions"]
        answers = [
            await mine.call("DELETE", f"/v1/me/sessions/{public_id}")
            for public_id in (open_["id"], public_ids.show("session", uuid.uuid4()))
        ]

        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.json()["detail"] for answer in answers}) == 1
        assert (await theirs.get("/v1/me"))["role"] == "resident"


async def test_a_sign_out_holds_in_every_process_with_the_next_request(app: Litestar, settings: Settings) -> None:
    async with (
        registered(app, settings) as mine,
        _second_process(settings) as elsewhere,
        _same_phone(mine, elsewhere, settings) as there,
    ):
        assert (await there.get("/v1/me"))["role"] == "resident"
        await mine.sign_out()

        with pytest.raises(Refused, match="session_ended"):
            await there.get("/v1/me")


@pytest.mark.parametrize(("role", "terms"), session.TERMS.items(), ids=session.TERMS)
async def test_a_session_ends_unused_and_ends_however_much_it_is_used(house: House, role: Role, terms: Terms) -> None:
    who, now = Subject(ids.new(), role, "" if role == "resident" else f"{role}-x"), clock.real()
    async with story_of(house) as story:
        db = await story()
        await subject.register(db, who, now)
        opened = await session.begin(
            db, who, opened_by="passkey", client_id="app", jkt="k", scopes=frozenset({"me:read"}), at=now
        )
        text = await refresh.first(db, opened)

    assert opened.expires_at == now + terms.absolute
    async with story_of(house) as story:
        assert isinstance(await refresh.rotate(story, text, refresh.Asked("k", now + terms.idle)), refresh.Denied)
        just_before = now + terms.idle - timedelta(seconds=1)
        assert isinstance(await refresh.rotate(story, text, refresh.Asked("k", just_before)), refresh.Rotated)


async def test_every_role_has_terms_and_those_who_see_others_have_short_ones() -> None:
    assert set(session.TERMS) == set(get_args(Role))
    assert all(terms.idle <= terms.absolute for terms in session.TERMS.values())
    assert session.TERMS["officer"] <= (timedelta(minutes=30), timedelta(hours=12))


async def test_twenty_ends_at_once_are_one(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        await mine.sign_in()
        [_, there] = (await mine.get("/v1/me/sessions"))["sessions"]
        answers = await asyncio.gather(*(mine.call("DELETE", f"/v1/me/sessions/{there['id']}") for _ in range(20)))

        assert {answer.status_code for answer in answers} <= {204, 404}
        ended = "SELECT count(*) FROM app.event WHERE kind = 'session.ended' AND aggregate = :id"
        assert await count(house_of(app), ended, id=public_ids.parse("session", there["id"])) == 1
