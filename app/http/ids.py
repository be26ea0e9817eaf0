"""How an id looks outside: `card_01J…`, a prefix and the UUID in Crockford's base 32 (26 digits).

The prefix says what a thing is and keeps one kind of id from being taken for another.
"""

from uuid import UUID

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGITS = 26
#: Two digits at a time.
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
#: Crockford's digits as Python's own of base 32; what is no digit becomes something no number has.
_PYTHONS = bytes(b"0123456789abcdefghijklmnopqrstuv!"[_ALPHABET.find(chr(each))] for each in range(256))
_LOW_BITS = 60


class UnknownId(Exception):
    """The text is no id of this kind; answered like an id that does not exist."""

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix)
        self.prefix = prefix


def show(prefix: str, value: UUID) -> str:
    """Write `value` for the outside."""
    high, low = divmod(value.int, 1 << _LOW_BITS)
    upper = [_PAIRS[high >> shift & 1023] for shift in range(60, -1, -10)]
    lower = [_PAIRS[low >> shift & 1023] for shift in range(50, -1, -10)]
    return f"{prefix}_{''.join(upper)}{''.join(lower)}"


def pattern(prefix: str) -> str:
    """Say by a regular expression (ECMA-262, JSON Schema) what `show` writes for this kind."""
    return rf"^{prefix}_[0-7][{_ALPHABET}]{{{_DIGITS - 1}}}$"


def parse(prefix: str, text: str) -> UUID:
    """Read an outside id back; raises UnknownId for anything `show` would not have written."""
    head, _, digits = text.partition("_") if "_" not in prefix else (prefix, "_", text.removeprefix(prefix + "_"))
    if head != prefix or len(digits) != _DIGITS or digits[0] not in "01234567":
        raise UnknownId(prefix)
    try:
        return UUID(int=int(digits.encode("ascii").translate(_PYTHONS), 32))
    except ValueError:  # UnicodeEncodeError is one too
        raise UnknownId(prefix) from None
