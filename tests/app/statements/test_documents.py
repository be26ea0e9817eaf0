"""Statements as documents: each format read back by somebody else's reader, hostile texts harmless in all of them."""

import csv
import hashlib
import io
import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pypdf
import pytest
import typst
import zxingcpp
from lxml import etree

from app.http import ids
from app.language import Language
from app.statements import camt053, paper, printed, sheets
from app.statements.document import WRITERS, Format
from app.statements.paper import Paper, Row
from law.money import KZT, Money
from tests.app.statements import papers, png
from wallet import statement
from wallet.statement import Line

ROOT = Path(__file__).parents[3]
_DATA = Path(os.environ.get("ERESIDENCY_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
XSD = _DATA / "iso20022" / "camt.053.001.08.xsd"
NAMES = {"c": camt053.NAMESPACE}
LEGS = papers.lines(9)
MADE = papers.record(LEGS)


def write(format_: Format, head: Paper, rows: list[Row]) -> bytes:
    writer = WRITERS[format_](head)
    return b"".join([writer.begin(), writer.rows(rows[:4]), writer.rows([]), writer.rows(rows[4:]), writer.end()])


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("format_", Format)
def test_the_same_statement_has_the_same_bytes(format_: Format, language: Language) -> None:
    once, again = (write(format_, papers.paper(MADE, language), papers.rows(LEGS)) for _ in range(2))

    assert once == again


#: What another process makes of the same statement; its day is not ours.
_ELSEWHERE = """
import hashlib
from app.statements.document import Format
from tests.app.statements import papers, test_documents as here
print(hashlib.sha256(here.write(Format.PDF, papers.paper(here.MADE), papers.rows(here.LEGS))).hexdigest())
"""


def test_another_process_in_another_zone_prints_the_same_bytes() -> None:
    printed_here = write(Format.PDF, papers.paper(MADE), papers.rows(LEGS))

    elsewhere = {"TZ": "Pacific/Kiritimati", "LANG": "C", "PYTHONHASHSEED": "1242", "PATH": os.environ["PATH"]}
    said = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE], env=elsewhere, cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == hashlib.sha256(printed_here).hexdigest()


def test_json_has_all_it_takes_to_compute_the_hash_anew() -> None:
    found: dict[str, Any] = json.loads(write(Format.JSON, papers.paper(MADE), papers.rows(LEGS)))

    read = [
        Line(
            version=row["version"],
            id=ids.parse("transfer", row["transfer"]),
            at=datetime.fromisoformat(row["booked_at"]),
            effective=datetime.fromisoformat(row["effective_at"]),
            kind=row["kind"],
            code=row["code"],
            reference=row["reference"],
            moved=Money(row["moved"]["amount_minor"], KZT),
            balance=Money(row["balance"]["amount_minor"], KZT),
        )
        for row in found["rows"]
    ]
    assert statement.root(MADE, read).hex() == found["statement"]["sha256"]
    assert [row["label"] for row in found["rows"]] == [row.label for row in papers.rows(LEGS)]


@pytest.mark.parametrize("change", ["version", "moved", "balance", "effective", "code", "dropped", "swapped"])
def test_a_row_that_was_changed_changes_the_hash(change: str) -> None:
    legs = papers.lines(9)
    match change:
        case "dropped":
            del legs[3]
        case "swapped":
            legs[3], legs[4] = legs[4], legs[3]
        case _:
            fields = {name: getattr(legs[3], name) for name in Line.__struct_fields__}
            other = {
                "moved": Money(1, KZT),
                "balance": Money(1, KZT),
                "effective": legs[3].at,
                "code": "x",
                "version": 1,
            }
            legs[3] = Line(**fields | {change: other[change]})

    assert statement.root(MADE, legs) != statement.root(MADE, LEGS)


def test_csv_is_read_back_by_rfc_4180_and_no_cell_is_a_formula() -> None:
    written = write(Format.CSV, papers.paper(MADE, Language.EN), papers.rows(LEGS))

    read = list(csv.DictReader(io.StringIO(written.decode(), newline="")))
    assert written.count(b"\r\n") == len(LEGS) + 1
    assert [row["amount"] for row in read] == [str(leg.moved).split()[0] for leg in LEGS]
    texts = [row[name] for row in read for name in ("description", "code", "reference", "message")]
    assert not [text for text in texts if text[0] in "=+-@\t\r"]
    assert [row["message"].removeprefix("'") for row in read] == [row.message for row in papers.rows(LEGS)]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\ta", "\ra", "=cmd|' /C calc'!A0"])
def test_what_a_spreadsheet_would_run_is_a_text(text: str) -> None:
    assert sheets.harmless(text) == f"'{text}"


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("count", [0, 9])
def test_camt053_is_valid_and_says_what_the_statement_says(final: bool, count: int) -> None:
    legs = papers.lines(count)
    made = papers.record(legs, final=final)

    root = etree.fromstring(write(Format.CAMT053, papers.paper(made, Language.EN), papers.rows(legs)))

    def texts(path: str) -> list[str]:
        return [str(found.text) for found in root.iterfind(path, NAMES)]

    signs = [1 if side == "CRDT" else -1 for side in texts(".//c:Ntry/c:CdtDbtInd")]
    amounts = [sign * round(float(text) * 100) for sign, text in zip(signs, texts(".//c:Ntry/c:Amt"), strict=True)]
    assert amounts == [leg.moved.minor for leg in legs]
    assert texts(".//c:Bal/c:Tp//c:Cd") == ["OPBD", "CLBD" if final else "ITBD"]
    assert texts(".//c:Bal/c:Amt") == [f"{money.minor / 100:.2f}" for money in (made.opening, made.closing)]
    assert texts(".//c:TtlNtries/c:NbOfNtries") == [str(count)]
    assert [len(texts(f".//c:{side}//c:Nm")) for side in ("Cdtr", "Dbtr")] == [signs.count(-1), signs.count(1)]
    assert texts(".//c:Acct/c:Id/c:IBAN") == ["KZ869990000000000001"]
    assert made.summed is not None
    assert made.summed.root.hex() in texts(".//c:AddtlStmtInf")[0]
    if not XSD.exists():
        pytest.skip("the ISO 20022 schema is not here: everything but its validity was checked")
    schema = etree.XMLSchema(etree.parse(XSD))
    assert schema.validate(root), schema.error_log


def test_the_schema_would_find_a_statement_that_is_not_valid() -> None:
    if not XSD.exists():
        pytest.skip("the ISO 20022 schema is not here")
    written = write(Format.CAMT053, papers.paper(MADE), papers.rows(LEGS))

    wrong = etree.fromstring(written.replace(b"<Sts><Cd>BOOK</Cd></Sts>", b"", 1))

    assert not etree.XMLSchema(etree.parse(XSD)).validate(wrong)


@pytest.mark.parametrize("language", Language)
def test_pdf_has_the_figures_and_the_letters_of_the_language(language: Language) -> None:
    head = papers.paper(MADE, language)

    pages = pypdf.PdfReader(io.BytesIO(write(Format.PDF, head, papers.rows(LEGS)))).pages
    text = "\n".join(page.extract_text() for page in pages)

    assert paper.word("title", language) in text
    assert head.letterhead.name in text
    assert papers.KAZAKH in text
    for money in (head.opening, head.closing, head.summed.debits, LEGS[0].moved):
        assert paper.amount(money, language) in text.replace("\u00a0", "\u00a0"), money
    assert head.sha256[:16] in text.replace("\n", "")
    assert "#strong[x]" in text, "a text of others is no markup"


def test_the_paper_is_set_in_the_fonts_of_the_wheel_alone() -> None:
    [page] = pypdf.PdfReader(io.BytesIO(write(Format.PDF, papers.paper(MADE), papers.rows(LEGS[:2])))).pages

    resources: Any = page["/Resources"]
    fonts = {str(font.get_object()["/BaseFont"]).partition("+")[2] for font in resources["/Font"].values()}
    assert {name.partition("-")[0] for name in fonts} == {"LibertinusSerif", "DejaVuSansMono"}


def test_the_letters_of_kazakh_are_drawn_each_with_its_own_glyph() -> None:
    """A letter without a glyph would be drawn as the box of all such letters: then two of them would look the same."""
    drawn = {letter: _drawn(letter) for letter in papers.KAZAKH}

    assert len(set(drawn.values())) == len(drawn)
    assert _drawn("\uaaaa") == _drawn("\uaaab"), "these are in no font of the wheel"


def _drawn(letter: str) -> str:
    source = f'#set text(font: ("Libertinus Serif", "DejaVu Sans Mono"), fallback: false)\n{letter}'
    fonts = typst.Fonts(include_system_fonts=False)
    svg = typst.Compiler(source.encode(), font_paths=fonts, ignore_system_fonts=True).compile(format="svg")
    assert isinstance(svg, bytes)
    return "".join(re.findall(r' d="([^"]+)"', svg.decode()))


def test_the_code_on_the_paper_leads_to_its_check() -> None:
    head = papers.paper(MADE)

    picture = printed.compile_("png", head, [])

    [code] = zxingcpp.read_barcodes(png.grey(picture, rows_max=360))
    assert code.text == head.verify_url
    assert head.verify_url == f"https://api.example.kz/v1/public/statements/{MADE.code.hex()}"


@pytest.mark.parametrize("word", sorted(paper.texts()))
def test_every_word_is_said_in_three_languages(word: str) -> None:
    said = paper.texts()[word]

    assert set(said) == set(Language)
    assert all(said.values())


@pytest.mark.parametrize(
    ("minor", "language", "text"),
    [
        (1_234_567_89, Language.RU, "1\u00a0234\u00a0567,89"),
        (-1_234_567_89, Language.EN, "\u22121,234,567.89"),
        (5, Language.KK, "0,05"),
        (0, Language.EN, "0.00"),
    ],
)
def test_amounts_are_written_as_people_of_the_language_do(minor: int, language: Language, text: str) -> None:
    assert paper.amount(Money(minor, KZT), language) == text
