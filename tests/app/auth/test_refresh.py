"""Refresh tokens: one works, each once; one that comes back ends the session."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from app import clock
from app.auth import refresh, session
from app.auth.refresh import Denied, Rotated
from app.http import ids
from app.settings import Settings
from simulators.passkey import DeviceKey
from simulators.phone import Phone, Refused
from tests.app.auth.forge import key
from tests.app.auth.people import count, house_of, registered, story_of
from tests.planted import planted

pytestmark = pytest.mark.asyncio

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


#: A check of app/auth/refresh.py, and what stands in its place in a copy.
DEFECTS: dict[str, tuple[str, str]] = {
    "who comes second does not wait": (".with_for_update()", ""),
    "the next token is drawn anew": ('hmac.digest(stored.salt, shown.secret, "sha256")', "secrets.token_bytes(32)"),
    "a used token is not marked": (".values(used_at=now))", ".values(used_at=None))"),
    "a used token gives another": ("elif stored.child_used or now - stored.used_at > REPEATABLE:", "elif False:"),
    "a reuse ends nothing": (
        'await session.end(db, opened.id, opened.subject, "refresh_reused", now)', "pass"
    ),
    "a reuse is asked for again, always": ("REPEATABLE = timedelta(seconds=10)", "REPEATABLE = timedelta(days=10)"),
    "any key will do": ("opened.jkt != asked.jkt or", ""),
}  # fmt: skip


async def test_the_race_and_the_reuse_are_as_they_must_be(app: Litestar, settings: Settings) -> None:
    async with registered(app, settings) as mine:
        assert await _holds(app, mine, refresh) == []


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
async def test_a_server_that_lacks_a_check_is_caught(
    app: Litestar, settings: Settings, defect: tuple[str, str]
) -> None:
    async with registered(app, settings) as mine:
        assert await _holds(app, mine, planted(refresh, *defect))


async def _holds(app: Litestar, mine: Phone, by: Any) -> list[str]:  # noqa: ANN401  refresh or a copy
    """Race, come back late, come with another key: say what of it was not as it must be."""
    house, jkt, now = house_of(app), key(mine.device.jwk).thumbprint, clock.real()
    first, wrong = _refresh(mine), []

    async def rotate(text: str, jkt: str, now: datetime) -> str:
        try:
            async with story_of(house, "public") as story:
                return getattr(await by.rotate(story, text, refresh.Asked(jkt, now)), "text", "")
        except SQLAlchemyError as error:
            return type(error).__name__

    if await rotate(first, "A" * 43, now) != "":
        wrong.append("another key got one")
    [second, *more] = {await each for each in [asyncio.ensure_future(rotate(first, jkt, now)) for _ in range(20)]}
    if more or await _live(app, mine) != 1:
        wrong.append("a race left more than one, or an error")
    third = await rotate(second, jkt, now)
    late = await rotate(first, jkt, now + timedelta(minutes=1))
    if late or not third or await _live(app, mine):
        wrong.append("a reuse did not end the session")
    lost = (await mine.sign_in()).refresh
    if not await rotate(lost, jkt, now) or await rotate(lost, jkt, now + timedelta(minutes=1)):
        wrong.append("an answer was asked for again after a minute")
    return wrong


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
        return await refresh.rotate(story, _refresh(mine), refresh.Asked(jkt, now))
