"""Stripe played by a server of ours, for the real SDK to speak to: an ASGI application with a memory.

door      app()          who calls, under which version, once per key, of the right type (tests/stripe/typed.py)
issuing   issuing.py     cardholders, cards, authorizations, transactions, disputes, what testers can make happen
tells     Fake.tell()    events, signed by the SDK's own signer, and listed

Objects have the fields of Stripe's example objects (tests/stripe/fixtures.py).
"""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any, Literal
from urllib.parse import urlencode

import httpx
import msgspec
import stripe

from app.partners.stripe_issuing.client import VERSION
from tests.stripe import fixtures, form, typed
from tests.stripe.typed import Untyped

KEY = "sk_test_fake"
ASKING, TELLING = "whsec_authorizations", "whsec_events"
ADDRESS = "http://stripe.test"
WITHIN_S = 2.0
Object = dict[str, Any]
#: Shared by all accounts: a database may have met the names of several.
_NUMBERS = itertools.count(1)


class Refusal(Exception):
    """An error as Stripe answers it."""

    def __init__(self, status: int, kind: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(kind, code)
        self.status = status
        self.body = {"error": {"type": kind, "code": code, "param": param, "message": f"{kind} {code}"}}


class Lost(Exception):
    """The answer never arrived."""


Door = Callable[["Fake", list[str], Object], Awaitable[Object]]


class Fake:
    """One account at Stripe. `ours` is how it reaches us; `now` its clock, in seconds.

    `lose` answers get lost on their way, after what was asked was done; `break_` requests are answered 500 before. A
    question is `slow` on its way here or back: Stripe then decides `by_default`.
    """

    def __init__(self, doors: dict[tuple[str, str], tuple[Door, Any]]) -> None:
        self.doors = doors
        self.objects: dict[str, Object] = {}
        self.files: dict[str, bytes] = {}
        self.pins: dict[str, str] = {}
        self.events: list[Object] = []
        self.asked: list[tuple[str, str, Object]] = []
        self.answered: list[Object] = []
        self.ours: httpx.AsyncClient | None = None
        self.now = 1_800_000_000
        self.lose = self.break_ = 0
        self.slow: Literal["", "before", "after"] = ""
        self.by_default = False
        self.uploading: str | None = None
        self._keys: dict[str, tuple[str, Object, int, bytes]] = {}

    def name(self, prefix: str) -> str:
        """Name an object."""
        return f"{prefix}_{next(_NUMBERS):014d}"

    def find(self, id_: str, prefix: str) -> Object:
        """Find an object by its name."""
        found = self.objects.get(id_)
        if found is None or not id_.startswith(f"{prefix}_"):
            raise Refusal(404, "invalid_request_error", "resource_missing", "id")
        return found

    def tell(self, kind: str, about: Object) -> Object:
        """Note an event, with the object as it is now."""
        event = fixtures.like(
            "event",
            id=self.name("evt"),
            type=kind,
            created=self.now,
            api_version=VERSION,
            data={"object": msgspec.json.decode(msgspec.json.encode(about))},
        )
        self.events.append(event)
        return event

    async def deliver(self, event: Object) -> httpx.Response:
        """Send an event to our endpoint."""
        return await self._send("/v1/processors/stripe/events", event, TELLING)

    async def ask(self, event: Object) -> httpx.Response:
        """Ask, and wait for the answer as long as Stripe does."""
        if self.slow == "before":
            raise TimeoutError
        answer = await self._send("/v1/processors/stripe/authorizations", event, ASKING)
        if self.slow:
            raise TimeoutError
        return answer

    async def _send(self, path: str, event: Object, secret: str) -> httpx.Response:
        assert self.ours is not None, "somebody listens"
        body = msgspec.json.encode(event).decode()
        signature = stripe.WebhookSignature.generate_signature_header(body, secret)
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json; charset=utf-8"}
        return await self.ours.post(path, content=body, headers=headers, timeout=WITHIN_S)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        try:
            status, answer = await self._answer(scope, headers, body)
        except Refusal as refusal:
            status, answer = refusal.status, msgspec.json.encode(refusal.body)
        if self.lose and scope["method"] == "POST":
            self.lose -= 1
            raise Lost
        told = [(b"content-type", b"application/json"), (b"request-id", b"req_fake")]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": answer})

    async def _answer(self, scope: Any, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:  # noqa: ANN401  ASGI
        if headers.get("authorization") != f"Bearer {KEY}":
            raise Refusal(401, "invalid_request_error")
        if headers.get("stripe-version") != VERSION:
            raise Refusal(400, "invalid_request_error", "version")
        method, path = scope["method"], scope["path"]
        if (kind := headers.get("content-type", "")).startswith("multipart/form-data"):
            tree, self.uploading = form.parts(body, kind)
        else:
            tree = form.read(body.decode() if method == "POST" else scope["query_string"].decode())
        if self.break_ and method == "POST":
            self.break_ -= 1
            raise Refusal(500, "api_error")
        if method != "POST":
            return 200, await self._do(method, path, tree)
        key = headers["idempotency-key"]
        known = self._keys.get(key)
        if known is None:
            try:
                answer = 200, await self._do(method, path, tree)
            except Refusal as refusal:
                answer = refusal.status, msgspec.json.encode(refusal.body)
            known = self._keys[key] = (path, tree, *answer)
        if known[:2] != (path, tree):
            raise Refusal(400, "idempotency_error")
        return known[2:]

    async def _do(self, method: str, path: str, tree: Object) -> bytes:
        door, kind, parts = self._door(method, path)
        try:
            params = typed.read(tree, kind)
        except Untyped as fault:
            raise Refusal(400, "invalid_request_error", "parameter_unknown", str(fault)) from fault
        self.asked.append((method, path, params))
        found = await door(self, parts, params)
        shown = self._expanded(found, params.get("expand", []))
        self.answered.append(shown)
        return msgspec.json.encode(shown)

    def _door(self, method: str, path: str) -> tuple[Door, Any, list[str]]:
        for (verb, pattern), (door, kind) in self.doors.items():
            wanted, given = pattern.split("/"), path.split("/")
            if verb == method and len(wanted) == len(given):
                parts = [part for name, part in zip(wanted, given, strict=True) if name == "*"]
                if all(name in {"*", part} for name, part in zip(wanted, given, strict=True)):
                    return door, kind, parts
        raise Refusal(404, "invalid_request_error", "unknown_path", path)

    def _expanded(self, found: Object, wanted: list[str]) -> Object:
        """Put objects where only their names would stand."""
        for name in wanted:
            if isinstance(id_ := found.get(name), str):
                found = found | {name: self.objects[id_]}
        return found


def page(found: list[Object], params: Object, url: str) -> Object:
    """List objects, the newest first, from behind `starting_after`."""
    rows = found[::-1]
    if after := params.get("starting_after"):
        rows = rows[1 + next(place for place, each in enumerate(rows) if each["id"] == after) :]
    limit = params.get("limit", 10)
    return {
        "object": "list",
        "url": f"{url}?{urlencode({})}".rstrip("?"),
        "has_more": len(rows) > limit,
        "data": rows[:limit],
    }
