"""Statements for machines that read tables: JSON, and CSV by RFC 4180."""

import csv
import io
from collections.abc import Sequence

import msgspec

from app.statements import paper
from app.statements.paper import Paper, Row
from law.money import Money, format_major

_COLUMNS = (
    "number", "booked_at", "booked_on", "value_on", "description", "code", "reference", "amount", "currency", "balance",
    "transfer", "message",
)  # fmt: skip
#: What a spreadsheet takes for a formula where a text begins with it (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Json:
    """One object: `statement`, and its `rows` in order, each on a line."""

    media_type = "application/json"
    suffix = "json"

    def __init__(self, head: Paper) -> None:
        self._head = head
        self._is_first = True

    def begin(self) -> bytes:
        """Write the head."""
        head = self._head
        told = {
            "id": head.id,
            "verify_url": head.verify_url,
            "sha256": head.sha256,
            "issuer": {"name": head.letterhead.bank, "bic": head.letterhead.bic},
            "owner": {"name": head.letterhead.name, "iban": head.letterhead.iban},
            "account": head.account,
            "begins_on": head.begins_on,
            "ends_on": head.ends_on,
            "final": head.final,
            "opening": _money(head.opening),
            "closing": _money(head.closing),
            "credits": _money(head.summed.credits),
            "debits": _money(head.summed.debits),
            "entries": head.summed.entries,
            "made_at": head.made_at,
        }
        return b'{"statement":' + msgspec.json.encode(told) + b',"rows":['

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Write some rows."""
        written = b",\n".join(msgspec.json.encode(self._row(row)) for row in rows)
        before = b"\n" if self._is_first else b",\n"
        if written:
            self._is_first = False
        return before + written if written else b""

    def end(self) -> bytes:
        """Write what is behind them."""
        return b"\n]}\n"

    def _row(self, row: Row) -> dict[str, object]:
        return {
            "number": row.number,
            "transfer": row.transfer,
            "booked_at": row.booked_at,
            "booked_on": row.booked_on,
            "value_on": row.value_on,
            "version": row.version,
            "effective_at": row.effective_at,
            "kind": row.kind,
            "code": row.code,
            "reference": row.reference,
            "label": row.label,
            "message": row.message,
            "description": paper.description(row, self._head.language),
            "moved": _money(row.moved),
            "balance": _money(row.balance),
        }


class Csv:
    """A line of names and one per row. Amounts have a point and no gaps; no text is a formula to anybody."""

    media_type = "text/csv; header=present"
    suffix = "csv"

    def __init__(self, head: Paper) -> None:
        self._head = head

    def begin(self) -> bytes:
        """Write the names."""
        return _lines([_COLUMNS])

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Write some rows."""
        return _lines([self._cells(row) for row in rows])

    def end(self) -> bytes:
        """Write nothing: a table has no end."""
        return b""

    def _cells(self, row: Row) -> tuple[object, ...]:
        return (
            row.number,
            row.booked_at.isoformat(),
            row.booked_on,
            row.value_on,
            harmless(paper.description(row, self._head.language)),
            harmless(row.code),
            harmless(row.reference),
            format_major(row.moved),
            str(row.moved.currency),
            format_major(row.balance),
            row.transfer,
            harmless(row.message),
        )


def harmless(text: str) -> str:
    """Keep a spreadsheet from running a text: a quote in front makes it one."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _money(money: Money) -> dict[str, object]:
    return {"amount_minor": money.minor, "currency": str(money.currency)}
