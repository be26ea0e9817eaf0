"""The second place, read by whoever verifies: a folder of anchors, or a notary over HTTP."""

import base64
import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

_TIMEOUT_S = 10
_ANSWER_BYTES_MAX = 64 * 1024 * 1024


class Unreadable(Exception):
    """The second place can't be read; `why` says in a line."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def read(where: str) -> dict[int, str]:
    """Read every anchor kept at `where`, a folder or the address of a notary, by number; raises Unreadable."""
    try:
        return _notary(where) if where.startswith(("http://", "https://")) else _folder(Path(where))
    except (OSError, LookupError, ValueError, http.client.HTTPException) as error:
        raise Unreadable(f"{where}: {error}") from error


def _folder(folder: Path) -> dict[int, str]:
    if not folder.is_dir():
        raise Unreadable(f"{folder} is no folder")
    return {int(path.stem): path.read_text(encoding="ascii").strip() for path in sorted(folder.glob("*/*.jws"))}


def _notary(address: str) -> dict[int, str]:
    parts = urlsplit(address)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=_TIMEOUT_S)
    found: dict[int, str] = {}
    try:
        while lines := _page(connection, f"{parts.path.rstrip('/')}/anchors?after={max(found, default=0)}"):
            found |= {_number(jws): jws for jws in lines}
    finally:
        connection.close()
    return found


def _number(jws: str) -> int:
    """Read which anchor this is; whether it really is one, its signature tells."""
    payload = jws.split(".")[1]
    return int(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["no"])


def _page(connection: http.client.HTTPConnection, path: str) -> list[str]:
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read(_ANSWER_BYTES_MAX)
    if answer.status != http.client.OK:
        raise Unreadable(f"answered {answer.status}")
    return text.decode("ascii").split()
