"""A settlement file, and how it is read: line by line, refused as a whole where one of them is wrong.

    lines end with LF, fields are separated by TAB, text is UTF-8 without control characters; amounts are minor units

    H  1  network  link  sequence  business_date  cutoff_at  settles_on  currency
    R  no  kind  lifecycle  element  pan  amount  currency  interchange  fee  merchant  id  category  country  final
    T  records  debits  credits  interchange  fees  net  sha256  kid  signature

`link` is domestic or international; `cutoff_at` is an instant (RFC 3339, Z), the two dates are days in Kazakhstan.
Records are numbered from 1. What a record takes from us is a debit (purchase, cash, representment), what it gives a
credit (refund, chargeback); `interchange` is what the network leaves us of it, below zero where it takes that back;
`fee` is what it charges for it; a record `fee` is nothing but that. `lifecycle` and `element` are the names under which
the network told it before, of a dispute its key and the name of the event; `pan` is empty where no card is named.

The sums of the trailer count what is in the file's currency. `net` is what we pay: debits less credits less
interchange, and fees. `sha256` is that of all bytes before the trailer, and `signature` (Ed25519, base64url) signs
SIGNED and that digest with a key of the network, named by `kid`.
"""

import base64
import binascii
import enum
import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import NamedTuple, NoReturn

VERSION = "1"
SIGNED = b"eresidency settlement file v1\n"
#: No line is longer; nothing of a file is read further than that at once.
LINE_MAX = 2_000

_NAME = re.compile(r"[!-~]{1,64}")
_TEXT = re.compile(r"[^\x00-\x1f\x7f]{0,100}")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,14}")
_SIGNED = re.compile(r"0|-?[1-9][0-9]{0,14}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_CATEGORY = re.compile(r"[0-9]{4}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_PAN = re.compile(r"([0-9]{12,19})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Malformed(Exception):
    """The file is none, or not whole: in this line this is wrong, in a word. Nothing of it is taken."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(line, why)
        self.line = line
        self.why = why


class Link(enum.StrEnum):
    """By which of the two lines the network settles."""

    DOMESTIC = "domestic"
    INTERNATIONAL = "international"


class Kind(enum.StrEnum):
    """What a record settles."""

    PURCHASE = "purchase"
    CASH = "cash"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    REPRESENTMENT = "representment"
    FEE = "fee"

    @property
    def direction(self) -> int:
        """1 where it takes from us, -1 where it gives."""
        return -1 if self in {Kind.REFUND, Kind.CHARGEBACK} else 1


class Header(NamedTuple):
    """The first line: whose file it is, of which day, up to when, and where it stands among the others."""

    network: str
    link: Link
    sequence: int
    business_date: date
    cutoff_at: datetime
    settles_on: date
    currency: str


class Record(NamedTuple):
    """One line. The number of the card is nowhere but here, while the line is read."""

    no: int
    kind: str
    lifecycle: str
    element: str
    pan: str
    amount_minor: int
    currency: str
    interchange_minor: int
    fee_minor: int
    merchant_name: str
    merchant_id: str
    merchant_category: str
    merchant_country: str
    final: bool

    def __repr__(self) -> str:
        return f"Record({self.no})"


class Trailer(NamedTuple):
    """The last line: what the lines before it add up to, and who says so."""

    records: int
    debits_minor: int
    credits_minor: int
    interchange_minor: int
    fees_minor: int
    net_minor: int
    sha256: bytes
    kid: str
    signature: bytes


_KINDS = {str(kind): kind.direction for kind in Kind}
_HEADER_FIELDS, _RECORD_FIELDS, _TRAILER_FIELDS = 9, 15, 10


class Reading:
    """Reads one file from its lines: `header` at once, then the records, then `trailer` once they are exhausted."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        """Read the first line; raises Malformed."""
        self._lines = iter(lines)
        self._hash = hashlib.sha256()
        self._line = 0
        self._sums = [0, 0, 0, 0]
        self.header = self._header()
        self.trailer: Trailer | None = None
        self.sha256 = b""

    def records(self) -> Iterator[Record]:
        """Read on to the end; raises Malformed wherever that is found, at the latest at the end."""
        for no, (fields, line) in enumerate(self._fields(), start=1):
            if fields[0] == "T":
                self._end(fields, line, no - 1)
                return
            yield self._record(fields, no)
        self._wrong("no_trailer")

    def _header(self) -> Header:
        fields, _ = next(self._fields(), ([""], b""))
        if fields[:2] != ["H", VERSION] or len(fields) != _HEADER_FIELDS:
            self._wrong("no_header")
        _, _, network, link, sequence, business_date, cutoff_at, settles_on, currency = fields
        if link not in {str(each) for each in Link}:
            self._wrong("link")
        header = Header(
            network=self._like(_NAME, network, "network"),
            link=Link(link),
            sequence=int(self._like(_WHOLE, sequence, "sequence")),
            business_date=self._day(business_date, "business_date"),
            cutoff_at=self._instant(cutoff_at),
            settles_on=self._day(settles_on, "settles_on"),
            currency=self._like(_CURRENCY, currency, "currency"),
        )
        if not 0 < header.sequence < 2**31:
            self._wrong("sequence")
        if header.settles_on < header.business_date:
            self._wrong("settles_on")
        return header

    def _record(self, fields: list[str], no: int) -> Record:
        if fields[0] != "R" or len(fields) != _RECORD_FIELDS:
            self._wrong("no_record")
        (
            _,
            said,
            kind,
            lifecycle,
            element,
            pan,
            amount,
            currency,
            interchange,
            fee,
            name,
            id_,
            category,
            country,
            final,
        ) = fields
        if said != str(no):
            self._wrong("number")
        if (direction := _KINDS.get(kind)) is None:
            self._wrong("kind")
        record = Record(
            no=no,
            kind=kind,
            lifecycle=self._like(_NAME, lifecycle, "lifecycle"),
            element=self._like(_NAME, element, "element"),
            pan=self._like(_PAN, pan, "pan"),
            amount_minor=int(self._like(_WHOLE, amount, "amount")),
            currency=self._like(_CURRENCY, currency, "currency"),
            interchange_minor=int(self._like(_SIGNED, interchange, "interchange")),
            fee_minor=int(self._like(_WHOLE, fee, "fee")),
            merchant_name=self._like(_TEXT, name, "merchant"),
            merchant_id=self._like(_TEXT, id_, "merchant_id"),
            merchant_category=self._like(_CATEGORY, category, "category"),
            merchant_country=self._like(_COUNTRY, country, "country"),
            final=final == "1",
        )
        if final not in {"0", "1"}:
            self._wrong("final")
        if (record.amount_minor == 0) != (kind == Kind.FEE):
            self._wrong("amount")
        if record.currency == self.header.currency:
            sums = self._sums
            sums[0 if direction > 0 else 1] += record.amount_minor
            sums[2] += record.interchange_minor
            sums[3] += record.fee_minor
        return record

    def _end(self, fields: list[str], line: bytes, records: int) -> None:
        """Compare the trailer with what was read, and see that nothing follows it."""
        if len(fields) != _TRAILER_FIELDS:
            self._wrong("no_trailer")
        digest = self._hash.copy().digest()
        told = Trailer(
            records=int(self._like(_WHOLE, fields[1], "records")),
            debits_minor=int(self._like(_WHOLE, fields[2], "debits")),
            credits_minor=int(self._like(_WHOLE, fields[3], "credits")),
            interchange_minor=int(self._like(_SIGNED, fields[4], "interchange")),
            fees_minor=int(self._like(_WHOLE, fields[5], "fees")),
            net_minor=int(self._like(_SIGNED, fields[6], "net")),
            sha256=bytes.fromhex(self._like(_SHA256, fields[7], "sha256")),
            kid=self._like(_NAME, fields[8], "kid"),
            signature=self._unb64(fields[9]),
        )
        debits, credits_, interchange, fees = self._sums
        for what, said, is_ in (
            ("records", told.records, records),
            ("debits", told.debits_minor, debits),
            ("credits", told.credits_minor, credits_),
            ("interchange", told.interchange_minor, interchange),
            ("fees", told.fees_minor, fees),
            ("net", told.net_minor, debits - credits_ - interchange + fees),
            ("sha256", told.sha256, digest),
        ):
            if said != is_:
                self._wrong(f"{what}_differ")
        if next(self._lines, b""):
            self._line += 1
            self._wrong("after_trailer")
        self._hash.update(line)
        self.sha256 = self._hash.digest()
        self.trailer = told

    def _fields(self) -> Iterator[tuple[list[str], bytes]]:
        """Split line after line; all but the trailer goes into the digest."""
        for line in self._lines:
            self._line += 1
            if len(line) > LINE_MAX:
                self._wrong("too_long")
            if not line.endswith(b"\n"):
                self._wrong("cut_short")
            try:
                fields = line[:-1].decode().split("\t")
            except UnicodeDecodeError:
                self._wrong("no_utf8")
            if fields[0] != "T":
                self._hash.update(line)
            yield fields, line

    def _like(self, form: re.Pattern[str], text: str, what: str) -> str:
        if form.fullmatch(text) is None:
            self._wrong(what)
        return text

    def _day(self, text: str, what: str) -> date:
        try:
            return date.fromisoformat(self._like(_DAY, text, what))
        except ValueError:
            self._wrong(what)

    def _instant(self, text: str) -> datetime:
        try:
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            self._wrong("cutoff_at")

    def _unb64(self, text: str) -> bytes:
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            self._wrong("signature")

    def _wrong(self, why: str) -> NoReturn:
        raise Malformed(self._line, why)
