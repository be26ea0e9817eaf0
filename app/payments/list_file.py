"""A list of payments as a file: CSV, or a pain.001.001.09 as banks and bookkeeping programs write it (ISO 20022).

A file is read as a whole and nothing of it is believed: what is wrong is told with its line, everything at once. CSV is
RFC 4180 in UTF-8 with a header line `to,amount,reference`, amounts in tenge (`1500.00`).
"""

import csv
import enum
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple, cast

from lxml import etree

from law.money import KZT, AmountOutOfRange, BadAmount, parse_major

CONTENT_MAX = 4_000_000
ITEMS_MAX = 10_000
REFERENCE_MAX = 35
_COLUMNS = ["to", "amount", "reference"]
_NS = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_TAG = f"{{{_NS}}}"


class Format(enum.StrEnum):
    """What a file is."""

    CSV = "csv"
    PAIN = "pain.001.001.09"


class Fault(NamedTuple):
    """What is wrong, and where: a JSON pointer into the request; of a file the reason names the line."""

    pointer: str
    reason: str


class Invalid(Exception):
    """The list can't be paid as it is; `faults` are all there are."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(len(faults))
        self.faults = faults


class Line(NamedTuple):
    """One payment as it is asked for; `pointer` and `prefix` say where it was read."""

    to: str
    minor: int
    reference: str
    pointer: str
    prefix: str

    def fault(self, reason: str, field: str = "") -> Fault:
        """Say what is wrong with it."""
        return Fault(self.pointer + (f"/{field}" if field and not self.prefix else ""), self.prefix + reason)


def read(format_: Format, content: str) -> list[Line]:
    """Read a file; raises Invalid with every line that can't be read."""
    lines: list[Line] = []
    faults: list[Fault] = []
    for each in _csv(content) if format_ is Format.CSV else _pain(content):
        (lines if isinstance(each, Line) else faults).append(each)  # type: ignore[arg-type]  # told apart just now
        if len(lines) > ITEMS_MAX:
            faults.append(_fault(0, f"more than {ITEMS_MAX} payments"))
            break
    if faults or not lines:
        raise Invalid(faults or [_fault(0, "no payments")])
    return lines


def _csv(content: str) -> Iterator[Line | Fault]:
    reader = csv.reader(io.StringIO(content.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        if [name.strip().lower() for name in next(reader, [])] != _COLUMNS:
            yield _fault(1, f"the first line is not {','.join(_COLUMNS)}")
            return
        for row in reader:
            if not row:
                continue
            if len(row) != len(_COLUMNS):
                yield _fault(reader.line_num, f"has {len(row)} fields, not {len(_COLUMNS)}")
                continue
            yield _line(reader.line_num, *(field.strip() for field in row))
    except csv.Error as error:
        yield _fault(reader.line_num, str(error))


def _pain(content: str) -> Iterator[Line | Fault]:
    """Read the credit transfers of a message, and compare them with what its header says of them."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, remove_pis=True
    )
    try:
        root = etree.fromstring(content.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        yield _fault(line, "is not well-formed XML")
        return
    if getattr(root.getroottree().docinfo, "doctype", ""):
        yield _fault(1, "a document type is not allowed")
        return
    if root.tag != f"{_TAG}Document":
        yield _fault(1, f"is no {Format.PAIN}")
        return
    header = root.find(f"{_TAG}CstmrCdtTrfInitn/{_TAG}GrpHdr")
    transfers = list(root.iterfind(f"{_TAG}CstmrCdtTrfInitn/{_TAG}PmtInf/{_TAG}CdtTrfTxInf"))
    lines = [_transfer(each) for each in transfers]
    yield from lines
    yield from _compared(header, [each for each in lines if isinstance(each, Line)], whole=len(transfers))


def _transfer(transfer: etree._Element) -> Line | Fault:
    amount = transfer.find(f"{_TAG}Amt/{_TAG}InstdAmt")
    line = _at(transfer)
    if amount is None or amount.get("Ccy") != KZT:
        return _fault(line, "InstdAmt is not in KZT")
    iban = _said(transfer, "CdtrAcct", "Id", "IBAN")
    return _line(line, iban, (amount.text or "").strip(), _said(transfer, "PmtId", "EndToEndId"))


def _compared(header: etree._Element | None, lines: list[Line], *, whole: int) -> Iterator[Fault]:
    if header is None:
        yield _fault(1, "has no GrpHdr")
        return
    if _said(header, "NbOfTxs") != str(whole):
        yield _fault(_at(header), f"NbOfTxs is not {whole}")
    if (told := _said(header, "CtrlSum")) and len(lines) == whole:
        try:
            matches = parse_major(told, KZT).minor == sum(line.minor for line in lines)
        except (BadAmount, AmountOutOfRange):
            matches = False
        if not matches:
            yield _fault(_at(header), "CtrlSum is not the sum of the payments")


def _at(node: etree._Element) -> int:
    return cast("int | None", node.sourceline) or 1


def _said(node: etree._Element, *path: str) -> str:
    return (node.findtext("/".join(f"{_TAG}{name}" for name in path)) or "").strip()


def _line(number: int, to: str, amount: str, reference: str) -> Line | Fault:
    try:
        money = parse_major(amount, KZT)
    except (BadAmount, AmountOutOfRange):
        return _fault(number, "the amount can't be read")
    if len(reference) > REFERENCE_MAX or not reference.isprintable():
        return _fault(number, f"the reference is longer than {REFERENCE_MAX} characters or unprintable")
    return Line(to, money.minor, reference, "/file/content", f"line {number}: ")


def _fault(line: int, reason: str) -> Fault:
    return Fault("/file/content", f"line {line}: {reason}" if line else reason)


def of_items(items: Iterable[tuple[str, int, str]]) -> list[Line]:
    """Take the payments of a request, each named by its place in it."""
    return [Line(to, minor, reference, f"/items/{no}", "") for no, (to, minor, reference) in enumerate(items)]
