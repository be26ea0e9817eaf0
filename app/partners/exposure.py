"""A vendor of public offices and bad news, over HTTP: the adapter of both ports of kyc/risk/exposure.py.

    POST {url}/pep      Idempotency-Key: …    {"surname", "given", "born", "nationality"}
    POST {url}/media    the same; answers {"vendor", "version", "threshold", "matches": […]}

The same key is the same question. Whoever does not answer, or not in a form we can read, knows nothing that we know:
Unanswered, and asked again (app/risk/looking.py).
"""

import msgspec

from app import strict
from app.house import House
from app.partners import line
from kyc.risk.exposure import Answer, Asked, Kind, Unanswered

TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 256 * 1024
_KINDS = frozenset({"application/json"})


class Vendor:
    """Both questions, asked of one address."""

    def __init__(self, house: House, url: str) -> None:
        self._house = house
        self._url = url.rstrip("/")

    @classmethod
    def of(cls, house: House) -> "Vendor | None":
        """Give the vendor of an installation; None where it has none."""
        url = house.settings.exposure_url
        return None if url is None else cls(house, url)

    async def pep(self, key: str, asked: Asked) -> Answer:
        """Ask who holds a public office; raises Unanswered."""
        return await self._ask(Kind.PEP, key, asked)

    async def media(self, key: str, asked: Asked) -> Answer:
        """Ask what bad was published; raises Unanswered."""
        return await self._ask(Kind.MEDIA, key, asked)

    async def _ask(self, kind: Kind, key: str, asked: Asked) -> Answer:
        headers = {"Idempotency-Key": key, "Content-Type": "application/json", "Accept": "application/json"}
        if token := self._house.settings.secret("exposure_token"):
            headers["Authorization"] = f"Bearer {token}"
        try:
            answer = await line.ask(
                self._house.http,
                "POST",
                f"{self._url}/{kind}",
                within_s=TIMEOUT_S,
                bytes_max=ANSWER_BYTES_MAX,
                kinds=_KINDS,
                body=msgspec.json.encode(asked),
                headers=headers,
            )
        except line.Unanswered as error:
            raise Unanswered(error.trouble) from error
        if not answer.is_success:
            raise Unanswered(f"answered {answer.status}")
        try:
            told: Answer = strict.decode(answer.body, Answer)
        except strict.Malformed as error:
            raise Unanswered(f"unreadable: {error}"[:200]) from error
        return told
