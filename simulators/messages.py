"""The gateway that sends e-mail and SMS: here it keeps them, and whoever tests from outside reads them.

    python -m simulators.messages --port 8095

POST /messages takes one, once per Idempotency-Key. GET /messages?to=anna@example.com lists what somebody was sent, the
latest last; everything is forgotten when the process ends.
"""

import argparse
import re
from typing import Annotated

import msgspec
import uvicorn
from litestar import Litestar, Response, get, post
from litestar.params import HeaderParameter, JSONBody, QueryParameter


class Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message, as it would be sent."""

    id: str
    kind: str
    to: str
    language: str
    title: str
    text: str


class Inbox(msgspec.Struct, frozen=True):
    """What somebody was sent."""

    messages: list[Sent]


class Gateway:
    """What was sent, by the key it was sent under."""

    def __init__(self) -> None:
        self.sent: dict[str, Sent] = {}

    def take(self, key: str, message: Sent) -> None:
        """Send a message, if it was not sent before."""
        self.sent.setdefault(key, message)

    def to(self, contact: str | None) -> list[Sent]:
        """List what was sent to somebody, or to everybody."""
        return [each for each in self.sent.values() if contact in {None, each.to}]


def code(text: str) -> str | None:
    """Read the code out of a message; None where it holds none."""
    found = re.search(r"\b[0-9]{8}\b", text)
    return found[0] if found else None


def build(gateway: Gateway) -> Litestar:
    """Compose the process around one gateway."""

    @get("/health/ready")
    async def ready() -> str:
        return "ready"

    @post("/messages", status_code=202)
    async def send(
        data: JSONBody[Sent], idempotency_key: Annotated[str, HeaderParameter(name="idempotency-key")]
    ) -> Response[None]:
        gateway.take(idempotency_key, data)
        return Response(None, status_code=202)

    @get("/messages")
    async def sent(to: Annotated[str | None, QueryParameter()] = None) -> Inbox:
        return Inbox(gateway.to(to))

    return Litestar([ready, send, sent], openapi_config=None)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(build(Gateway()), host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
