"""Whether somebody is on a list, and how far two names are one: what decides about residents, asked by hand.

eresidency screen --name NAME [--born DATE] [--country CODE …] [--sex M|F] [--kind person] --list F [--list F …]
eresidency names PAIRS.csv [--why] [--encoding E]

`--list` takes sdn.csv and alt.csv of OFAC (recognised by content and put together), the consolidated list of the UN
(XML), or a list of ours (JSON, CSV). There is no list by itself: an answer names what it was looked up in. Words in a
script that is not read are named as well, and nobody is clear who has one.
`names` writes its CSV again with the column `score`, 0 to 100; from 70 on two names are taken for one (kyc/names).
"""

import csv
import hashlib
import io
import re
import sys
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec

from app.asking import command
from app.asking.command import Commands, Unasked
from kyc.lists import formats, nations
from kyc.names import name, score
from kyc.names.entity import Entity, Hit, Kind, Query
from kyc.names.index import Index
from kyc.names.score import THRESHOLD

_BORN = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
_DAY = len("1961-03-07")
_UNASKED = 2
_PAIR = ("name1", "name2")
_ADDED = ("score", "why")


class ListTold(msgspec.Struct, frozen=True):
    """A list that was looked in; `sha256` of its files, one after the other."""

    source: str
    sha256: str
    entities: int
    names: int


class Screened(msgspec.Struct, frozen=True):
    """The answer; `clear` is without a hit and without words that could not be read, which are `unread`.

    Times are of this run, in milliseconds.
    """

    clear: bool
    query: Query
    unread: tuple[str, ...]
    threshold: int
    lists: tuple[ListTold, ...]
    hits: tuple[Hit, ...]
    entities: tuple[Entity, ...]
    took_ms: dict[str, float]


class File(msgspec.Struct, frozen=True):
    """A file named in the arguments."""

    source: str
    content: bytes


def add(commands: Commands) -> None:
    """Add `screen` and `names`."""
    screen = commands.add_parser("screen", help="look a name up in lists: 0 nothing found, 1 hits")
    screen.add_argument("--name", type=_name, required=True)
    screen.add_argument("--born", type=_born, help="a date, a month or a year, ISO 8601")
    nation = "a nationality; again for others"
    screen.add_argument("--country", type=_nation, action="append", default=[], metavar="CODE", help=nation)
    screen.add_argument("--sex", choices=("M", "F"), default="")
    kinds = "what bears the name, by default anything"
    screen.add_argument("--kind", type=Kind, choices=tuple(Kind), default=Kind.UNKNOWN, help=kinds)
    lists = "a file of OFAC, the UN or ours; again for others"
    screen.add_argument("--list", type=_file, action="append", default=[], metavar="F", dest="files", help=lists)
    command.register(screen, _screen)

    pairs = commands.add_parser("names", help="score pairs of names")
    pairs.add_argument("pairs", type=command.content, metavar="PAIRS.csv", help="with the columns name1 and name2")
    pairs.add_argument("--why", action="store_true", help="a column more: what cost how many points")
    pairs.add_argument("--encoding", help="what the file is written in, by default UTF-8, or UTF-16 where it says so")
    pairs.set_defaults(answer=_names)


def _screen(given: Namespace) -> tuple[msgspec.Struct, bool]:
    if not given.files:
        raise Unasked("no --list, and a name is on no list that was not looked in")
    query = Query(given.name, given.born or "", tuple(dict.fromkeys(given.country)), given.sex, given.kind)
    began = time.perf_counter()
    try:
        lists, entities = _read(given.files)
    except formats.BadList as bad:
        raise Unasked(str(bad)) from bad
    read = time.perf_counter()
    index = Index.build(entities)
    built = time.perf_counter()
    hits = index.search(query)
    took = {"read": read - began, "index": built - read, "search": time.perf_counter() - built}
    known = {(entity.source, entity.id): entity for entity in entities}
    unread = tuple(word.text for word in name.read(query.name, query.kind).parts if not word.text.isascii())
    told = Screened(
        clear=not hits and not unread,
        query=query,
        unread=unread,
        threshold=THRESHOLD,
        lists=tuple(lists),
        hits=hits,
        entities=tuple(known[hit.source, hit.entity] for hit in hits),
        took_ms={what: round(seconds * 1000, 2) for what, seconds in took.items()},
    )
    return told, told.clear


def _read(files: Sequence[File]) -> tuple[list[ListTold], list[Entity]]:
    """Read the lists; files of other names go with the first list of OFAC."""
    lists = [file for file in files if not formats.is_alternates(file.content)]
    others = [file for file in files if file not in lists]
    told: list[ListTold] = []
    entities: list[Entity] = []
    for file in lists:
        more = others.pop(0) if others and formats.is_sdn(file.content) else None
        try:
            found = formats.read(file.content, file.source, more.content if more else None)
        except formats.BadList as bad:
            raise formats.BadList(f"{file.source}: {bad}") from bad
        digest = hashlib.sha256(file.content + (more.content if more else b"")).hexdigest()
        told.append(ListTold(file.source, digest, len(found), sum(len(entity.names) for entity in found)))
        entities += found
    if others:
        raise formats.BadList(f"{others[0].source}: other names of OFAC, and no list of OFAC that they belong to")
    return told, entities


def _names(given: Namespace) -> int:
    """Write the pairs again with their scores."""
    try:
        text = given.pairs.decode(given.encoding or _encoding(given.pairs))
    except UnicodeDecodeError as error:
        return _unasked(
            f"names: byte {error.start} is no {error.encoding}; --encoding says what the file is written in"
        )
    except LookupError:
        return _unasked(f"names: {given.encoding} is no encoding")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True))
    except csv.Error as error:
        return _unasked(f"names: {error}")
    heads = [head.strip().casefold() for head in rows[0]] if rows else []
    if any(heads.count(column) != 1 for column in _PAIR):
        return _unasked("names: the first line does not name the columns name1 and name2, each once")
    added = _ADDED if given.why else _ADDED[:1]
    if taken := set(added) & set(heads):
        return _unasked(f"names: there is a column {taken.pop()} already")
    return _scored(rows, tuple(map(heads.index, _PAIR)), added)


def _scored(rows: Sequence[list[str]], pair: tuple[int, ...], added: Sequence[str]) -> int:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*rows[0], *added])
    for line, row in enumerate(rows[1:], 2):
        if not row:
            continue
        if len(row) > len(rows[0]) or len(row) <= max(pair):
            return _unasked(f"names: row {line} has {len(row)} columns, the first line names {len(rows[0])}")
        left, right = (name.read(row[place]) for place in pair)
        padded = row + [""] * (len(rows[0]) - len(row))
        writer.writerow([*padded, score.score(left, right), *([_why(left, right)] if len(added) > 1 else [])])
    sys.stdout.buffer.write(out.getvalue().encode())
    sys.stdout.flush()
    return command.IN_ORDER


def _why(left: name.Name, right: name.Name) -> str:
    return "; ".join(f"{each.code} {each.points}" for each in score.compare(left, right).reasons if each.points)


def _encoding(content: bytes) -> str:
    return "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _unasked(why: str) -> int:
    sys.stderr.write(f"eresidency {why}\n")
    return _UNASKED


def _name(text: str) -> str:
    """Take a name: what holds no letter that is read as a word is found in no list, and was never looked up."""
    if not any(letter.isalpha() for word in name.read(text).parts for letter in word.text):
        raise ArgumentTypeError(f"{text!r}: no letter, and so no name")
    return text


def _born(text: str) -> str:
    if not _BORN.fullmatch(text) or not _is_day(text):
        raise ArgumentTypeError(f"{text}: a date, a month or a year, as 1961-03-07, 1961-03 or 1961")
    return text


def _is_day(text: str) -> bool:
    """Whether the calendar has the day, where it is one."""
    if len(text) < _DAY:
        return True
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _nation(text: str) -> str:
    if not (code := nations.code(text)):
        raise ArgumentTypeError(f"{text}: no country")
    return code


def _file(path: str) -> File:
    return File(Path(path).stem, command.content(path))
