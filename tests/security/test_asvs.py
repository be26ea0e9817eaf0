"""docs/asvs.csv and docs/security.md: all of ASVS 5.0.0 level 2 has an answer, and what an answer names is there."""

import ast
import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
CLAIMS = ROOT / "docs" / "asvs.csv"
TOLD = ROOT / "docs" / "security.md"
#: met: a test shows it. met_by: so by construction or by a document, where the note says. operator: whoever runs it.
STATUSES = {"met", "met_by", "partly", "open", "operator", "n/a"}
ABOUT_WORDS_MAX = 12
#: Each section with the level of its requirements, the first one first; those of level 3 come behind these.
SECTIONS = """
    1.1 22, 1.2 111112222, 1.3 11222222222, 1.4 222, 1.5 12, 2.1 122, 2.2 112, 2.3 1222, 2.4 2, 3.2 11, 3.3 1222,
    3.4 112222, 3.5 11122, 3.7 22, 4.1 122, 4.2 2, 4.3 22, 4.4 1222, 5.1 2, 5.2 112, 5.3 11, 5.4 222, 6.1 122,
    6.2 111111112222, 6.3 1122, 6.4 1122, 6.5 22222, 6.6 222, 6.8 2222, 7.1 222, 7.2 1111, 7.3 22, 7.4 11222, 7.5 22,
    7.6 22, 8.1 12, 8.2 112, 8.3 1, 8.4 2, 9.1 111, 9.2 1222, 10.1 22, 10.2 22, 10.3 2222, 10.4 11111222222, 10.5 22222,
    10.6 22, 10.7 222, 11.1 22, 11.2 222, 11.3 112, 11.4 1222, 11.5 2, 11.6 2, 12.1 122, 12.2 11, 12.3 2222, 13.1 2,
    13.2 22222, 13.3 22, 13.4 12222, 14.1 22, 14.2 1222, 14.3 122, 15.1 122, 15.2 122, 15.3 1222222, 16.1 2, 16.2 22222,
    16.3 2222, 16.4 222, 16.5 222, 17.1 2, 17.2 2222, 17.3 22
"""
QUOTED = re.compile(r"`([^`]+)`")
#: How security.md counts: `125 forged requests (CASES)`, the name of the table in the file that its line names.
FIGURE = re.compile(r"(\d+) [^|()\d]+ \(`([A-Z_]+)`\)")


class Claim(msgspec.Struct, frozen=True):
    """What is said about one requirement."""

    id: str
    level: str
    about: str
    status: str
    test: str
    note: str


def claims() -> list[Claim]:
    with CLAIMS.open(encoding="utf-8", newline="") as file:
        return [Claim(*line) for line in list(csv.reader(file))[1:]]


def required() -> dict[str, str]:
    """Give the level of each requirement of levels 1 and 2."""
    sections = (section.split() for section in SECTIONS.split(","))
    return {f"V{name}.{nth}": level for name, levels in sections for nth, level in enumerate(levels, 1)}


@cache
def module(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def is_test(node: str) -> bool:
    """Say whether pytest would find this test."""
    path, _, name = node.partition("::")
    if not (path.startswith("tests/") and (ROOT / path).is_file() and name.startswith("test_")):
        return False
    return any(
        isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name == name for each in module(path).body
    )


def size_of(path: str, table: str) -> int | None:
    """Count the entries of a table that a module writes out; None where it writes none of this name."""
    for node in module(path).body:
        match node:
            case (
                ast.AnnAssign(target=ast.Name(id=name), value=value)
                | ast.Assign(targets=[ast.Name(id=name)], value=value)
            ) if name == table:
                match value:
                    case ast.Dict(keys=entries) | ast.List(elts=entries) | ast.Tuple(elts=entries):
                        return len(entries)
    return None


def faults(found: Iterable[Claim]) -> Iterator[str]:
    """Say what is claimed and is not so."""
    for claim in found:
        paths = QUOTED.findall(claim.note)
        if claim.status not in STATUSES:
            yield f"{claim.id}: the status {claim.status} is none"
        if (claim.test or claim.status == "met") and not is_test(claim.test):
            yield f"{claim.id}: there is no test {claim.test}"
        if claim.test and claim.status not in {"met", "partly"}:
            yield f"{claim.id}: a test of what is {claim.status}"
        if claim.status != "met" and not claim.note:
            yield f"{claim.id}: no reason"
        if claim.status == "met_by" and not paths:
            yield f"{claim.id}: does not say where"
        yield from (f"{claim.id}: there is no {path}" for path in paths if not (ROOT / path).exists())


def test_every_requirement_of_both_levels_has_an_answer() -> None:
    found = claims()

    assert Counter(required().values()) == {"1": 70, "2": 183}
    assert [(claim.id, claim.level) for claim in found] == list(required().items())
    assert [claim.id for claim in found if not 1 <= len(claim.about.split()) <= ABOUT_WORDS_MAX] == []


def test_what_an_answer_names_is_there() -> None:
    assert list(faults(claims())) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "met", "test": "tests/security/test_asvs.py::test_that_nobody_wrote"},
        {"status": "met", "test": "tests/security/test_nowhere.py::test_any"},
        {"status": "met", "test": "tests/security/test_asvs.py::faults"},
        {"status": "met", "test": ""},
        {"status": "partly", "note": "all but what `app/nowhere.py` would do"},
        {"status": "met_by", "note": "in good hands"},
        {"status": "n/a", "note": ""},
        {"status": "done"},
    ],
)
def test_an_answer_that_is_not_so_would_be_found(changed: dict[str, str]) -> None:
    sound = Claim("V0.0.1", "1", "x", "partly", "", "`app/main.py`")
    assert list(faults([sound])) == []

    assert len(list(faults([msgspec.structs.replace(sound, **changed)]))) == 1


def test_the_document_counts_as_the_table_does() -> None:
    told = dict(
        re.findall(r"^\| `([a-z_/]+)` \| (\d+ \| \d+ \| \d+) \|", TOLD.read_text(encoding="utf-8"), re.MULTILINE)
    )
    by_level = Counter((claim.status, claim.level) for claim in claims())
    counted = {status: [by_level[status, level] for level in "12"] for status in STATUSES}

    assert told == {status: f"{one} | {two} | {one + two}" for status, (one, two) in counted.items()}


def test_no_proof_is_said_to_try_more_than_it_does() -> None:
    """A corpus may grow past what the document says of it."""
    seen = 0
    for line in TOLD.read_text(encoding="utf-8").splitlines():
        paths = [path.partition("::")[0] for path in QUOTED.findall(line) if path.partition("::")[0].endswith(".py")]
        for number, table in FIGURE.findall(line):
            sizes = [size for path in paths if (size := size_of(path, table)) is not None]
            assert sizes, f"no file of this line has {table}: {line}"
            assert int(number) <= max(sizes), f"{table} has {max(sizes)}: {line}"
            seen += 1

    assert seen > 15


def test_what_the_document_names_is_there() -> None:
    quoted = set(QUOTED.findall(TOLD.read_text(encoding="utf-8"))) - STATUSES
    named = [each for each in quoted if re.fullmatch(r"[\w.-]+/[\w./:-]+", each)]

    assert len(named) > 50
    assert [each for each in named if not (is_test(each) if "::" in each else (ROOT / each).exists())] == []
