"""Our answers, signed (RFC 9421): where money or reports move, who asked can prove later what we said to what.

A route says `opt={"answers": "signed"}`. Its answers are held back until they are whole, refusals included; an answer
to a partner who did not prove itself is left unsigned, so nobody gets signatures from us by asking.
"""

from typing import Any, cast

import litestar
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Message, Receive, Scope, Send

from app import clock, problems
from app.auth import authenticate, message_signature
from app.auth.message_signature import Answer, Request
from app.house import House

#: Set in the state of a request whose caller is known: by its signature or by its token.
PROVED = "caller.proved"


class SignedAnswers(ASGIMiddleware):
    """Signs the answers of the routes that say so."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Hold the answer back until it is whole, then sign and send it."""
        if scope["route_handler"].opt.get("answers") != "signed":
            await next_app(scope, receive, send)
            return
        house: House = scope["litestar_app"].state.house
        begun: HTTPResponseStartEvent | None = None
        body = bytearray()

        async def hold(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = message
            elif message["type"] == "http.response.body":
                body.extend(message["body"])
                if not message["more_body"]:
                    assert begun is not None, "an answer begins with its status"
                    await send(_signed(house, cast("HTTPScope", scope), begun, bytes(body)))
                    await send({"type": "http.response.body", "body": bytes(body), "more_body": False})
            else:
                await send(message)

        if (refusal := scope["state"].get(authenticate.REFUSED)) is None:
            await next_app(scope, receive, hold)
        else:
            asked: litestar.Request[Any, Any, Any] = litestar.Request(scope, receive, hold)
            answer = problems.on_refusal(asked, refusal)
            await answer.to_asgi_response(app=None, request=asked)(scope, receive, hold)


def request(house: House, scope: HTTPScope) -> Request:
    """Read a request as its parts are signed: its address is the public one, whatever the Host header says."""
    query = scope["query_string"].decode("latin-1")
    url = house.settings.issuer + scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    return Request(str(scope["method"]), url, fields(scope["headers"]))


def fields(headers: Any) -> list[tuple[str, str]]:  # noqa: ANN401  any pairs of bytes, as ASGI brings them
    """Read header lines."""
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]


def _signed(house: House, scope: HTTPScope, begun: HTTPResponseStartEvent, body: bytes) -> HTTPResponseStartEvent:
    if not scope["state"].get(PROVED) and scope["auth"] is None:
        return begun
    # A digest a handler made of its own is replaced by the same one.
    kept = [(name, value) for name, value in begun["headers"] if name.lower() != b"content-digest"]
    answer = Answer(begun["status"], fields(kept), request(house, scope))
    added = message_signature.sign_answer(house.keys.message, answer, body, clock.real())
    lines = [(name.lower().encode(), value.encode()) for name, value in added.items()]
    return {**begun, "headers": [*kept, *lines]}
