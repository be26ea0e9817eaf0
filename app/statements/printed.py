"""Statements on paper: PDF by typst, the same bytes each time, with the code that leads to their check.

The fonts are those the typst wheel carries (they have the letters of Kazakh); the machine's are not looked at.
"""

import io
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import segno
import typst

from app.statements import paper
from app.statements.paper import Paper, Row
from law.calendar import ALMATY

_WORDS = ("title", "page", "empty", "verify")
_COLUMNS = ("booked", "value", "description", "amount", "balance")


class Pdf:
    """A document is laid out as a whole, so all rows are kept until the end."""

    media_type = "application/pdf"
    suffix = "pdf"

    def __init__(self, head: Paper) -> None:
        self._head = head
        self._rows: list[dict[str, str]] = []

    def begin(self) -> bytes:
        """Write nothing yet."""
        return b""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Keep some rows."""
        language = self._head.language
        self._rows += [
            {
                "booked": row.booked_on.isoformat(),
                "value": row.value_on.isoformat(),
                "text": paper.description(row, language),
                "ref": " \u00b7 ".join(part for part in (row.message, row.reference or row.transfer) if part),
                "amount": paper.amount(row.moved, language),
                "balance": paper.amount(row.balance, language),
            }
            for row in rows
        ]
        return b""

    def end(self) -> bytes:
        """Lay it out."""
        return compile_("pdf", self._head, self._rows)


def compile_(form: str, head: Paper, rows: Sequence[dict[str, str]]) -> bytes:
    """Lay out head and rows: `pdf`, or `png` of the first page."""
    language = head.language
    told = {
        "language": str(language),
        "words": {name: paper.word(name, language) for name in _WORDS},
        "columns": [paper.word(name, language) for name in _COLUMNS],
        "interim": None if head.final else paper.word("interim", language),
        "bank": head.letterhead.bank,
        "id": head.id,
        "sha256": head.sha256,
        "verify_url": head.verify_url,
        "qr": _qr(head.verify_url),
        "facts": _facts(head),
        "sums": [
            (paper.word(name, language), f"{paper.amount(money, language)} {money.currency}")
            for name, money in (
                ("opening", head.opening),
                ("credits", head.summed.credits),
                ("debits", head.summed.debits),
                ("closing", head.closing),
            )
        ],
        "rows": list(rows),
    }
    compiler = typst.Compiler(_template(), font_paths=_fonts(), ignore_system_fonts=True)
    pages = compiler.compile(
        format=form,  # type: ignore[arg-type]  # one of its literals
        sys_inputs={"paper": json.dumps(told)},
        timestamp=int(head.made_at.timestamp()),
    )
    page = pages[0] if isinstance(pages, list) else pages
    assert page is not None, "without a path the document is answered"
    return page


def _facts(head: Paper) -> list[tuple[str, str]]:
    language = head.language
    made = head.made_at.astimezone(ALMATY).isoformat(sep=" ", timespec="minutes")
    facts = [
        ("owner", head.letterhead.name),
        ("account", f"{head.address} {head.opening.currency}"),
        ("bank", f"{head.letterhead.bank}, {head.letterhead.bic}"),
        ("period", f"{head.begins_on.isoformat()} \u2013 {head.ends_on.isoformat()}"),
        ("made", made),
    ]
    return [(paper.word(name, language), value) for name, value in facts if value]


def _qr(url: str) -> str:
    """Draw the code of an address."""
    drawn = io.BytesIO()
    segno.make(url, error="m", micro=False).save(drawn, kind="svg", border=2, xmldecl=False)
    return drawn.getvalue().decode()


@cache
def _template() -> bytes:
    return Path(__file__).with_name("statement.typ").read_bytes()


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False)
