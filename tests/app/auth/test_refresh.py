"""Refresh tokens: one works, each once; one that comes back ends the session."""

import asyncio
from datetime import datetime, timedelta

import pytest
from litestar import Litestar
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from app import clock
from app.auth import refresh, session
from app.auth.refresh import Denied, Rotated
from app.http import ids
from app.settings import Settings
from simulators.passkey import DeviceKey
from simulators.phone import Phone, Refused
from tests.app.auth.forge import key
from tests.app.auth.people import count, house_of, registered, story_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LIVE = """
    SELECT count(*) FROM app.refresh JOIN app.session ON session.id = refresh.session
    WHERE refresh.subject = :subject AND refresh.used_at IS NULL AND session.ended_at IS NULL
"""


async def _live(app: Litestar, mine: Phone) -> int:
    assert mine.tokens is not None
    return await count(house_of(app), _LIVE, subject=ids.parse("resident", mine.tokens.subject))


def _refresh(mine: Phone) -> str:
    assert mine.tokens is not None
    return mine.tokens.refresh


async def test_each_refresh_gives_the_next_token(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        seen = {_refresh(mine)}
        for _ in range(3):
            seen.add((await mine.refresh()).refresh)
            assert (await mine.get("/v1/me"))["role"] == "resident"

        assert len(seen) == 4
        assert await _live(app, mine) == 1


async def test_a_token_that_comes_back_ends_the_session(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        stolen = mine.tokens
        await mine.refresh()
        newest = await mine.refresh()
        mine.tokens = stolen

        with pytest.raises(Refused, match="used before"):
            await mine.refresh()
        mine.tokens = newest
        with pytest.raises(Refused, match="invalid_grant"):
            await mine.refresh()
        with pytest.raises(Refused, match="session_ended"):
            await mine.get("/v1/me")

        assert await _live(app, mine) == 0


async def test_twenty_refreshes_at_once_leave_one_token_that_works(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        form = {"grant_type": "refresh_token", "refresh_token": _refresh(mine)}
        answers = await asyncio.gather(
            *(mine.call("POST", "/oauth/token", form=form, signed_in=False) for _ in range(20))
        )

        given = {answer.json()["refresh_token"] for answer in answers if answer.status_code == 200}
        assert {answer.status_code for answer in answers} == {200}
        assert len(given) == 1
        assert await _live(app, mine) == 1
        assert mine.tokens is not None
        mine.tokens = mine.tokens._replace(refresh=given.pop())
        await mine.refresh()


async def test_a_lost_answer_is_asked_for_again_for_some_seconds(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        jkt, now = key(mine.device.jwk).thumbprint, clock.real()
        first = await _rotate(app, mine, jkt, now)
        second = await _rotate(app, mine, jkt, now + refresh.REPEATABLE)
        late = await _rotate(app, mine, jkt, now + refresh.REPEATABLE + timedelta(milliseconds=1))

    assert isinstance(first, Rotated)
    assert isinstance(second, Rotated)
    assert first.text == second.text
    assert isinstance(late, Denied)


async def test_a_stolen_token_without_the_key_gets_nothing_and_harms_nobody(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        device, mine.device = mine.device, DeviceKey()
        with pytest.raises(Refused, match="invalid_grant"):
            await mine.refresh()

        mine.device = device
        await mine.refresh()


async def test_an_idle_token_expires(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        jkt, now = key(mine.device.jwk).thumbprint, clock.real()

        idle = session.TERMS["resident"].idle

        assert isinstance(await _rotate(app, mine, jkt, now + idle), Denied)
        assert isinstance(await _rotate(app, mine, jkt, now + idle - timedelta(minutes=1)), Rotated)


async def test_a_session_ends_however_often_it_is_refreshed(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        jkt, now = key(mine.device.jwk).thumbprint, clock.real()
        for days in (29, 58, 87):
            rotated = await _rotate(app, mine, jkt, now + timedelta(days=days))
            assert isinstance(rotated, Rotated)
            assert mine.tokens is not None
            mine.tokens = mine.tokens._replace(refresh=rotated.text)

        assert isinstance(await _rotate(app, mine, jkt, now + timedelta(days=90)), Denied)


@pytest.mark.parametrize("text", ["", "x", "AAAA", "A" * 64, "A" * 10_000, "\u0000", "é"])
async def test_what_is_no_refresh_token_is_refused(app: Litestar, settings: Settings, text: str) -> None:
    async with registered(app, settings) as mine:
        form = {"grant_type": "refresh_token", "refresh_token": text}
        answer = await mine.call("POST", "/oauth/token", form=form, signed_in=False)

    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_grant", "invalid_request"}


async def test_a_refresh_may_ask_for_less_but_not_for_more(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        form = {"grant_type": "refresh_token", "refresh_token": _refresh(mine)}
        more = await mine.call("POST", "/oauth/token", form=form | {"scope": "officer:cases"}, signed_in=False)
        less = await mine.call("POST", "/oauth/token", form=form | {"scope": "me:read"}, signed_in=False)
        assert mine.tokens is not None
        mine.tokens = mine.tokens._replace(access=less.json()["access_token"])
        with pytest.raises(Refused, match="insufficient_scope"):
            await mine.sign_out()

    assert more.json()["error"] == "invalid_scope"
    assert less.json()["scope"] == "me:read"


async def test_the_database_keeps_one_living_token_a_session(
    app: Litestar, settings: Settings, module_database: str
) -> None:
    async with registered(app, settings) as mine:
        second = """
            INSERT INTO app.refresh SELECT sha256(hash), session, subject, generation + 1, salt, at, expires_at
            FROM app.refresh WHERE subject = :subject
        """
        assert mine.tokens is not None
        owner = create_engine(module_database)
        with pytest.raises(IntegrityError, match="refresh_one_live"), owner.begin() as db:
            db.execute(text(second), {"subject": ids.parse("resident", mine.tokens.subject)})
        owner.dispose()


async def _rotate(app: Litestar, mine: Phone, jkt: str, now: datetime) -> Rotated | Denied:
    async with story_of(house_of(app), "public") as story:
        return await refresh.rotate(story, _refresh(mine), jkt, now)
