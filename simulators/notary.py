"""A notary, played by a process of its own: keeps the anchors it is sent, refuses to change one, signs that it has it.

    python -m simulators.notary --port 9106 --folder .data/notary

For the house:
    POST /anchors             the anchor (a compact JWS); 201 and a receipt, 200 and the same receipt when sent again,
                              409 where another one is kept under its number
For whoever verifies (`eresidency verify audit --anchors http://127.0.0.1:9106`):
    GET /anchors?after=17     the anchors that follow number 17, one per line
    GET /key                  what the receipts are signed with

It believes nobody's signature: it only says what it was sent, and when.
"""

import argparse
import base64
import hashlib
import json
import sqlite3
import time
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.params import QueryParameter

from proof.signer import Alg, FileSigner

_JOSE = "application/jose"
_PARTS = 3
_PAGE = 1_000


class Unreadable(Exception):
    """What was sent is no anchor."""


class Conflict(Exception):
    """Another anchor is kept under this number."""


class Notary:
    """The notary's book and key, in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.signer = FileSigner.open(folder / "notary.pem", Alg.EDDSA)
        self._book = sqlite3.connect(folder / "anchors.sqlite", check_same_thread=False, isolation_level=None)
        self._book.execute("PRAGMA synchronous = FULL")
        self._book.execute("CREATE TABLE IF NOT EXISTS anchor (no INTEGER PRIMARY KEY, jws TEXT, receipt TEXT)")

    def keep(self, jws: str) -> tuple[str, bool]:
        """Enter an anchor; answers the receipt, and whether it is new. Raises Unreadable, Conflict."""
        no = _number(jws)
        receipt = self._receipt(no, jws)
        fresh = self._book.execute("INSERT OR IGNORE INTO anchor VALUES (?, ?, ?)", [no, jws, receipt]).rowcount == 1
        kept, receipt = self._book.execute("SELECT jws, receipt FROM anchor WHERE no = ?", [no]).fetchone()
        if kept != jws:
            raise Conflict
        return receipt, fresh

    def following(self, after: int) -> list[str]:
        """Read what follows number `after`."""
        rows = self._book.execute("SELECT jws FROM anchor WHERE no > ? ORDER BY no LIMIT ?", [after, _PAGE])
        return [jws for (jws,) in rows]

    def _receipt(self, no: int, jws: str) -> str:
        header = {"alg": "EdDSA", "kid": self.signer.kid, "typ": "anchor-receipt+jws"}
        said = {"no": no, "sha256": hashlib.sha256(jws.encode()).hexdigest(), "iat": int(time.time())}
        signed = f"{_text(header)}.{_text(said)}"
        return f"{signed}.{_base64(self.signer.sign(signed.encode()))}"


def _number(jws: str) -> int:
    parts = jws.split(".")
    try:
        no = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))["no"]
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise Unreadable from error
    if len(parts) != _PARTS or type(no) is not int or no < 1:
        raise Unreadable
    return no


def _text(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":"), sort_keys=True).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@post("/anchors")
async def keep(request: Request[Any, Any, State]) -> Response[str]:
    """Keep an anchor for good."""
    notary: Notary = request.app.state.notary
    try:
        receipt, fresh = notary.keep((await request.body()).decode("ascii"))
    except (Unreadable, UnicodeDecodeError):
        return Response("no anchor", status_code=400, media_type="text/plain")
    except Conflict:
        return Response("another one is kept", status_code=409, media_type="text/plain")
    return Response(receipt, status_code=201 if fresh else 200, media_type=_JOSE)


@get("/anchors", sync_to_thread=False)
def following(request: Request[Any, Any, State], after: Annotated[int, QueryParameter(ge=0)] = 0) -> Response[str]:
    """Show what is kept, one anchor per line."""
    notary: Notary = request.app.state.notary
    return Response("".join(f"{jws}\n" for jws in notary.following(after)), media_type="text/plain")


@get("/key", sync_to_thread=False)
def key(request: Request[Any, Any, State]) -> dict[str, str]:
    """Show the key of the receipts."""
    notary: Notary = request.app.state.notary
    return notary.signer.public_jwk


def build(folder: Path) -> Litestar:
    """Compose the notary's office."""
    return Litestar([keep, following, key], state=State({"notary": Notary(folder)}), openapi_config=None)


def main() -> None:
    """Open the office."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    uvicorn.run(build(given.folder), host="127.0.0.1", port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
