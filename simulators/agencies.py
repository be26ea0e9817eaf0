"""Who publishes whom nobody may deal with: a process with three lists, each in the form of its publisher.

    python -m simulators.agencies --port 8090

    /lists/persons                  a national agency: JSON, or CSV
    /lists/ofac/sdn.csv, alt.csv    the US Treasury: names, and other names beside them
    /lists/un/consolidated.xml      the United Nations Security Council: XML

Everybody on them is invented. A test or a demonstration adds a person with POST to /lists/persons, /lists/ofac or
/lists/un; the list and its ETag change at once, and forget it when the process ends.
"""

import argparse
import csv
import hashlib
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
import uvicorn
from litestar import Litestar, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter, JSONBody
from msgspec import Meta


class Listed(msgspec.Struct, frozen=True):
    """A person on a list, by an id of the agency's, under all names known, with dates or years of birth."""

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
OFAC = (
    Listed("90001", ["MIRAGE, Faustino", "MIRAGE LOPEZ, Faustino"], ["1966-10-07"]),
    Listed("90002", ["NIEMANDSLAND, Ottokar"], ["1955"]),
)
UN = (
    Listed("QDi.9001", ["Hamdan Yusuf AL-WAHMI", "Abu Khayal"], ["1972-01-15"]),
    Listed("QDi.9002", ["Balthasar NOWHERESON"], ["1980"]),
)
_NOTHING = "-0- "
_END_MARK = b"\x1a"
_SDN = (
    "ent_num", "SDN_name", "SDN_type", "Program", "Title", "Call_Sign", "Vess_type", "Tonnage", "GRT", "Vess_flag",
    "Vess_owner", "Remarks",
)  # fmt: skip
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class Agency:
    """The lists as they stand: `listed` is the national one."""

    def __init__(
        self, listed: Sequence[Listed] = INVENTED, ofac: Sequence[Listed] = OFAC, un: Sequence[Listed] = UN
    ) -> None:
        self.listed = list(listed)
        self.ofac = list(ofac)
        self.un = list(un)

    def add(self, person: Listed) -> None:
        """Put a person on the national list, in the place of the one with the same id."""
        _add(self.listed, person)

    def as_json(self) -> bytes:
        """Write the national list as an array of entries."""
        return msgspec.json.encode(self.listed)

    def as_csv(self) -> bytes:
        """Write the national list with one line for each name."""
        rows = [("id", "name", "born")]
        for person in self.listed:
            for nth, name in enumerate(person.names):
                rows.append((person.id, name, person.born[nth] if nth < len(person.born) else ""))
        return _written(rows)

    def as_sdn(self) -> bytes:
        """Write the first names of OFAC's list; dates of birth stand among the remarks, as everything does there."""
        rows: list[Sequence[str]] = [_SDN]
        for person in self.ofac:
            remarks = "; ".join(f"DOB {_american(born)}" for born in person.born)
            rows.append([person.id, person.names[0], "individual", "SDGT", *[_NOTHING] * 7, remarks or _NOTHING])
        return _written(rows) + _END_MARK

    def as_alt(self) -> bytes:
        """Write the other names of OFAC's list."""
        rows: list[Sequence[str]] = [["ent_num", "alt_num", "alt_type", "alt_name", "alt_remarks"]]
        for person in self.ofac:
            for nth, name in enumerate(person.names[1:], 1):
                rows.append([person.id, f"{person.id}{nth}", "aka", name, _NOTHING])
        return _written(rows) + _END_MARK

    def as_un(self) -> bytes:
        """Write the consolidated list, its people under one name each and their aliases."""
        root = ET.Element("CONSOLIDATED_LIST", dateGenerated="2026-02-27T00:00:09.554Z")
        people = ET.SubElement(root, "INDIVIDUALS")
        ET.SubElement(root, "ENTITIES")
        for person in self.un:
            entry = ET.SubElement(people, "INDIVIDUAL")
            first, _, rest = person.names[0].partition(" ")
            said = {"FIRST_NAME": first, "SECOND_NAME": rest, "UN_LIST_TYPE": "Al-Qaida", "REFERENCE_NUMBER": person.id}
            for tag, value in said.items():
                ET.SubElement(entry, tag).text = value
            for name in person.names[1:]:
                alias = ET.SubElement(entry, "INDIVIDUAL_ALIAS")
                ET.SubElement(alias, "QUALITY").text = "Good"
                ET.SubElement(alias, "ALIAS_NAME").text = name
            for born in person.born:
                date = ET.SubElement(entry, "INDIVIDUAL_DATE_OF_BIRTH")
                ET.SubElement(date, "DATE" if "-" in born else "YEAR").text = born
        written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
        return written


def _add(listed: list[Listed], person: Listed) -> None:
    listed[:] = [each for each in listed if each.id != person.id] + [person]


def _written(rows: Sequence[Sequence[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


def _american(born: str) -> str:
    """Write a date as OFAC does: `07 Oct 1966`; a year stays one."""
    year, *rest = born.split("-")
    return f"{rest[1]} {_MONTHS[int(rest[0]) - 1]} {year}" if rest else year


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
        return _answer(content, "text/csv" if wants_csv else "application/json", if_none_match)

    @post("/lists/persons")
    async def add(data: JSONBody[Listed]) -> Listed:
        agency.add(data)
        return data

    @post("/lists/ofac")
    async def add_to_ofac(data: JSONBody[Listed]) -> Listed:
        _add(agency.ofac, data)
        return data

    @post("/lists/un")
    async def add_to_un(data: JSONBody[Listed]) -> Listed:
        _add(agency.un, data)
        return data

    files = [
        _file("/lists/ofac/sdn.csv", agency.as_sdn, "text/csv"),
        _file("/lists/ofac/alt.csv", agency.as_alt, "text/csv"),
        _file("/lists/un/consolidated.xml", agency.as_un, "application/xml"),
    ]
    return Litestar([ready, persons, add, add_to_ofac, add_to_un, *files], openapi_config=None)


def _file(path: str, write: Callable[[], bytes], kind: str) -> HTTPRouteHandler:
    @get(path)
    async def file(
        if_none_match: Annotated[str | None, HeaderParameter(name="if-none-match")] = None,
    ) -> Response[bytes]:
        return _answer(write(), kind, if_none_match)

    return file


def _answer(content: bytes, kind: str, known: str | None) -> Response[bytes]:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    if known == etag:
        return Response(b"", status_code=304, headers={"ETag": etag})
    return Response(content, media_type=kind, headers={"ETag": etag})


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(build(Agency()), host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
