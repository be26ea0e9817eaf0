"""A patient phone: its person stays signed in for as long as a story takes, and whoever was shut out stays out."""

from datetime import timedelta
from typing import Any, cast

import httpx
import msgspec
import pytest
from litestar import Litestar

from app import clock
from app.auth import token
from app.settings import Settings
from simulators.patience import PatientPhone
from tests.app.auth.people import house_of

pytestmark = pytest.mark.asyncio


def patient(app: Litestar, settings: Settings) -> PatientPhone:
    return PatientPhone(settings.issuer, transport=httpx.ASGITransport(cast("Any", app)), origin=settings.origins[0])


def long_ago(app: Litestar, access: str) -> str:
    """Mint the same access token as it was minted before its life was over."""
    door, life_s = house_of(app).door, int(token.LIFETIME / timedelta(seconds=1))
    claims = door.reader.read(access, clock.real())
    earlier = msgspec.structs.replace(claims, iat=claims.iat - life_s, exp=claims.exp - life_s)
    return token.mint(door.ring.current(), earlier)


async def test_whose_access_token_is_over_goes_on_with_another(app: Litestar, settings: Settings) -> None:
    async with patient(app, settings) as mine:
        tokens = await mine.register()
        mine.tokens = tokens._replace(access=long_ago(app, tokens.access))

        assert (await mine.get("/v1/me"))["id"] == tokens.subject
        assert [call.status for call in mine.calls[-3:]] == [401, 200, 200]


async def test_whose_refresh_token_was_lost_on_its_way_signs_in(app: Litestar, settings: Settings) -> None:
    async with patient(app, settings) as mine:
        tokens = await mine.register()
        mine.tokens = tokens._replace(access=long_ago(app, tokens.access), refresh="lost")

        assert (await mine.get("/v1/me"))["id"] == tokens.subject
        assert [call.status for call in mine.calls[-5:]] == [401, 400, 201, 201, 200]


async def test_whoever_was_shut_out_stays_out(app: Litestar, settings: Settings) -> None:
    async with patient(app, settings) as mine:
        tokens = await mine.register()
        await mine.sign_out()
        mine.tokens, before = tokens, len(mine.calls)

        answer = await mine.call("GET", "/v1/me")

        assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")
        assert len(mine.calls) == before + 1
