"""The fields of a telegram: what each may hold, how long it is, and what of them is never shown."""

import enum
import re
from typing import Any

import msgspec


class Kind(enum.StrEnum):
    """What a field is made of, in the letters of the standard."""

    N = "n"  # digits
    AN = "an"  # digits and letters
    ANS = "ans"  # printable ASCII
    Z = "z"  # track 2
    XN = "x+n"  # C or D, and digits
    B = "b"  # bytes, in hexadecimal once read


class Field(msgspec.Struct, frozen=True):
    """One field: `length` is the most where `prefix` digits say how long it is, else all of it (bytes for B)."""

    kind: Kind
    length: int
    name: str
    prefix: int = 0
    secret: bool = False

    @property
    def pattern(self) -> str:
        """What its text looks like once it is read."""
        digits = self.length * 2 if self.kind is Kind.B else self.length - (self.kind is Kind.XN)
        least = (2 if self.kind is Kind.B else 1) if self.prefix else digits
        return f"{_LEADS.get(self.kind, '')}[{_ALPHABETS[self.kind]}]{{{least},{digits}}}"


_LEADS = {Kind.XN: "[CD]"}
_ALPHABETS = {
    Kind.N: "0-9",
    Kind.AN: "0-9A-Za-z",
    Kind.ANS: " -~",
    Kind.Z: "0-9=D",
    Kind.XN: "0-9",
    Kind.B: "0-9A-F",
}

MAC_SHORT, MAC_LONG = 64, 128  # the last bit of either bitmap

FIELDS: dict[int, Field] = {
    2: Field(Kind.N, 19, "card number", prefix=2, secret=True),
    3: Field(Kind.N, 6, "processing code"),
    4: Field(Kind.N, 12, "amount, transaction"),
    5: Field(Kind.N, 12, "amount, settlement"),
    6: Field(Kind.N, 12, "amount, cardholder billing"),
    7: Field(Kind.N, 10, "transmission date and time, GMT"),
    8: Field(Kind.N, 8, "fee, cardholder billing"),
    9: Field(Kind.N, 8, "rate, settlement"),
    10: Field(Kind.N, 8, "rate, cardholder billing"),
    11: Field(Kind.N, 6, "system trace audit number"),
    12: Field(Kind.N, 6, "time, local"),
    13: Field(Kind.N, 4, "date, local"),
    14: Field(Kind.N, 4, "expiry"),
    15: Field(Kind.N, 4, "date, settlement"),
    16: Field(Kind.N, 4, "date, conversion"),
    18: Field(Kind.N, 4, "merchant category"),
    19: Field(Kind.N, 3, "acquirer's country"),
    22: Field(Kind.N, 3, "entry mode"),
    23: Field(Kind.N, 3, "card sequence number"),
    24: Field(Kind.N, 3, "function code"),
    25: Field(Kind.N, 2, "condition code"),
    26: Field(Kind.N, 2, "PIN capture code"),
    28: Field(Kind.XN, 9, "fee, transaction"),
    32: Field(Kind.N, 11, "acquirer", prefix=2),
    33: Field(Kind.N, 11, "forwarder", prefix=2),
    35: Field(Kind.Z, 37, "track 2", prefix=2, secret=True),
    37: Field(Kind.AN, 12, "retrieval reference number"),
    38: Field(Kind.AN, 6, "approval code"),
    39: Field(Kind.AN, 2, "response code"),
    41: Field(Kind.ANS, 8, "terminal"),
    42: Field(Kind.ANS, 15, "merchant"),
    43: Field(Kind.ANS, 40, "merchant's name and place"),
    44: Field(Kind.ANS, 25, "additional response data", prefix=2),
    48: Field(Kind.ANS, 999, "additional data", prefix=3, secret=True),
    49: Field(Kind.N, 3, "currency, transaction"),
    50: Field(Kind.N, 3, "currency, settlement"),
    51: Field(Kind.N, 3, "currency, cardholder billing"),
    # Widened: a block of format 4 is one of AES (ISO 9564-1:2017), twice as long as those of 1987.
    52: Field(Kind.B, 16, "PIN block", secret=True),
    53: Field(Kind.N, 16, "security control information"),
    54: Field(Kind.ANS, 120, "additional amounts", prefix=3),
    55: Field(Kind.B, 255, "chip", prefix=3, secret=True),
    60: Field(Kind.ANS, 60, "advice reason", prefix=3),
    62: Field(Kind.AN, 15, "network transaction id", prefix=3),
    63: Field(Kind.AN, 12, "network reference", prefix=3),
    MAC_SHORT: Field(Kind.B, 8, "MAC"),
    70: Field(Kind.N, 3, "network management code"),
    90: Field(Kind.N, 42, "original data elements"),
    95: Field(Kind.AN, 42, "replacement amounts"),
    126: Field(Kind.B, 255, "verification data", prefix=3, secret=True),
    MAC_LONG: Field(Kind.B, 8, "MAC"),
}

#: Says of the text of each field, by number, whether it may stand there: a match, or None.
FITS = {str(number): re.compile(field.pattern, re.ASCII).fullmatch for number, field in FIELDS.items()}
_HIGHEST = 192  # a bitmap may claim as many; what is not above has no reading


def _spec() -> dict[str, dict[str, Any]]:
    """Write the table in the words of pyiso8583; a field that is not ours has an encoding that is none."""
    spec: dict[str, dict[str, Any]] = {
        "h": {"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": 0},
        "t": {"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": 4},
        **{name: {"data_enc": "b", "len_enc": "ascii", "len_type": 0, "max_len": 8} for name in ("p", "1")},
    }
    for number in range(2, _HIGHEST + 1):
        found = FIELDS.get(number)
        spec[str(number)] = {
            "data_enc": "unknown" if found is None else "b" if found.kind is Kind.B else "ascii",
            "len_enc": "ascii",
            "len_type": found.prefix if found else 0,
            "max_len": found.length if found else 1,
        }
    return spec


#: For pyiso8583.
SPEC = _spec()
