"""Statements for accounting systems: ISO 20022 BankToCustomerStatementV08 (camt.053.001.08).

Texts of the standard are at most so long (Max35Text …) and an id of ours is a UUID, so its 32 digits are written.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from uuid import UUID

from app.http import ids
from app.statements import bank_codes, paper
from app.statements.paper import Paper, Row
from law.calendar import day_starts
from law.money import Money, format_major

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_DAY_S = 86_400
_ISSUER = "eresidency"


class Camt053:
    """One message with one statement, written as it is read."""

    media_type = "application/xml"
    suffix = "camt053.xml"

    def __init__(self, head: Paper) -> None:
        self._head = head

    def begin(self) -> bytes:
        """Write everything before the entries."""
        head = self._head
        made, id_ = _time(head.made_at), _short("statement", head.id)
        begins = day_starts(head.begins_on)
        ends = head.made_at if not head.final else _end_of(head)
        parts = [
            '<?xml version="1.0" encoding="UTF-8"?>\n',
            f'<Document xmlns="{NAMESPACE}"><BkToCstmrStmt>',
            f"<GrpHdr>{_tag('MsgId', id_)}{_tag('CreDtTm', made)}</GrpHdr>",
            f"<Stmt>{_tag('Id', id_)}{_tag('CreDtTm', made)}",
            f"<FrToDt>{_tag('FrDtTm', _time(begins))}{_tag('ToDtTm', _time(ends))}</FrToDt>",
            self._account(),
            _balance("OPBD", head.opening, head.begins_on.isoformat()),
            _balance("CLBD" if head.final else "ITBD", head.closing, head.ends_on.isoformat()),
            self._summary(),
        ]
        return "".join(parts).encode()

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Write some entries."""
        return "".join(part for row in rows for part in self._entry(row)).encode()

    def end(self) -> bytes:
        """Write what is behind them."""
        head = self._head
        told = f"sha256={head.sha256} {head.verify_url}"
        return f"{_tag('AddtlStmtInf', told, 500)}</Stmt></BkToCstmrStmt></Document>\n".encode()

    def _account(self) -> str:
        head = self._head
        number = (
            _tag("IBAN", head.letterhead.iban)
            if head.letterhead.iban
            else f"<Othr>{_tag('Id', _short('wallet', head.account))}</Othr>"
        )
        owner = f"<Ownr>{_tag('Nm', head.letterhead.name, 140)}</Ownr>" if head.letterhead.name else ""
        bank = f"{_tag('BICFI', head.letterhead.bic)}{_tag('Nm', head.letterhead.bank, 140)}"
        return (
            f"<Acct><Id>{number}</Id>{_tag('Ccy', str(head.opening.currency))}{owner}"
            f"<Svcr><FinInstnId>{bank}</FinInstnId></Svcr></Acct>"
        )

    def _summary(self) -> str:
        found = self._head.summed
        return (
            f"<TxsSummry><TtlNtries>{_tag('NbOfNtries', str(found.entries))}</TtlNtries>"
            f"<TtlCdtNtries>{_tag('Sum', format_major(found.credits))}</TtlCdtNtries>"
            f"<TtlDbtNtries>{_tag('Sum', format_major(found.debits))}</TtlDbtNtries></TxsSummry>"
        )

    def _entry(self, row: Row) -> Iterator[str]:
        id_ = _short("transfer", row.transfer)
        yield f"<Ntry>{_tag('NtryRef', str(row.number))}{_amount(row.moved)}"
        yield _tag("RvslInd", "true") if row.kind == "reversal" else ""
        yield f"<Sts><Cd>BOOK</Cd></Sts><BookgDt>{_tag('DtTm', _time(row.booked_at))}</BookgDt>"
        yield f"<ValDt>{_tag('Dt', row.value_on.isoformat())}</ValDt>{_tag('AcctSvcrRef', id_)}"
        yield f"<BkTxCd>{_code(row)}</BkTxCd><NtryDtls><TxDtls><Refs>{_tag('AcctSvcrRef', id_)}</Refs>"
        if row.label:
            side = "Dbtr" if row.moved.minor > 0 else "Cdtr"
            yield f"<RltdPties><{side}><Pty>{_tag('Nm', row.label, 140)}</Pty></{side}></RltdPties>"
        if said := [_tag("Ustrd", text, 140) for text in (row.message, row.reference) if text]:
            yield f"<RmtInf>{''.join(said)}</RmtInf>"
        yield f"</TxDtls></NtryDtls>{_tag('AddtlNtryInf', paper.description(row, self._head.language), 500)}</Ntry>"


def _code(row: Row) -> str:
    ours = f"<Prtry>{_tag('Cd', row.code or row.kind, 35)}{_tag('Issr', _ISSUER)}</Prtry>"
    domain, family, sub = bank_codes.of(row.code, comes=row.moved.minor > 0)
    return f"<Domn>{_tag('Cd', domain)}<Fmly>{_tag('Cd', family)}{_tag('SubFmlyCd', sub)}</Fmly></Domn>{ours}"


def _balance(code: str, money: Money, day: str) -> str:
    tell = f"<Tp><CdOrPrtry>{_tag('Cd', code)}</CdOrPrtry></Tp>"
    return f"<Bal>{tell}{_amount(money)}<Dt>{_tag('Dt', day)}</Dt></Bal>"


def _amount(money: Money) -> str:
    """Write the amount without its sign, and the sign as a word: nothing owed is a credit."""
    side = "DBIT" if money.minor < 0 else "CRDT"
    return f'<Amt Ccy="{money.currency}">{format_major(abs(money))}</Amt>{_tag("CdtDbtInd", side)}'


def _tag(name: str, text: str, at_most: int = 35) -> str:
    return f"<{name}>{escape(_readable(text)[:at_most])}</{name}>"


def _readable(text: str) -> str:
    """Leave out what XML 1.0 has no way to write."""
    return "".join(letter for letter in text if letter.isprintable())


def _short(prefix: str, shown: str) -> str:
    found: UUID = ids.parse(prefix, shown)
    return found.hex


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _end_of(head: Paper) -> datetime:
    return datetime.fromtimestamp(day_starts(head.ends_on).timestamp() + _DAY_S, UTC)
