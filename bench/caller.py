"""Requests straight into an ASGI application: no socket and no client library between the clock and the house."""

from typing import Any
from urllib.parse import urlsplit

from litestar import Litestar


class Failed(Exception):
    """The application refused a request of a measurement, which is therefore worth nothing."""


class Caller:
    """One client of one application; `nonce` is what its next proof must carry (RFC 9449 section 8)."""

    def __init__(self, app: Litestar, base_url: str) -> None:
        self._app = app
        self.nonce: str | None = None
        parts = urlsplit(base_url)
        self._scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": parts.scheme,
            "server": (parts.hostname, parts.port),
            "client": ("127.0.0.1", 40_000),
            "root_path": "",
            "query_string": b"",
        }
        self._host = (b"host", parts.netloc.encode())

    async def __call__(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
        """Send one request and return the body of its answer. Raises Failed for 400 and above."""
        received: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:  # noqa: ANN401  the shape ASGI asks for
            received.append(message)

        scope = self._scope | {
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "headers": [
                self._host,
                (b"content-length", str(len(body)).encode()),
                *((name.lower().encode(), value.encode()) for name, value in (headers or {}).items()),
            ],
            "state": {},
        }
        app: Any = self._app
        await app(scope, receive, send)
        self.nonce = next(
            (value.decode() for name, value in received[0]["headers"] if name == b"dpop-nonce"), self.nonce
        )
        answer = b"".join(message.get("body", b"") for message in received[1:])
        if received[0]["status"] >= 400:
            raise Failed(f"{method} {path}: {received[0]['status']} {answer.decode()}")
        return answer
