"""The post in tests: what the worker delivers, to the gateway's own code, in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import msgspec

from app.house import House
from app.partners import messenger
from simulators import messages
from simulators.messages import Gateway, Sent

ADDRESS = "http://127.0.0.1:9105"


class Post(msgspec.Struct, frozen=True):
    """The gateway, and our process as it would be with that gateway at the other end of its line."""

    gateway: Gateway
    house: House

    async def sent(self, to: str) -> list[Sent]:
        """Let the worker deliver what is due, and list what somebody was sent."""
        while await messenger.step(self.house):
            pass
        return self.gateway.to(to)

    async def code(self, to: str) -> str:
        """Read the latest code somebody was sent."""
        codes = [messages.code(each.text) for each in await self.sent(to)]
        return next(code for code in reversed(codes) if code)

    async def titles(self, to: str) -> list[str]:
        """List the titles of what somebody was sent."""
        return [each.title for each in await self.sent(to)]


@asynccontextmanager
async def post_of(house: House, **told: Any) -> AsyncIterator[Post]:  # noqa: ANN401  settings
    """Open the post of a house."""
    gateway = Gateway()
    transport = httpx.ASGITransport(cast("Any", messages.build(gateway)))
    settings = msgspec.structs.replace(house.settings, messages_url=ADDRESS, **told)
    async with httpx.AsyncClient(transport=transport) as http:
        yield Post(gateway, msgspec.structs.replace(house, http=http, settings=settings))
