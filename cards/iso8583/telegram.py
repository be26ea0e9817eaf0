"""A telegram: its type and its fields, read from bytes and written to them, strictly.

reads      cards/iso8583/telegram.py   read()     <- you are here
codec      pyiso8583                   lengths and bitmaps; what the text of a field may be is checked here
"""

import iso8583
import msgspec

from cards.iso8583 import field
from cards.iso8583.field import FITS

_NOT_FIELDS = {"t", "p", "1", "h"}


class Malformed(Exception):
    """The bytes are no telegram of ours. Says which field stopped the reading and what was read before it, no value."""

    def __init__(self, number: str, read: "Telegram | None") -> None:
        super().__init__(number)
        self.field = number
        self.read = read


class Telegram(msgspec.Struct, frozen=True):
    """`mti` is the type, four digits; `fields` the text of each by number, bytes in hexadecimal. It shows no value."""

    mti: str
    fields: dict[int, str]

    def __repr__(self) -> str:
        return f"Telegram({self.mti}, {sorted(self.fields)})"

    def __getitem__(self, number: int) -> str:
        return self.fields[number]

    def get(self, number: int) -> str | None:
        """Give a field, or None where it is not there."""
        return self.fields.get(number)

    @property
    def base(self) -> str:
        """The type, a repeat being what it repeats: 0101 is 0100."""
        return f"{self.mti[:3]}0" if self.mti[3] == "1" else self.mti


def read(data: bytes) -> Telegram:
    """Read one telegram; raises Malformed. Whether its MAC holds is asked of cards/iso8583/mac.py."""
    stopped = None
    try:
        texts, parts = iso8583.decode(data, field.SPEC)
    except iso8583.DecodeError as error:
        # Not chained: the codec's error carries the bytes, and with them the card's number.
        texts, parts, stopped = error.doc_dec, error.doc_enc, error.field
    known = [number for number in texts if number not in _NOT_FIELDS and number != stopped]
    for place, number in enumerate(known):
        length = parts[number]["len"]
        # The codec reads " 5", "+5" and "1_0" as int() does; where the next field begins, nobody knows.
        if length and not length.isdigit():
            raise Malformed(number, _before({name: texts[name] for name in ("t", *known[:place])}, number))
    if stopped is not None:
        raise Malformed(stopped, _before(texts, stopped)) from None
    if not (texts["t"].isascii() and texts["t"].isdigit()):
        raise Malformed("t", None)
    for number in known:
        if FITS[number](texts[number]) is None:
            raise Malformed(number, _before(texts, number))
    return Telegram(texts["t"], {int(number): texts[number] for number in known})


def write(telegram: Telegram) -> bytes:
    """Write one telegram. A mistake of ours in a field raises ValueError, which names the field and shows no value."""
    texts: dict[str, str] = {"t": telegram.mti}
    for number in sorted(telegram.fields):
        text = telegram.fields[number]
        if FITS[str(number)](text) is None:
            raise ValueError(f"field {number} of {telegram.mti}")
        texts[str(number)] = text
    data, _ = iso8583.encode(texts, field.SPEC)
    return bytes(data)


def _before(texts: dict[str, str], number: str) -> Telegram | None:
    """Give what was read and may be believed before the field that could not be: enough to answer, or nothing."""
    mti = texts.get("t", "")
    if not (len(mti) == len("0100") and mti.isascii() and mti.isdigit()):
        return None
    read_ = {
        int(name): text
        for name, text in texts.items()
        if name != number and (fits := FITS.get(name)) is not None and fits(text) is not None
    }
    return Telegram(mti, read_)
