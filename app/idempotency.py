"""Do it once: the first answer to an Idempotency-Key is the answer to every repeat.

The answer is stored in the transaction that holds the effect, so there is never one without the other. A refusal is an
answer too: its effect is undone to a savepoint and the problem is stored. Verbs that move money do not come here: their
batch does the same for many requests at once (`app/batch.py`).
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response
from litestar.types import Empty
from sqlalchemy import text

from app import idempotency_key, problems, refusals, strict, vault
from app.db import Story
from app.idempotency_key import Claim, Stored

_JSON = "application/json"
Answer = TypeVar("Answer")
#: What passes by itself is no answer to keep: a quota that fills up again, a fault of ours.
_PASSES = {429, *range(500, 600)}
_REPLAYED = {"Idempotency-Replayed": "true"}

_LOCK = text("SELECT pg_try_advisory_xact_lock(:high, :low)")
_FIND = text(
    "SELECT request_hash, status, headers, body FROM app.idempotency WHERE principal = :principal AND key = :key"
)
_STORE = text(
    """
    INSERT INTO app.idempotency (principal, key, request_hash, status, headers, body, money)
    VALUES (:principal, :key, :request_hash, :status, CAST(:headers AS jsonb), :body, false)
    ON CONFLICT DO NOTHING RETURNING true
    """
)


def respond(stored: Stored, *, replayed: bool = False) -> Response[bytes]:
    """Send a stored answer, marked as a replay where it is one."""
    kind = problems.MEDIA_TYPE if stored.status >= 400 else _JSON  # noqa: PLR2004  RFC 9110: 4xx and up refuse
    headers = {**stored.headers, **(_REPLAYED if replayed else {})}
    return Response(stored.body, status_code=stored.status, media_type=kind, headers=headers)


def refused(request: Request[Any, Any, Any], refusal: Exception) -> Stored:
    """Encode a refusal as its problem, to be stored and sent."""
    response = problems.on_refusal(request, refusal)
    return Stored(response.status_code or 400, response.content, _kept(response.headers))


def claim_of(request: Request[Any, Any, Any], principal: str, body: bytes) -> Claim:
    """Name this request; equal JSON in other spelling is the same request.

    Raises Missing, Malformed, strict.Malformed.
    """
    values = getattr(request, "values", Empty)
    if values is Empty and body:
        values = strict.shaped(body)
    canonical = msgspec.json.encode(values, order="deterministic") if body else b""
    return idempotency_key.claim(
        principal,
        strict.header(request.scope, b"idempotency-key"),
        method=request.method,
        path=request.scope["path"],
        body=canonical,
    )


class Once:
    """The dependency `once` of a POST that creates or moves: `return await once(act)`."""

    def __init__(self, request: Request[Any, Any, Any], story: Story, principal: str) -> None:
        idempotency_key.read(request.headers.get("idempotency-key"))  # before anything is done without one
        self._request = request
        self._story = story
        self._principal = principal

    async def __call__(
        self,
        act: Callable[[Story], Awaitable[Answer]],
        *,
        headers: Callable[[Answer], dict[str, str]] | None = None,
    ) -> Response[Any]:
        """Run `act` in the story unless its answer is known, and answer with the route's status.

        Raises Missing, Reused, InProgress.
        """
        claim = claim_of(self._request, self._principal, await self._request.body())
        db = await self._story()
        if not await db.scalar(_LOCK, lock_key(claim)):
            raise idempotency_key.InProgress
        if (known := await self._known(claim)) is not None:
            return respond(known, replayed=True)
        answer = await self._first(act, headers)
        kept = await db.scalar(
            _STORE,
            {
                "principal": claim.principal,
                "key": claim.key,
                "request_hash": claim.request_hash,
                "status": answer.status,
                "headers": msgspec.json.encode(answer.headers).decode(),
                "body": answer.body,
            },
        )
        if not kept:
            # A batch took the same key for another request meanwhile, which no lock of ours sees: undo, say so.
            raise idempotency_key.InProgress
        return respond(answer)

    async def _known(self, claim: Claim) -> Stored | None:
        db = await self._story()
        row = (await db.execute(_FIND, {"principal": claim.principal, "key": claim.key})).one_or_none()
        if row is None:
            return None
        if row.request_hash != claim.request_hash:
            raise idempotency_key.Reused
        return Stored(row.status, row.body, row.headers)

    async def _first(
        self,
        act: Callable[[Story], Awaitable[Answer]],
        headers: Callable[[Answer], dict[str, str]] | None,
    ) -> Stored:
        db = await self._story()
        try:
            async with db.begin_nested():
                answer = await act(self._story)
        except tuple(refusals.REFUSALS) as refusal:
            if problems.of(refusal).status in _PASSES:
                raise
            await vault.leave_traces(db)
            return refused(self._request, refusal)
        status: int = self._request.route_handler.status_code
        return Stored(status, msgspec.json.encode(answer), headers(answer) if headers else {})


def _kept(headers: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in headers.items() if name.lower() in {"content-language", "vary"}}


def lock_key(claim: Claim) -> dict[str, int]:
    """Name the advisory lock that one key's first request holds while it runs."""
    digest = hashlib.sha256(f"{claim.principal}\x00{claim.key}".encode()).digest()
    return {
        "high": int.from_bytes(digest[:4], signed=True),
        "low": int.from_bytes(digest[4:8], signed=True),
    }
