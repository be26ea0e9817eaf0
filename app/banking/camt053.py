"""Reads a bank's end-of-day statement in ISO 20022 (camt.053, versions 2 to 8): one account, one day.

Written by somebody else, so it is hostile until it is read: no DOCTYPE, no entities, nothing fetched, nothing huge, no
more elements than a day can have. Amounts are decimal texts and become whole minor units or nothing.
"""

from collections.abc import Iterator
from datetime import date

from lxml import etree

from app.banking.bank_statement import BadStatement, Entry, Statement
from law.money import BadAmount, Currency, UnknownCurrency, parse_major

BYTES_MAX = 900_000
_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001."
_SIGNS = {"CRDT": 1, "DBIT": -1}


def from_xml(body: bytes) -> Statement:
    """Read the one statement in `body`; raises BadStatement."""
    root = _parsed(body)
    namespace = etree.QName(root).namespace or ""
    if not namespace.startswith(_NAMESPACE) or etree.QName(root).localname != "Document":
        raise BadStatement("it is no camt.053")
    statements = list(_all(root, "BkToCstmrStmt/Stmt"))
    if len(statements) != 1:
        raise BadStatement("it holds no or several statements")
    [found] = statements
    opening, closing = _balance(found, "OPBD"), _balance(found, "CLBD")
    if opening[2] is not closing[2]:
        raise BadStatement("its balances are of two currencies")
    entries = [_entry(each, closing[2]) for each in _all(found, "Ntry") if _status(each) == "BOOK"]
    return Statement(
        day=closing[1],
        currency=closing[2].value,
        opening_minor=opening[0],
        closing_minor=closing[0],
        entries=entries,
    )


def _parsed(body: bytes) -> etree._Element:
    if len(body) > BYTES_MAX:
        raise BadStatement("it is too large")
    # Before the parser sees it: what has no DOCTYPE has no entities to expand and nothing to fetch. Other encodings
    # than ASCII's supersets could hide one, so those are not read.
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or b"\x00" in body or b"<!DOCTYPE" in body.upper():
        raise BadStatement("it is not plain XML in UTF-8")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        encoding="utf-8",
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise BadStatement(f"not well formed: {error.msg}"[:200]) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise BadStatement("it is not plain XML in UTF-8")
    return root


def _all(node: etree._Element, path: str) -> Iterator[etree._Element]:
    """Go through the elements at `path`, in the namespace of `node`."""
    namespace = etree.QName(node).namespace
    return iter(node.iterfind("/".join(f"{{{namespace}}}{name}" for name in path.split("/"))))


def _text(node: etree._Element, *paths: str) -> str | None:
    for path in paths:
        for found in _all(node, path):
            return (found.text or "").strip()
    return None


def _balance(statement: etree._Element, code: str) -> tuple[int, date, Currency]:
    for each in _all(statement, "Bal"):
        if _text(each, "Tp/CdOrPrtry/Cd") == code:
            return _amount(each, _currency(each)), _day(_text(each, "Dt/Dt", "Dt/DtTm")), _currency(each)
    raise BadStatement(f"it has no balance {code}")


def _entry(node: etree._Element, currency: Currency) -> Entry:
    if _currency(node) is not currency:
        raise BadStatement("an entry is of another currency")
    details = "NtryDtls/TxDtls/Refs/"
    named = _text(node, f"{details}EndToEndId", f"{details}InstrId", "AcctSvcrRef", "NtryRef") or ""
    allowed = set("._:/-")
    reference = "".join(each for each in named if each.isascii() and (each.isalnum() or each in allowed))[:64]
    return Entry(_amount(node, currency), reference)  # CdtDbtInd is the side it was booked on, a reversal's too


def _amount(node: etree._Element, currency: Currency) -> int:
    sign = _SIGNS.get(_text(node, "CdtDbtInd") or "")
    if sign is None:
        raise BadStatement("an amount has no side")
    try:
        return sign * parse_major(_text(node, "Amt") or "", currency).minor
    except BadAmount as error:
        raise BadStatement("an amount is no decimal number of the currency") from error


def _currency(node: etree._Element) -> Currency:
    for found in _all(node, "Amt"):
        try:
            return Currency.of(found.get("Ccy") or "")
        except UnknownCurrency as error:
            raise BadStatement("an amount is of no currency") from error
    raise BadStatement("an amount is missing")


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError as error:
        raise BadStatement("a balance has no date") from error


def _status(node: etree._Element) -> str | None:
    return _text(node, "Sts/Cd", "Sts")
