"""The control of tests/security/test_tipping_off.py: an answer that tells is found."""

from typing import Any, cast

import httpx
import pytest
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from tests.security.test_tipping_off import differences, newcomers, walked

pytestmark = pytest.mark.asyncio


class Telling:
    """A planted defect: somebody who is on a list reads a word more than others."""

    def __init__(self, inside: ASGIApp, path: str, word: bytes) -> None:
        self.inside = inside
        self.path = path
        self.word = word

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tells = scope["type"] == ScopeType.HTTP and scope["path"] == self.path

        async def telling(message: Message) -> None:
            if tells and message["type"] == "http.response.start":
                message["headers"] = [each for each in message["headers"] if each[0].lower() != b"content-length"]
            if tells and message["type"] == "http.response.body" and message["body"]:
                message["body"] = message["body"].replace(b"under_review", self.word)
            await send(message)

        await self.inside(scope, receive, telling)


async def test_a_code_that_tells_would_be_found(app: Litestar, client: httpx.AsyncClient) -> None:
    who = await newcomers(app, client, ["risky", "confirmed"])
    leaky = httpx.ASGITransport(cast("Any", Telling(cast("Any", app), "/v1/me/identity", b"under_revieW")))
    async with httpx.AsyncClient(transport=leaky, base_url="http://127.0.0.1:8000") as other:
        told = {
            "risky": await walked(app, client, who["risky"]),
            "confirmed": await walked(app, other, who["confirmed"]),
        }

    assert [each.partition(":")[0] for each in differences(told)] == ["('getIdentity', '0')"]
