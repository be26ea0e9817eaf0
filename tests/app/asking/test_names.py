"""What outside judges ask about names on the command line, and what is answered when they ask for nonsense."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.asking import __main__ as asking
from kyc.names.score import THRESHOLD

LIST = b'[{"id": "7", "names": ["LAVROV, Igor"], "born": ["1961-03-07"], "nationalities": ["RUS"]}]'
PAIRS = "id,name1,name2\n1,Igor Lavrov,Лавров Игорь\n2,Salman bin Muhammad,Muhammad bin Salman\n3,,Nobody\n"

Asked = Callable[..., tuple[int, str, str]]


@pytest.fixture
def asked(capfdbinary: pytest.CaptureFixture[bytes]) -> Asked:
    """Give a function that asks and answers (exit code, stdout, stderr)."""

    def ask(*words: str) -> tuple[int, str, str]:
        try:
            code = asking.main(list(words))
        except SystemExit as left:
            code = int(left.code or 0)
        told = capfdbinary.readouterr()
        return code, told.out.decode(), told.err.decode()

    return ask


@pytest.fixture
def listed(tmp_path: Path) -> str:
    path = tmp_path / "agency.json"
    path.write_bytes(LIST)
    return str(path)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    path.write_text(PAIRS, "utf-8")
    return path


def test_a_name_on_a_list_is_told_with_its_reasons(asked: Asked, listed: str) -> None:
    code, out, _ = asked(
        "screen", "--name", "Игорь Лавров", "--born", "1961-03-07", "--country", "RU", "--list", listed
    )
    told: dict[str, Any] = json.loads(out)

    assert (code, told["clear"], told["threshold"]) == (1, False, THRESHOLD)
    assert [(hit["source"], hit["entity"], hit["score"]) for hit in told["hits"]] == [("agency", "7", 100)]
    codes = [reason["code"] for reason in told["hits"][0]["supports"]]
    assert codes[-2:] == ["born.same", "nationality.same"]
    assert told["entities"][0]["born"] == ["1961-03-07"]
    assert (told["lists"][0]["entities"], len(told["lists"][0]["sha256"])) == (1, 64)
    assert set(told["took_ms"]) == {"read", "index", "search"}


def test_a_name_on_no_list_is_clear(asked: Asked, listed: str) -> None:
    code, out, _ = asked("screen", "--name", "Anna Schneider", "--list", listed)

    assert (code, json.loads(out)["clear"], json.loads(out)["hits"]) == (0, True, [])


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("Łukasz Đức Çelik", []),
        ("アンナ", []),
        ("Anna ᏣᎳᎩ", ["ᏣᎳᎩ"]),
        ("ᠮᠣᠩᠭᠣᠯ", ["ᠮᠣᠩᠭᠣᠯ"]),
        ("安倍", ["倍"]),
    ],
)
def test_nobody_is_clear_whose_name_was_not_read(asked: Asked, listed: str, text: str, unread: list[str]) -> None:
    code, out, _ = asked("screen", "--name", text, "--list", listed)
    told: dict[str, Any] = json.loads(out)

    assert (code, told["clear"], told["hits"], told["unread"]) == (bool(unread), not unread, [], unread)


def test_the_second_file_of_ofac_finds_the_first(asked: Asked, tmp_path: Path) -> None:
    rows = [f'{number},"NAME{number}, Some",individual,"X"' + ",-0- " * 8 for number in (1, 2)]
    (tmp_path / "sdn.csv").write_text("\r\n".join(rows) + "\r\n\x1a", "utf-8")
    (tmp_path / "alt.csv").write_text('1,1,"aka","KARENINA, Anna",-0- \r\n2,2,"aka","Vronsky",-0- \r\n\x1a', "utf-8")
    files = ("--list", str(tmp_path / "alt.csv"), "--list", str(tmp_path / "sdn.csv"))

    code, out, _ = asked("screen", "--name", "Anna Karenina", *files)

    assert (code, [hit["entity"] for hit in json.loads(out)["hits"]]) == (1, ["1"])
    assert asked("screen", "--name", "Anna Karenina", *files[:2])[0] == 2


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("screen", "--name", "Anna"), "no --list"),
        (("screen", "--name", "Anna", "--list", "/nowhere"), "No such file"),
        (("screen", "--name", "Anna", "--born", "1961-13-01", "--list", "{list}"), "a date, a month or a year"),
        (("screen", "--name", "Anna", "--born", "1999-02-31", "--list", "{list}"), "a date, a month or a year"),
        (("screen", "--name", "", "--list", "{list}"), "no letter"),
        (("screen", "--name", ".", "--list", "{list}"), "no letter"),
        (("screen", "--name", "!!!", "--list", "{list}"), "no letter"),
        (("screen", "--name", "123", "--list", "{list}"), "no letter"),
        (("screen", "--name", "ー", "--list", "{list}"), "no letter"),
        (("screen", "--name", "Anna", "--country", "Atlantis", "--list", "{list}"), "no country"),
        (("screen", "--name", "Anna", "--list", "{pairs}"), "pairs: line 1 has 3 columns"),
        (("names", "{list}"), "does not name the columns"),
        (("names", "{pairs}", "--encoding", "klingon"), "is no encoding"),
        (("names", "{pairs}", "--encoding", "ascii"), "--encoding says"),
    ],
)
def test_what_can_not_be_asked_is_said_in_one_line(
    asked: Asked, listed: str, pairs: Path, words: tuple[str, ...], why: str
) -> None:
    code, out, err = asked(*(word.format(list=listed, pairs=pairs) for word in words))

    assert (code, out) == (2, "")
    assert why in err.splitlines()[-1]


def test_pairs_come_back_with_their_scores(asked: Asked, pairs: Path) -> None:
    code, out, _ = asked("names", str(pairs))
    rows = list(csv.DictReader(io.StringIO(out)))

    assert code == 0
    assert [(row["id"], row["name2"]) for row in rows] == [
        ("1", "Лавров Игорь"), ("2", "Muhammad bin Salman"), ("3", "Nobody"),
    ]  # fmt: skip
    scores = [int(row["score"]) for row in rows]
    assert scores[0] >= THRESHOLD > scores[1] > scores[2] == 0


def test_pairs_say_why(asked: Asked, pairs: Path) -> None:
    _, out, _ = asked("names", str(pairs), "--why")

    assert "name.fathers -50" in list(csv.DictReader(io.StringIO(out)))[1]["why"]


@pytest.mark.parametrize(
    ("written", "options"),
    [
        (PAIRS.encode("utf-16"), ()),
        (PAIRS.encode("utf-8-sig"), ()),
        (PAIRS.replace(",", ";").encode(), ()),
        (PAIRS.replace("\n", "\r\n").encode(), ()),
        (PAIRS.replace(",", "\t").replace("\n", "\r\n").encode("cp1251"), ("--encoding", "cp1251")),
    ],
)
def test_pairs_are_read_as_office_programs_write_them(
    asked: Asked, pairs: Path, written: bytes, options: tuple[str, ...]
) -> None:
    expected = asked("names", str(pairs))
    pairs.write_bytes(written)

    assert asked("names", str(pairs), *options) == expected


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("name1,name2,score\na,b,1\n", "column score already"),
        ("name1,name1,name2\na,b,c\n", "each once"),
        ("name1,name2\na\n", "row 2 has 1 columns"),
        ("name1,name2\na,b,c\n", "row 2 has 3 columns"),
        ('name1,name2\n"a,b\n', "unexpected end"),
        ("", "does not name"),
    ],
)
def test_a_table_that_is_none_is_refused_whole(asked: Asked, pairs: Path, content: str, why: str) -> None:
    pairs.write_text(content, "utf-8")

    code, out, err = asked("names", str(pairs))

    assert (code, out) == (2, "")
    assert why in err
