"""The rows of a report and their one canonical text: equal rows have equal bytes, and so equal hashes."""

import csv
import hashlib
import io
from collections.abc import Iterable

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure: how often, and how much in minor units of `currency` where money is counted.

    `key` divides a measure (a reason, a state); `cap` is the most the regime allows, in the measure's own unit.
    """

    measure: str
    key: str = ""
    currency: str = ""
    count: int
    amount_minor: int | None = None
    cap: int | None = None


class Sheet(msgspec.Struct, frozen=True):
    """The rows in order, their canonical CSV and its SHA-256."""

    rows: tuple[Row, ...]
    csv: bytes
    sha256: bytes


def sheet(rows: Iterable[Row]) -> Sheet:
    """Order the rows by measure, key and currency (code points), and write them by RFC 4180 with LF, in UTF-8."""
    ordered = tuple(sorted(rows, key=lambda row: (row.measure, row.key, row.currency)))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Row.__struct_fields__)
    writer.writerows(["" if field is None else field for field in msgspec.structs.astuple(row)] for row in ordered)
    written = text.getvalue().encode()
    return Sheet(ordered, written, hashlib.sha256(written).digest())
