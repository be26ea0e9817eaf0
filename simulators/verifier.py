"""A relying party: a bank, an employer, a city office. A process that trusts the published root and nobody's word.

    python -m simulators.verifier --port 8091 --issuer http://127.0.0.1:8000 [--root root.pem]

    POST /requests                    {"claims": [["residency_status"], ["age_equal_or_over", "18"]]}: a request
    POST /requests/{id}/presentation  {"presentation": "eyJ…~…~…"}: the verdict, each check by name
    GET  /requests/{id}               the verdict again

The root is pinned once: from the file, or from the issuer's well-known address when the first request is made. Each
request is answered once, within minutes.
"""

import argparse
import secrets
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from litestar import Litestar, Response, get, post
from litestar.exceptions import ClientException, HTTPException, NotFoundException
from litestar.params import FromPath, JSONBody

from simulators.passkey import Json
from simulators.verdict import Unknown, Verdict, Wanted, verdict

REQUEST_LIFE_S = 300
_REQUESTS_MAX = 1_000
_TYPE_PATH = "/credentials/e-resident/1"


class Ask(msgspec.Struct, frozen=True):
    """Which claims the verifier wants to see, as paths."""

    claims: list[list[str]]


class Presented(msgspec.Struct, frozen=True):
    """What the wallet answers."""

    presentation: str


class Request(msgspec.Struct, kw_only=True):
    """One question to one holder, open until it is answered or too old."""

    id: str
    wanted: Wanted
    expires_at: float
    verdict: Verdict | None = None


class Verifier:
    """One relying party: its name for audiences, its pinned root, its open requests."""

    def __init__(
        self,
        url: str,
        issuer: str,
        *,
        root: x509.Certificate | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url
        self.issuer = issuer
        self.root = root
        self.requests: dict[str, Request] = {}
        self._transport = transport

    async def pinned(self) -> x509.Certificate:
        """Give the root, fetched once and never again; raises Unknown if the issuer does not answer."""
        if self.root is None:
            pem = await self._fetch(f"{self.issuer}/.well-known/eresidency-root.pem")
            self.root = x509.load_pem_x509_certificate(pem.encode())
        return self.root

    def ask(self, claims: list[list[str]]) -> Request:
        """Open a request for `claims`, forgetting those that are too old."""
        now = time.time()
        self.requests = {key: one for key, one in self.requests.items() if now < one.expires_at + REQUEST_LIFE_S}
        if len(self.requests) >= _REQUESTS_MAX:
            raise HTTPException(status_code=503, detail="too many open requests")
        wanted = Wanted(
            vct=self.issuer + _TYPE_PATH,
            issuer=self.issuer,
            claims=claims,
            audience=self.url,
            nonce=secrets.token_urlsafe(32),
        )
        request = Request(id=secrets.token_urlsafe(12), wanted=wanted, expires_at=now + REQUEST_LIFE_S)
        self.requests[request.id] = request
        return request

    async def judge(self, request: Request, presentation: str) -> Verdict:
        """Check what was presented; the first answer closes the request."""
        root = await self.pinned()
        if request.verdict is not None or time.time() >= request.expires_at:
            raise ClientException(status_code=409, detail="the request is closed")
        request.verdict = await verdict(presentation, request.wanted, root, self._status_list)
        return request.verdict

    async def _status_list(self, uri: str) -> str:
        # Fetched for every presentation: a shop would keep it for its ttl, a demonstration shows a revocation at once.
        return await self._fetch(uri, accept="application/statuslist+jwt")

    async def _fetch(self, url: str, *, accept: str = "*/*") -> str:
        try:
            async with httpx.AsyncClient(transport=self._transport, timeout=5, follow_redirects=False) as http:
                answer = await http.get(url, headers={"Accept": accept})
                answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Unknown(f"{url} does not answer: {type(error).__name__}") from error
        return answer.text


def build(verifier: Verifier) -> Litestar:
    """Compose the process around one relying party."""

    def known(request_id: str) -> Request:
        if (found := verifier.requests.get(request_id)) is None:
            raise NotFoundException
        return found

    @get("/health/ready")
    async def ready() -> str:
        return "ready"

    @get("/root")
    async def root() -> Json:
        pinned = await verifier.pinned()
        return {"subject": pinned.subject.rfc4514_string(), "sha256": pinned.fingerprint(hashes.SHA256()).hex()}

    @post("/requests")
    async def ask(data: JSONBody[Ask]) -> Json:
        await verifier.pinned()
        request = verifier.ask(data.claims)
        told: Json = msgspec.to_builtins(request.wanted)
        respond_to = f"{verifier.url}/requests/{request.id}/presentation"
        return told | {"id": request.id, "response_uri": respond_to, "expires_in": REQUEST_LIFE_S}

    @post("/requests/{request_id:str}/presentation", status_code=200)
    async def present(request_id: FromPath[str], data: JSONBody[Presented]) -> Verdict:
        return await verifier.judge(known(request_id), data.presentation)

    @get("/requests/{request_id:str}")
    async def again(request_id: FromPath[str]) -> Json:
        found = known(request_id)
        return {"answered": found.verdict is not None, "verdict": msgspec.to_builtins(found.verdict)}

    return Litestar([ready, root, ask, present, again], exception_handlers={Unknown: _unavailable}, openapi_config=None)


def _unavailable(_: Any, error: Unknown) -> Response[Json]:  # noqa: ANN401  # Litestar's signature
    return Response({"detail": str(error)}, status_code=503)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--issuer", required=True, help="public base URL of the issuer")
    parser.add_argument("--root", type=Path, help="PEM file of the root to pin")
    given = parser.parse_args()
    root = x509.load_pem_x509_certificate(given.root.read_bytes()) if given.root else None
    verifier = Verifier(f"http://127.0.0.1:{given.port}", given.issuer.rstrip("/"), root=root)
    uvicorn.run(build(verifier), host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
