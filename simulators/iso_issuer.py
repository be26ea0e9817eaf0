"""An issuer that is told of purchases in ISO 8583 over a line.

Everything a telegram is recognised by follows from the purchase and the element, so that one sent again, also by a
network that was killed meanwhile, is the same one: 0101 for 0100, 0421 for 0420, with the same time and trace number.
"""

import hashlib
from datetime import timedelta

from simulators import iso8583
from simulators.iso8583 import Away, Fields, Line
from simulators.purchase import Answer, Entry, Purchase, Told, Unanswered

ACQUIRER = "398001"
TENGE, DOMESTIC = "398", "398"
_APPROVED = {"00", "10", "85"}
#: Entry mode (field 22) and condition (25).
_ENTRIES: dict[Entry, tuple[str, str]] = {
    "ecommerce": ("810", "59"),
    "chip": ("051", "00"),
    "contactless": ("071", "00"),
    "magstripe": ("901", "00"),
    "moto": ("010", "08"),
    "recurring": ("100", "08"),
}
_TYPES = {"authorization": "0100", "reversal": "0420", "clearing": "0220"}
_ADVICE = "0120"
_NOT_THE_LAST = "70040199"  # field 48: the first clearing of nobody knows how many


class IsoIssuer:
    """The issuer at the other end of `line`."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def tell(self, purchase: Purchase, told: Told, *, again: bool) -> Answer:
        """Send one copy; raises Unanswered."""
        mti = _ADVICE if told.kind == "authorization" and purchase.swipe.advice else _TYPES[told.kind]
        try:
            heard = await self._line.ask(f"{mti[:3]}1" if again else mti, fields(purchase, told))
        except Away as error:
            raise Unanswered from error
        code = heard.get(39, "")
        return Answer(approved=code in _APPROVED, code=code, reason=None, authorization_id=heard.get(38))

    async def close(self) -> None:
        """Hang up."""
        await self._line.close()


def fields(purchase: Purchase, told: Told) -> Fields:
    """Write the fields of one thing said about a purchase."""
    swipe = purchase.swipe
    at = purchase.opened_at + timedelta(seconds=len(told.element))
    mode, condition = _ENTRIES[swipe.entry]
    said: Fields = {
        2: swipe.pan,
        3: "000000",
        4: f"{told.minor:012}",
        7: iso8583.time_of(at),
        11: trace(purchase.id, told.element),
        12: f"{at:%H%M%S}",
        13: f"{at:%m%d}",
        14: swipe.expiry[2:4] + swipe.expiry[5:7],
        18: swipe.mcc,
        19: DOMESTIC,
        22: mode,
        25: condition,
        32: ACQUIRER,
        37: _digits(purchase.id, 12),
        41: "TERM0001",
        42: f"{swipe.merchant_id:15.15}",
        43: place(swipe.merchant, "ALMATY", swipe.country),
        49: TENGE,
        62: transaction(purchase.id),
    }
    match told.kind:
        case "authorization":
            return said | ({48: f"9203{swipe.cvv2}"} if swipe.cvv2 else {})
        case "reversal":
            return said | _taken_back(purchase, told)
        case "clearing":
            return said | ({} if told.final else {48: _NOT_THE_LAST})


def _taken_back(purchase: Purchase, told: Told) -> Fields:
    """Say what of the promise is given up: field 4 is what it was, field 95 what is left of it."""
    was = purchase.swipe.amount_minor - purchase.given_up(before=told.element)
    left = max(was - told.minor, 0)
    asked = trace(purchase.id, "authorization-1")
    at = iso8583.time_of(purchase.opened_at + timedelta(seconds=len("authorization-1")))
    before = {90: f"0100{asked}{at}{ACQUIRER:0>11}{0:011}"}
    return {4: f"{was:012}"} | before | ({95: f"{left:012}{0:012}C{0:08}C{0:08}"} if left else {})


def place(name: str, city: str, country: str) -> str:
    """Write field 43."""
    return f"{_ascii(name):25.25}{_ascii(city):13.13}{country:2.2}"


def transaction(purchase: str) -> str:
    """Name a purchase as networks do: fifteen digits and letters."""
    return hashlib.sha256(purchase.encode()).hexdigest()[:15].upper()


def trace(purchase: str, element: str) -> str:
    """Give the trace number of an element."""
    return _digits(f"{purchase}/{element}", 6)


def _digits(text: str, count: int) -> str:
    found = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % (10**count - 1) + 1
    return f"{found:0{count}}"


def _ascii(text: str) -> str:
    return text.encode("ascii", errors="replace").decode()
