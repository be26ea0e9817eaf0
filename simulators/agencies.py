"""The agency that publishes whom nobody may deal with: a process with one list, as JSON and as CSV.

    python -m simulators.agencies --port 8090

Everybody on it is invented. A test or a demonstration adds a person with POST /lists/persons; the list and its ETag
change at once, and forget it when the process ends.
"""

import argparse
import csv
import hashlib
import io
from collections.abc import Sequence
from typing import Annotated

import msgspec
import uvicorn
from litestar import Litestar, Response, get, post
from litestar.params import HeaderParameter, JSONBody
from msgspec import Meta


class Listed(msgspec.Struct, frozen=True):
    """A person on the list, by an id of the agency's, under all names known, with dates or years of birth."""

    id: Annotated[str, Meta(min_length=1)]
    names: Annotated[list[str], Meta(min_length=1)]
    born: list[str] = []


INVENTED = (
    Listed("KZ-0001", ["Kaspar VOLLMOND", "Каспар ФОЛЬМОНД", "Casper Fullmoon"], ["1961-02-28", "1961"]),
    Listed("KZ-0002", ["Zauresh ALTYNKAZYK-QIYALI", "Заураш АЛТЫНҚАЗЫҚ-ҚИЯЛИ"], ["1974-06-11"]),
    Listed("KZ-0003", ["Ilarion BEZVESTNY", "Иларион БЕЗВЕСТНЫЙ", "Hilarion Bezvestnyi"], ["1958"]),
    Listed("KZ-0004", ["Perpetua von NIRGENDWO"], ["1983-11-05"]),
    Listed("KZ-0005", ["Abdulmalik ibn al-SARAB", "Abd al-Malik as-Sarab"], ["1969", "1970"]),
)


class Agency:
    """The list as it stands."""

    def __init__(self, listed: Sequence[Listed] = INVENTED) -> None:
        self.listed = list(listed)

    def add(self, person: Listed) -> None:
        """Put a person on the list, in the place of the one with the same id."""
        self.listed = [each for each in self.listed if each.id != person.id] + [person]

    def as_json(self) -> bytes:
        """Write the list as an array of entries."""
        return msgspec.json.encode(self.listed)

    def as_csv(self) -> bytes:
        """Write the list with one line for each name."""
        written = io.StringIO()
        lines = csv.writer(written)
        lines.writerow(("id", "name", "born"))
        for person in self.listed:
            for nth, name in enumerate(person.names):
                lines.writerow((person.id, name, person.born[nth] if nth < len(person.born) else ""))
        return written.getvalue().encode()


def build(agency: Agency) -> Litestar:
    """Compose the process around one agency."""

    @get("/health/ready")
    async def ready() -> str:
        return "ready"

    @get("/lists/persons")
    async def persons(
        if_none_match: Annotated[str | None, HeaderParameter(name="if-none-match")] = None,
        accept: Annotated[str, HeaderParameter(name="accept")] = "application/json",
    ) -> Response[bytes]:
        wants_csv = accept.startswith("text/csv")
        content = agency.as_csv() if wants_csv else agency.as_json()
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        if if_none_match == etag:
            return Response(b"", status_code=304, headers={"ETag": etag})
        kind = "text/csv" if wants_csv else "application/json"
        return Response(content, media_type=kind, headers={"ETag": etag})

    @post("/lists/persons")
    async def add(data: JSONBody[Listed]) -> Listed:
        agency.add(data)
        return data

    return Litestar([ready, persons, add], openapi_config=None)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(build(Agency()), host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
