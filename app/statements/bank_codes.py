"""What a booking is in the words of ISO 20022: its list of bank transaction codes (domain, family, sub-family).

A code of ours has the line of its own name, else that of its first words; money that comes and money that goes differ.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Code(NamedTuple):
    """A bank transaction code."""

    domain: str
    family: str
    sub: str


class _Line(NamedTuple):
    comes: Code
    goes: Code


def _received(sub: str) -> Code:
    return Code("PMNT", "RCDT", sub)


def _issued(sub: str) -> Code:
    return Code("PMNT", "ICDT", sub)


def _both(domain: str, family: str, sub: str) -> _Line:
    return _Line(Code(domain, family, sub), Code(domain, family, sub))


_BOOK = _Line(_received("BOOK"), _issued("BOOK"))  # within the books of one institution
_DOMESTIC = _Line(_received("DMCT"), _issued("DMCT"))
_RETURNED = _Line(_received("RRTN"), _issued("RRTN"))
_FEES = _Line(_received("FEES"), _issued("FEES"))
_CARD = _Line(Code("PMNT", "CCRD", "RIMB"), Code("PMNT", "CCRD", "POSD"))
_MISC = _Line(Code("PMNT", "MCOP", "OTHR"), Code("PMNT", "MDOP", "OTHR"))

CODES: Mapping[str, _Line] = {
    "transfer": _BOOK,
    "transfer.standing": _Line(_received("BOOK"), _issued("STDO")),
    "payment": _DOMESTIC,
    "payout": _DOMESTIC,
    "payout.fee": _FEES,
    "payout.fee_back": _FEES,
    "payout.rejected": _RETURNED,
    "payout.returned": _RETURNED,
    "refund": _RETURNED,
    "refund.fee": _FEES,
    "refund.fee_back": _FEES,
    "to_account": _BOOK,
    "to_account.fee": _FEES,
    "from_account": _BOOK,
    "exchange": _both("FORX", "SPOT", "OTHR"),
    "bank_account": _MISC,
    "card": _CARD,
    "card_fee": _both("PMNT", "CCRD", "FEES"),
    "card_markup": _both("PMNT", "CCRD", "FEES"),
    "dispute": _CARD,
    "settlement": _both("PMNT", "CCRD", "OTHR"),
    "processor": _both("PMNT", "CCRD", "OTHR"),
    "invest": _both("LDAS", "FTDP", "DPST"),
    "invest.principal": _both("LDAS", "FTDP", "RPMT"),
    "invest.interest": _both("LDAS", "FTDP", "INTR"),
    "adjustment": _Line(Code("PMNT", "MCOP", "ADJT"), Code("PMNT", "MDOP", "ADJT")),
    "sandbox": _MISC,
    "hold_expired": _MISC,
}


def of(code: str, *, comes: bool) -> Code:
    """Say what a booking with `code` is; what the table does not have is a miscellaneous operation."""
    while code and code not in CODES:
        code = code[: max(code.rfind("."), code.rfind("_"), 0)]
    line = CODES.get(code, _MISC)
    return line.comes if comes else line.goes
