"""Lists as their publishers write them, read into entities; which format it is, the content tells.

OFAC   sdn.csv and, beside it, alt.csv: twelve and five columns, `-0- ` for nothing, births and nationalities in remarks
UN     the consolidated list, XML
ours   JSON, an array of entities whose names may be bare texts; CSV with the columns id and name and any of born, kind,
       quality, nationality, sex, one line for each name

What can't be read whole is refused as a whole: a list cut short lets people through. Each format has an end of its own:
the last byte of either file of OFAC is its end mark, XML and JSON close what they opened, and our CSV ends a line.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NoReturn, TypeVar

import msgspec
from lxml import etree

from kyc.lists import nations
from kyc.names import normalise
from kyc.names.entity import Alias, Entity, Kind, Quality

BYTES_MAX = 256 * 1024 * 1024
_ENTITIES_MAX = 1_000_000
_LETTERS_MAX = 1_000
_NOTHING = "-0-"
_END_OF_FILE = b"\x1a"  # what DOS ends a text with, and OFAC still does
_LINES_SEEN = 16_384
_SDN_COLUMNS = 12
_ALT_COLUMNS = 5
_KINDS = {"individual": Kind.PERSON, "vessel": Kind.VESSEL, "aircraft": Kind.AIRCRAFT, "": Kind.ORGANISATION}
_SEXES = {"male": "M", "female": "F", "m": "M", "f": "F"}
_BORN = re.compile(r"\d{4}(-\d\d(-\d\d)?)?(/\d{4}(-\d\d(-\d\d)?)?)?")
_REMARK = re.compile(r"(?:alt\. )?(DOB|nationality|citizen|Gender) (.+)")
_WEAK_ALIAS = re.compile(r"(?:alt\. )?a\.k\.a\. '(.+)'")
#: Of so many other names one may be of nobody in the list beside it: the two files are read one after the other.
_STRANGE_OF = 10
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_DATE = re.compile(rf"(?:(?:(\d\d) )?({'|'.join(re.findall('...', _MONTHS))}) )?(\d{{4}})")


_Member = TypeVar("_Member", Kind, Quality)


class BadList(Exception):
    """The content is no list, or not the whole of one; says where it fails."""


class _Ours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entity as agencies send it."""

    id: str
    names: tuple[str | Alias, ...]
    source: str = ""
    kind: Kind = Kind.PERSON
    born: tuple[str, ...] = ()
    nationalities: tuple[str, ...] = ()
    sex: str = ""
    programs: tuple[str, ...] = ()


def read(content: bytes, source: str, alternates: bytes | None = None) -> tuple[Entity, ...]:
    """Read a list of `source`; `alternates` is OFAC's second file. Raises BadList."""
    if max(len(content), len(alternates or b"")) > BYTES_MAX:
        raise BadList(f"more than {BYTES_MAX >> 20} MB")
    start = content.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0")[:1]
    if start == b"<":
        return _sound(_united_nations(content, source))
    if start in {b"[", b"{"}:
        return _sound(_json(content, source))
    rows = _rows(content)
    if rows and {"id", "name"} <= {cell.strip().casefold() for cell in rows[0]}:
        return _sound(_csv(rows, source))
    found = _sound(_ofac(rows, source, _rows(alternates) if alternates is not None else []))
    for file in (content, alternates):
        if file is not None and not file.endswith(_END_OF_FILE):
            raise BadList("the end mark of OFAC is missing: the file is cut short, or no list")
    return found


def is_sdn(content: bytes) -> bool:
    """Whether content looks like the first file of OFAC."""
    return _columns(content) == _SDN_COLUMNS


def is_alternates(content: bytes) -> bool:
    """Whether content looks like OFAC's file of other names."""
    return _columns(content) == _ALT_COLUMNS


def _columns(content: bytes) -> int:
    """Count the columns of the second line of numbers, since the first may be heads."""
    lines = content[:_LINES_SEEN].decode("utf-8-sig", "replace").splitlines()[1:2]
    row = next(csv.reader(lines), [])
    return len(row) if row and row[0].strip().isdecimal() else 0


def _rows(content: bytes) -> list[list[str]]:
    """Read comma-separated values, all of them: the last line has an end, and no quotation is open."""
    try:
        text = content.removesuffix(_END_OF_FILE).decode("utf-8-sig")
        if not text.endswith("\n"):
            raise BadList("the last line has no end: the file is cut short, or no list")
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if any(row)]
    except UnicodeDecodeError as error:
        raise BadList(f"byte {error.start} is no UTF-8") from error
    except csv.Error as error:
        raise BadList(str(error)) from error


def _ofac(rows: Sequence[Sequence[str]], source: str, alternates: Sequence[Sequence[str]]) -> Iterator[Entity]:
    """Read the two files of OFAC, which name their columns or do not."""
    others: dict[str, list[str]] = {}
    for number, name in _alternates(alternates):
        others.setdefault(number, []).append(name)
    for place, row in enumerate(rows):
        if len(row) != _SDN_COLUMNS:
            raise BadList(f"line {place + 1} has {len(row)} columns, a list of OFAC has {_SDN_COLUMNS}")
        cells = [_cell(cell) for cell in row]
        if cells[0].isdecimal():
            yield _designated(source, cells, others.pop(cells[0], []))
        elif place:
            raise BadList(f"line {place + 1} has no number")
    if (strange := sum(map(len, others.values()))) * _STRANGE_OF > len(alternates):
        raise BadList(f"{strange} of {len(alternates)} other names belong to nobody in the list: one is cut short")


def _alternates(rows: Sequence[Sequence[str]]) -> Iterator[tuple[str, str]]:
    for place, row in enumerate(rows):
        if len(row) != _ALT_COLUMNS:
            raise BadList(f"line {place + 1} of the other names has {len(row)} columns, not {_ALT_COLUMNS}")
        if (number := _cell(row[0])).isdecimal():
            yield number, _cell(row[3])
        elif place:
            raise BadList(f"line {place + 1} of the other names has no number")


def _cell(cell: str) -> str:
    return "" if cell.strip() == _NOTHING else cell.strip()


def _designated(source: str, cells: Sequence[str], others: Sequence[str]) -> Entity:
    """Make an entity of one row of OFAC: what there is no column for stands in the remarks."""
    number, name, kind, program, *_, remarks = cells
    said: dict[str, list[str]] = {}
    weak: list[Alias] = []
    for remark in map(str.strip, remarks.rstrip(". ").split(";")):
        if found := _REMARK.fullmatch(remark):
            said.setdefault(found[1], []).append(found[2])
        elif found := _WEAK_ALIAS.fullmatch(remark):
            weak.append(Alias(found[1], Quality.WEAK))
    nationalities = map(nations.code, said.get("nationality", []) + said.get("citizen", []))
    return Entity(
        source=source,
        id=number,
        kind=_KINDS.get(kind, Kind.UNKNOWN),
        names=_unique([Alias(each) for each in (name, *others) if each] + weak),
        born=tuple(dict.fromkeys(filter(None, map(_ofac_date, said.get("DOB", []))))),
        nationalities=tuple(dict.fromkeys(filter(None, nationalities))),
        sex=_SEXES.get(said.get("Gender", [""])[0].casefold(), ""),
        programs=tuple(filter(None, program.split("] ["))),
    )


def _ofac_date(text: str) -> str:
    """Read `07 Oct 1954`, `Mar 1961`, `circa 1961`, `1958 to 1963`; empty where it is none of these."""
    first, _, last = re.sub(r"^circa ", "", text.strip()).replace("-", " to ").partition(" to ")
    if last:
        start, end = _ofac_date(first), _ofac_date(last)
        return f"{start}/{end}" if start and end else ""
    if (found := _DATE.fullmatch(first)) is None:
        return ""
    day, month, year = found.groups()
    number = f"{_MONTHS.index(month) // 3 + 1:02}" if month else ""
    return "-".join(filter(None, (year, number, day)))


def _united_nations(content: bytes, source: str) -> Iterator[Entity]:
    """Read the consolidated list of the Security Council."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadList(str(error)) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise BadList("a document type is declared, which lists don't")
    if root.tag != "CONSOLIDATED_LIST":
        raise BadList(f"the root is {root.tag}, not CONSOLIDATED_LIST")
    for entry in root.iterfind("INDIVIDUALS/INDIVIDUAL"):
        yield _listed(entry, source, Kind.PERSON, "INDIVIDUAL")
    for entry in root.iterfind("ENTITIES/ENTITY"):
        yield _listed(entry, source, Kind.ORGANISATION, "ENTITY")


def _listed(entry: etree._Element, source: str, kind: Kind, tag: str) -> Entity:
    words = [_text(entry, f"{place}_NAME") for place in ("FIRST", "SECOND", "THIRD", "FOURTH")]
    names = [Alias(" ".join(filter(None, words))), Alias(_text(entry, "NAME_ORIGINAL_SCRIPT"))]
    for alias in entry.iterfind(f"{tag}_ALIAS"):
        quality = Quality.WEAK if _text(alias, "QUALITY").casefold() == "low" else Quality.STRONG
        names += [Alias(name.strip(), quality) for name in _text(alias, "ALIAS_NAME").split(";")]
    said = (value.text or "" for value in entry.iterfind("NATIONALITY/VALUE"))
    nationalities = (nations.code(nation) for nation in said if nation != "na")
    return Entity(
        source=source,
        id=_text(entry, "REFERENCE_NUMBER") or _text(entry, "DATAID"),
        kind=kind,
        names=_unique([alias for alias in names if normalise(alias.text)]),
        born=tuple(dict.fromkeys(filter(None, map(_un_date, entry.iterfind("INDIVIDUAL_DATE_OF_BIRTH"))))),
        nationalities=tuple(dict.fromkeys(filter(None, nationalities))),
        sex=_SEXES.get(_text(entry, "GENDER").casefold(), ""),
        programs=tuple(filter(None, [_text(entry, "UN_LIST_TYPE")])),
    )


def _un_date(born: etree._Element) -> str:
    first, last = _text(born, "FROM_YEAR"), _text(born, "TO_YEAR")
    return f"{first}/{last}" if first and last else _text(born, "DATE") or _text(born, "YEAR") or first or last


def _text(element: etree._Element, tag: str) -> str:
    return " ".join((element.findtext(tag) or "").split())


def _json(content: bytes, source: str) -> Iterator[Entity]:
    try:
        entries = msgspec.json.decode(content, type=tuple[_Ours, ...])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadList(str(error)) from error
    for entry in entries:
        names = [Alias(name) if isinstance(name, str) else name for name in entry.names]
        nationalities = tuple(map(_known_nation, entry.nationalities))
        yield Entity(source, entry.id, entry.kind, _unique(names), entry.born, nationalities, entry.sex, entry.programs)


def _csv(rows: Sequence[Sequence[str]], source: str) -> Iterator[Entity]:
    """Read our own table; lines with one id are one entity."""
    heads = [cell.strip().casefold() for cell in rows[0]]
    found: dict[str, list[Mapping[str, str]]] = {}
    for place, row in enumerate(rows[1:], 2):
        if len(row) > len(heads):
            raise BadList(f"line {place} has more columns than there are heads")
        line = dict.fromkeys(heads, "") | dict(zip(heads, map(str.strip, row), strict=False))
        found.setdefault(line["id"], []).append(line)
    for number, lines in found.items():
        yield Entity(
            source=source,
            id=number,
            kind=_member(Kind, lines[0].get("kind") or Kind.PERSON),
            names=_unique([Alias(line["name"], _member(Quality, line.get("quality") or "strong")) for line in lines]),
            born=tuple(dict.fromkeys(line["born"] for line in lines if line.get("born"))),
            nationalities=tuple(
                dict.fromkeys(_known_nation(line["nationality"]) for line in lines if line.get("nationality"))
            ),
            sex=_SEXES.get(lines[0].get("sex", "").casefold(), ""),
        )


def _member(kind: type[_Member], value: str) -> _Member:
    try:
        return kind(value)
    except ValueError as error:
        raise BadList(f"{value} is no {kind.__name__.casefold()}") from error


def _known_nation(text: str) -> str:
    return nations.code(text) or _refuse(f"{text} is no country")


def _refuse(why: str) -> NoReturn:
    raise BadList(why)


def _unique(names: Iterable[Alias]) -> tuple[Alias, ...]:
    """Give each name once; where it is also a weak one, it is strong."""
    best: dict[str, Alias] = {}
    for alias in names:
        if alias.text not in best or alias.quality is Quality.STRONG:
            best[alias.text] = alias
    return tuple(best.values())


def _sound(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Refuse what would be no list for us: nothing in it, ids twice, names of no letters, births that are none."""
    read_ = tuple(entities)
    if not 0 < len(read_) <= _ENTITIES_MAX:
        raise BadList("there is nothing in it" if not read_ else f"more than {_ENTITIES_MAX} entities")
    if len({entity.id for entity in read_}) != len(read_):
        raise BadList("an id is there twice")
    for entity in read_:
        if not entity.id or not entity.names:
            raise BadList(f"entity {entity.id!r} has no name, or no id")
        for alias in entity.names:
            if not normalise(alias.text) or len(alias.text) > _LETTERS_MAX or "\0" in alias.text:
                raise BadList(f"entity {entity.id!r} has a name that can't be one")
        if "\0" in entity.id or not all(map(_BORN.fullmatch, entity.born)):
            raise BadList(f"entity {entity.id!r} has a birth that is no date, month or year")
    return read_
