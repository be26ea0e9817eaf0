"""The vendor of faces: compares a portrait with a selfie, and says of its own recording whether a person was there.

ports    kyc/papers/face.py      FaceMatch, Liveness
asks     app/partners/faces.py   Faces       <- you are here
calls    app/papers/faces.py     by the worker, outside any transaction

Pictures go to it and nowhere else: not to logs, not into errors. Scores come as numbers from 0 to 1 and are kept as
ten-thousandths. It is asked under a key of the session, so that asking again is no second comparison.
"""

import base64
from typing import Annotated, Any

import httpx
import msgspec
from msgspec import Meta

from app.partners import line
from app.settings import Settings
from kyc.papers.face import Score, Unknown

TIMEOUT_S = 10.0
_ANSWER_BYTES_MAX = 65_536
_WHOLE = 10_000


class _Scored(msgspec.Struct, frozen=True):
    """What the vendor answers; what else it says is passed over."""

    vendor: Annotated[str, Meta(pattern=r"^[A-Za-z0-9 ._-]{1,60}$(?!\n)")]
    version: Annotated[str, Meta(pattern=r"^[A-Za-z0-9 ._-]{1,60}$(?!\n)")]
    score: Annotated[float, Meta(ge=0, le=1)]


class Faces:
    """One vendor for both."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._settings = settings
        self._http = http

    async def compare(self, portrait: bytes, selfie: bytes, *, key: str) -> Score:
        """Say how likely both are one person; raises Unknown."""
        return await self._ask("/comparisons", {"portrait": _text(portrait), "selfie": _text(selfie)}, key)

    async def result(self, session: str, selfie: bytes) -> Score:
        """Say how likely a living person made this selfie in the session; raises Unknown."""
        return await self._ask("/liveness-results", {"session": session, "selfie": _text(selfie)}, session)

    async def _ask(self, path: str, asked: dict[str, Any], key: str) -> Score:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if (token := self._settings.secret("faces_token")) is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            answer = await line.ask(
                self._http,
                "POST",
                f"{self._settings.faces_url}{path}",
                within_s=TIMEOUT_S,
                bytes_max=_ANSWER_BYTES_MAX,
                kinds=frozenset({"application/json"}),
                body=msgspec.json.encode(asked),
                headers=headers,
            )
        except (line.Unanswered, TimeoutError) as error:
            raise Unknown(str(error) or type(error).__name__) from error
        if not answer.is_success:
            raise Unknown(f"answered {answer.status}")
        try:
            found = msgspec.json.decode(answer.body, type=_Scored)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unknown("answered something else") from error
        return Score(vendor=found.vendor, version=found.version, value=int(found.score * _WHOLE))


def _text(picture: bytes) -> str:
    return base64.b64encode(picture).decode()
