"""What somebody with papers has done, for tests that look at everything somebody has."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from app.house import House
from app.seed import Seeded
from tests.app.papers import outside
from tests.kyc import scans
from tests.kyc.papers import files
from tests.kyc.scans import novel

Do = Callable[..., Awaitable[Any]]
#: A number is one person's: whoever names somebody else's is looked at.
IINS = ("900101300017", "900101300027")


async def lives(client: httpx.AsyncClient, me: Seeded, do: Do) -> str:
    """Send one file, hand in a paper in it, name a number; gives the file's id."""
    sent = await outside.send(client, me.access_token, files.png())
    assert sent.is_success, sent.text
    file: str = sent.json()["id"]
    paper = {"kind": "diploma", "country": "UZ", "issued_on": "2019-06-30", "issuer": "A", "holder": "B"}
    await do("POST", "/v1/identity/papers", {**paper, "language": "ru", "files": [file]})
    await do("POST", "/v1/identity/identifiers", {"scheme": "iin", "country": "KZ", "value": IINS[me.number % 2]})
    return file


async def faces(house: House, me: Seeded, do: Do) -> None:
    """Show a passport whose chip has a portrait, and begin to show the face."""
    await scans.show(house, novel(), by=me.subject, kms=house.keys.kms)
    await do("POST", "/v1/identity/face-sessions")
