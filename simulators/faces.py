"""A vendor that compares faces and says whether somebody was there: scores by seed, failures by plan.

    python -m simulators.faces --port 8098 --seed 1

It sees no faces: a selfie made by `selfie()` says by its width how near it is to come, any other one scores high by the
seed. POST /faults says what goes wrong from now on.
"""

import argparse
import base64
import random
from typing import Annotated

import msgspec
import uvicorn
from litestar import Litestar, Response, get, post
from litestar.params import HeaderParameter, JSONBody
from msgspec import Meta

from simulators.portrait import grey_jpeg

VENDOR, VERSION = "Demo Faces", "2026-11"
_HIGH = (0.93, 0.995)
#: Widths of selfies say what they shall score: the bytes a house keeps are not those it was sent.
_SAID = {
    300: ("match", 0.31),
    301: ("liveness", 0.12),
    302: ("match", 0.79),
}


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two pictures in base64."""

    portrait: str
    selfie: str


class Recording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recorded session, and the selfie that was made in it, in base64."""

    session: str
    selfie: str


class Scored(msgspec.Struct, frozen=True):
    """How likely."""

    vendor: str
    version: str
    score: float


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many of the next requests fail with 503, and how many answer nonsense."""

    unavailable: Annotated[int, Meta(ge=0)] = 0
    nonsense: Annotated[int, Meta(ge=0)] = 0


class Vendor:
    """What it was asked, by key: asked again it says the same."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        self.faults = Faults()
        self.said: dict[tuple[str, str], float] = {}

    def score(self, kind: str, key: str, selfie: str) -> float:
        """Score a selfie, the same for the same key."""
        if (kind, key) not in self.said:
            told, score = _SAID.get(_width(base64.b64decode(selfie)), ("", 0.0))
            drawn = random.Random(f"{self.seed}/{kind}/{key}").uniform(*_HIGH)
            self.said[kind, key] = score if told == kind else drawn
        return self.said[kind, key]

    def trouble(self) -> Response[str] | None:
        """Go wrong, if it is planned."""
        if self.faults.unavailable:
            self.faults = msgspec.structs.replace(self.faults, unavailable=self.faults.unavailable - 1)
            return Response("later", status_code=503)
        if self.faults.nonsense:
            self.faults = msgspec.structs.replace(self.faults, nonsense=self.faults.nonsense - 1)
            return Response('{"score": "high"}', media_type="application/json", status_code=200)
        return None


def selfie(shall: str = "") -> bytes:
    """Make a picture; `shall` is what is to be wrong with it: other, near, still. Without it all is well."""
    width = {"other": 300, "still": 301, "near": 302}.get(shall, 320)
    return grey_jpeg(width, 400)


def _width(picture: bytes) -> int:
    """Read the width of a baseline JPEG of ours."""
    place = picture.find(b"\xff\xc0")
    return int.from_bytes(picture[place + 7 : place + 9], "big") if place >= 0 else 0


def build(vendor: Vendor) -> Litestar:
    """Compose the process around one vendor."""
    Key = Annotated[str, HeaderParameter(name="idempotency-key")]  # noqa: N806  a type

    @get("/health/ready")
    async def ready() -> str:
        return "ready"

    @post("/comparisons", status_code=200)
    async def compare(data: JSONBody[Comparison], idempotency_key: Key) -> Response[Scored] | Response[str]:
        score = vendor.score("match", idempotency_key, data.selfie)
        return vendor.trouble() or Response(Scored(VENDOR, VERSION, score))

    @post("/liveness-results", status_code=200)
    async def result(data: JSONBody[Recording], idempotency_key: Key) -> Response[Scored] | Response[str]:
        score = vendor.score("liveness", idempotency_key, data.selfie)
        return vendor.trouble() or Response(Scored(VENDOR, VERSION, score))

    @post("/faults")
    async def fail(data: JSONBody[Faults]) -> Faults:
        vendor.faults = data
        return data

    return Litestar([ready, compare, result, fail], openapi_config=None, request_max_body_size=32_000_000)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    uvicorn.run(build(Vendor(given.seed)), host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
