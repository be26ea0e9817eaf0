"""A vendor of public offices and bad news: a process that answers two questions about whoever it is asked.

    python -m simulators.exposure --port 8091 --faults '{"seed": 7, "lost_answer": 0.2}'

Everybody it knows is invented. A test or a demonstration adds somebody with POST /people. Faults are drawn by the key
of a question and how often it was asked: a question that got no answer gets one when it is asked often enough.
"""

import argparse
import collections
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
import uvicorn
from litestar import Litestar, Response, get, post
from litestar.params import FromPath, HeaderParameter, JSONBody
from msgspec import Meta

from simulators.faults import Faults

VENDOR, VERSION, THRESHOLD = "demo-exposure", "2026.11", 80
#: How near a namesake comes who is of another year.
_SAME, _NAMESAKE = 97, 62

Question = Literal["pep", "media"]


class Asked(msgspec.Struct, frozen=True):
    """Whom is asked about."""

    surname: str
    given: str
    born: str
    nationality: str


class Somebody(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody the vendor knows something of."""

    entity: Annotated[str, Meta(min_length=1, max_length=80)]
    surname: str
    given: str
    born: str
    knows: Question
    class_: str = msgspec.field(name="class")
    about: str = ""
    source: str = ""


INVENTED = (
    Somebody(
        entity="office-1", surname="WOLKENSTEIN", given="AUGUSTA", born="1962-03-09", knows="pep",
        class_="foreign", about="Minister of Clouds, Utopia", source="Gazette of Utopia",
    ),
    Somebody(
        entity="office-2", surname="KIYALI", given="BOLAT", born="1970-10-30", knows="pep",
        class_="domestic", about="Deputy akim of a district there is not", source="Register of offices",
    ),
    Somebody(
        entity="press-1", surname="SCHATTEN", given="RUPERT", born="1981-07-17", knows="media",
        class_="fraud", about="Tried for selling the same bridge twice", source="The Utopian",
    ),
)  # fmt: skip


class Vendor:
    """What the vendor knows, and how badly it answers."""

    def __init__(self, faults: Faults, known: Sequence[Somebody] = INVENTED) -> None:
        self.faults = faults
        self.known = list(known)
        self.asked: collections.Counter[str] = collections.Counter()

    def answer(self, question: Question, key: str, asked: Asked) -> dict[str, object] | None:
        """Answer a question; None where the answer is lost."""
        self.asked[key] += 1
        if self.faults.strikes("lost_answer", f"{key}/{self.asked[key]}"):
            return None
        matches = [self._match(each, asked) for each in self.known if each.knows == question and _alike(each, asked)]
        return {"vendor": VENDOR, "version": VERSION, "threshold": THRESHOLD, "matches": matches}

    @staticmethod
    def _match(known: Somebody, asked: Asked) -> dict[str, object]:
        return {
            "entity": known.entity,
            "score": _SAME if known.born == asked.born else _NAMESAKE,
            "class": known.class_,
            "name": f"{known.given} {known.surname}",
            "about": known.about,
            "source": known.source,
        }


def _alike(known: Somebody, asked: Asked) -> bool:
    return (known.surname, known.given) == (asked.surname.upper(), asked.given.upper())


def build(vendor: Vendor) -> Litestar:
    """Compose the process around one vendor."""

    @get("/health/ready")
    async def ready() -> str:
        return "ready"

    @post("/{question:str}", status_code=200)
    async def ask(
        question: FromPath[Question],
        data: JSONBody[Asked],
        key: Annotated[str, HeaderParameter(name="idempotency-key")],
    ) -> Response[dict[str, object] | None]:
        answer = vendor.answer(question, key, data)
        return Response(answer, status_code=503 if answer is None else 200, media_type="application/json")

    @post("/people")
    async def add(data: JSONBody[Somebody]) -> Somebody:
        vendor.known = [each for each in vendor.known if each.entity != data.entity] + [data]
        return data

    return Litestar([ready, ask, add], openapi_config=None)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--faults", default="{}", help="JSON of simulators.faults.Faults")
    given = parser.parse_args()
    vendor = Vendor(msgspec.json.decode(given.faults, type=Faults))
    uvicorn.run(build(vendor), host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
