"""A client that does not give up: what got no answer is asked again, under the same Idempotency-Key.

That is how a phone lives with a lost network, and how the journeys live with processes that are killed under them.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Self, TypeVar

import httpx

from simulators.phone import Call, Phone, Refused, Tokens

GIVE_UP_AFTER_S = 300.0  # longer than any lease of a worker that was killed, and than a slow machine looks at others
_PAUSE_S = 0.1

Found = TypeVar("Found")


class NotYet(Exception):
    """Something that was to happen by itself did not happen in time; says what was there instead."""


async def patiently(send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Send until there is an answer that is not "again": no connection, 503, or the same key still running."""
    deadline = time.monotonic() + GIVE_UP_AFTER_S
    while True:
        try:
            answer = await send()
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        else:
            again = answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE or (
                answer.status_code == HTTPStatus.CONFLICT and "in_progress" in answer.text
            )
            if not again or time.monotonic() > deadline:
                return answer
        await asyncio.sleep(_PAUSE_S)


async def until(
    read: Callable[[], Awaitable[Found]], good: Callable[[Found], bool], within_s: float = GIVE_UP_AFTER_S
) -> Found:
    """Read again and again until it is good. Raises NotYet."""
    deadline = time.monotonic() + within_s
    while not good(found := await read()):
        if time.monotonic() > deadline:
            raise NotYet(str(found))
        await asyncio.sleep(_PAUSE_S)
    return found


async def through(act: Callable[[], Awaitable[Found]], lost: type[Exception] = httpx.TransportError) -> Found:
    """Begin an act again whose steps can't be repeated one by one, such as a sign-in, until nothing is `lost`."""
    deadline = time.monotonic() + GIVE_UP_AFTER_S
    while True:
        try:
            return await act()
        except lost:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_PAUSE_S)


class PatientPhone(Phone):
    """A phone whose calls survive the loss of any answer, and whose person stays signed in for as long as it takes."""

    async def call(self, method: str, path: str, *, key: str | None = None, **sent: Any) -> httpx.Response:  # noqa: ANN401  as Phone.call
        """Send one request until it is answered; each attempt carries a proof of its own."""
        once = key or str(uuid.uuid4())
        send = super().call
        answer = await patiently(lambda: send(method, path, key=once, **sent))
        if _is_over(answer):
            await self._renew()
            answer = await patiently(lambda: send(method, path, key=once, **sent))
        return answer

    async def _renew(self) -> None:
        """Get another access token; if the new refresh token was lost on its way, sign in."""
        try:
            await self.refresh()
        except Refused:
            await self.sign_in()

    async def register(self, invitation: str | None = None) -> Tokens:
        """Register; if the "yes" itself was lost, the passkey is known already and signs in."""
        try:
            return await super().register(invitation)
        except Refused:
            return await self.sign_in()


def _is_over(answer: httpx.Response) -> bool:
    """Say whether the access token was good and its five minutes are over."""
    said = answer.headers.get("www-authenticate", "")
    return answer.status_code == HTTPStatus.UNAUTHORIZED and "invalid_token" in said and "expired" in said


class Desk:
    """Somebody at a desk: an officer, a regulator, an operator, with a token that is bound to no device."""

    def __init__(self, base_url: str, token: str, record: Callable[[Call], None] | None = None) -> None:
        self._http = httpx.AsyncClient(base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self._record = record

    async def __aenter__(self) -> Self:
        """Use the desk as a context: its connections close at the end."""
        return self

    async def __aexit__(self, *failure: object) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401  whatever JSON the operation answers
        """Read."""
        return await self._call("GET", path, query=query)

    async def post(self, path: str, body: object = None, *, key: str | None = None) -> Any:  # noqa: ANN401  see get
        """Create or move, under `key` as Idempotency-Key or a fresh one."""
        return await self._call("POST", path, body=body, key=key or str(uuid.uuid4()))

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: dict[str, str | int] | None = None,
        key: str | None = None,
    ) -> Any:  # noqa: ANN401  see get
        headers = {"Idempotency-Key": key} if key else {}
        started = time.perf_counter()
        answer = await patiently(lambda: self._http.request(method, path, json=body, params=query, headers=headers))
        if self._record is not None:
            self._record(Call(method, path, answer.status_code, (time.perf_counter() - started) * 1_000))
        if answer.is_error:
            raise Refused(answer)
        return answer.json() if answer.content else None
