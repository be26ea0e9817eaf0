"""The resident's app as client code: a passkey, a device key, and calls that prove possession of it.

Other simulators and the journeys build on it:

    async with Phone("http://127.0.0.1:8000") as phone:
        await phone.register()
        card = await phone.post("/v1/cards", {"…": "…"})
        phone.calls[-1]          # Call(method="POST", path="/v1/cards", status=201, ms=12.3)

`get`, `post`, `patch` and `delete` return the decoded body and raise `Refused` for every answer of 400 and above;
`call` returns the answer as it came. Every call is recorded in `calls` and handed to `record`.
"""

import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self

import httpx

from simulators.passkey import DeviceKey, Json, Passkey, challenge_of, origin_of

#: Reads the code that was sent to a contact.
ReadCode = Callable[[str], Awaitable[str]]


class Call(NamedTuple):
    """One request and how it went, for printing."""

    method: str
    path: str
    status: int
    ms: float


class Refused(Exception):
    """The API answered 400 or above: `status`, its problem `code` (or OAuth `error`) and the whole `body`."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.body: Json = answer.json() if answer.headers.get("content-type", "").endswith("json") else {}
        self.code: str = self.body.get("code") or self.body.get("error") or ""
        super().__init__(f"{answer.request.method} {answer.request.url.path}: {self.status} {self.code} {self.body}")


class Tampered(Exception):
    """The server wants something else signed than what the phone shows."""


class Tokens(NamedTuple):
    """What a sign-in gives; `subject` is the public id of the person."""

    access: str
    refresh: str
    subject: str


class Phone:
    """One installation of the app on one phone: at most one person, one device key, one session at a time."""

    def __init__(
        self,
        base_url: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        origin: str | None = None,
        record: Callable[[Call], None] | None = None,
    ) -> None:
        self.http = httpx.AsyncClient(base_url=base_url, transport=transport, timeout=30)
        self.base_url = base_url.rstrip("/")
        self.device = DeviceKey()
        self.passkey: Passkey | None = None
        self.tokens: Tokens | None = None
        self.calls: list[Call] = []
        self._origin = origin
        self._record = record
        self.nonce: str | None = None

    async def __aenter__(self) -> Self:
        """Use the phone as a context: its connections close at the end."""
        return self

    async def __aexit__(self, *failure: object) -> None:
        """Close the connections."""
        await self.http.aclose()

    async def register(self, invitation: str | None = None) -> Tokens:
        """Make a passkey and become a new resident, or the officer who was invited."""
        invited = {"invitation": invitation} if invitation else {}
        begun = await self.post("/v1/auth/registrations", invited)
        self.passkey, credential = Passkey.create(begun["options"], self._origin_for(begun["options"]["rp"]["id"]))
        body = {"credential": credential, **invited}
        return self._signed_in(await self.post(f"/v1/auth/registrations/{begun['id']}/passkey", body))

    async def sign_in(self) -> Tokens:
        """Open a new session with the passkey."""
        begun = await self.post("/v1/auth/assertions")
        body = {"credential": self.sign(begun["options"])}
        return self._signed_in(await self.post(f"/v1/auth/assertions/{begun['id']}", body))

    async def refresh(self) -> Tokens:
        """Exchange the refresh token; the old one is spent."""
        assert self.tokens is not None, "sign in first"
        form = {"grant_type": "refresh_token", "refresh_token": self.tokens.refresh}
        answer = await self.call("POST", "/oauth/token", form=form, signed_in=False)
        return self._signed_in(_ok(answer))

    async def sign_out(self) -> None:
        """End the session on the server, then forget the tokens."""
        await self.delete("/v1/auth/session")
        self.tokens = None

    async def step_up(self, operation: str, shown: Json) -> Json:
        """Confirm exactly `shown` with the passkey; the answer is the `step_up` field of the confirming call."""
        begun = await self.post("/v1/auth/step-ups", {"operation": operation, "shown": shown})
        if begun["shown"] != shown or begun["options"]["challenge"] != challenge_of(begun):
            raise Tampered
        return {"id": begun["id"], "credential": self.sign(begun["options"])}

    async def add_device(self, other: "Phone") -> Tokens:
        """Let another phone sign this person in too: confirmed here, its passkey made there."""
        assert self.tokens is not None, "sign in first"
        step_up = await self.step_up("device.add", {"account": self.tokens.subject})
        added = await self.post("/v1/me/devices", {"step_up": step_up})
        return await other.register(added["invitation"])

    async def remove_device(self, device: str) -> None:
        """Let a device sign this person in no more."""
        step_up = await self.step_up("device.remove", {"device_id": device})
        await self.delete(f"/v1/me/devices/{device}", {"step_up": step_up})

    async def add_contact(self, kind: str, value: str, read_code: ReadCode) -> str:
        """Prove to receive what is sent to `value`, where `read_code` finds the code; the id of the contact."""
        claimed = await self.post("/v1/me/contacts", {"kind": kind, "value": value})
        contact = str(claimed["id"])
        code = await read_code(value)
        step_up = await self.step_up("contact.add", {"contact_id": contact, "kind": kind})
        await self.post(f"/v1/me/contacts/{contact}/code", {"code": code, "step_up": step_up})
        return contact

    async def recover(self, kind: str, value: str, read_code: ReadCode, document: Json | None = None) -> Tokens:
        """Come back on this new phone: the code, the document where one is asked for, a new passkey; then sign in."""
        begun = await self.post("/v1/auth/recoveries", {"kind": kind, "value": value})
        where = f"/v1/auth/recoveries/{begun['id']}"
        step = await self.post(f"{where}/code", {"code": await read_code(value)})
        if step["next"] == "document":
            await self.post(f"{where}/document", document)
        asked = await self.post(f"{where}/registrations")
        self.passkey, credential = Passkey.create(asked["options"], self._origin_for(asked["options"]["rp"]["id"]))
        await self.post(f"{where}/passkey", {"registration_id": asked["id"], "credential": credential})
        return await self.sign_in()

    async def contest(self) -> None:
        """Say with the passkey of this former phone that a recovery was somebody else's."""
        begun = await self.post("/v1/auth/assertions")
        body = {"assertion_id": begun["id"], "credential": self.sign(begun["options"])}
        _ok(await self.call("POST", "/v1/auth/recovery-contests", body=body, signed_in=False))

    def sign(self, options: Json) -> Json:
        """Let the person answer a WebAuthn request with finger or face."""
        assert self.passkey is not None, "register first"
        return self.passkey.sign(options, self._origin_for(self.passkey.rp_id))

    async def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401  whatever JSON the operation answers
        """Read."""
        return _ok(await self.call("GET", path, query=query))

    async def post(self, path: str, body: object = None, *, key: str | None = None) -> Any:  # noqa: ANN401  see get
        """Create or move, under `key` as Idempotency-Key or a fresh one."""
        return _ok(await self.call("POST", path, body=body, key=key))

    async def patch(self, path: str, body: object, *, etag: str | None = None) -> Any:  # noqa: ANN401  see get
        """Edit, if it is still the version `etag` names."""
        return _ok(await self.call("PATCH", path, body=body, headers={"If-Match": etag} if etag else {}))

    async def delete(self, path: str, body: object = None) -> Any:  # noqa: ANN401  see get
        """End or remove."""
        return _ok(await self.call("DELETE", path, body=body))

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        form: dict[str, str] | None = None,
        query: dict[str, str | int] | None = None,
        headers: dict[str, str] | None = None,
        key: str | None = None,
        signed_in: bool = True,
    ) -> httpx.Response:
        """Send one request with its proof, and with the access token when there is one (`signed_in`)."""
        token = self.tokens.access if self.tokens and signed_in else None
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"DPoP {token}"
        if method == "POST" and form is None:
            sent["Idempotency-Key"] = key or str(uuid.uuid4())
        request = self.http.build_request(method, path, json=body, data=form, params=query, headers=sent)
        answer = await self._send(request, token)
        if _wants_nonce(answer):
            answer = await self._send(request, token)
        return answer

    async def _send(self, request: httpx.Request, token: str | None) -> httpx.Response:
        url = self.base_url + request.url.path
        request.headers["DPoP"] = self.device.proof(request.method, url, token=token, nonce=self.nonce)
        started = time.perf_counter()
        answer = await self.http.send(request)
        self._note(Call(request.method, request.url.path, answer.status_code, (time.perf_counter() - started) * 1_000))
        self.nonce = answer.headers.get("dpop-nonce", self.nonce)
        return answer

    def _note(self, call: Call) -> None:
        self.calls.append(call)
        if self._record is not None:
            self._record(call)

    def _signed_in(self, body: Json) -> Tokens:
        subject = body.get("subject") or (self.tokens.subject if self.tokens else "")
        self.tokens = Tokens(body["access_token"], body["refresh_token"], subject)
        return self.tokens

    def _origin_for(self, rp_id: str) -> str:
        return self._origin or origin_of(self.base_url, rp_id)


def _wants_nonce(answer: httpx.Response) -> bool:
    # RFC 9449 section 8: the server hands out a nonce with its refusal; the same request goes once more with it.
    if answer.status_code not in {400, 401} or "dpop-nonce" not in answer.headers:
        return False
    return "use_dpop_nonce" in answer.headers.get("www-authenticate", "") + answer.text


def _ok(answer: httpx.Response) -> Any:  # noqa: ANN401  whatever JSON the operation answers
    if answer.is_error:
        raise Refused(answer)
    return answer.json() if answer.content else None
