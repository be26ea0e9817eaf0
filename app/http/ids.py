"""How an id looks outside: `card_01J…`, a prefix and the UUID in Crockford's base 32 (26 digits).

The prefix says what a thing is and keeps one kind of id from being taken for another.
"""

from uuid import UUID

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {digit: value for value, digit in enumerate(_ALPHABET)}
_DIGITS = 26


class UnknownId(Exception):
    """The text is no id of this kind; answered like an id that does not exist."""

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix)
        self.prefix = prefix


def show(prefix: str, value: UUID) -> str:
    """Write `value` for the outside."""
    number = value.int
    digits = [_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(digits)}"


def pattern(prefix: str) -> str:
    """Say by a regular expression (ECMA-262, JSON Schema) what `show` writes for this kind."""
    return rf"^{prefix}_[0-7][{_ALPHABET}]{{{_DIGITS - 1}}}$"


def parse(prefix: str, text: str) -> UUID:
    """Read an outside id back; raises UnknownId for anything `show` would not have written."""
    head, _, digits = text.partition("_") if "_" not in prefix else (prefix, "_", text.removeprefix(prefix + "_"))
    if head != prefix or len(digits) != _DIGITS or digits[0] not in "01234567":
        raise UnknownId(prefix)
    number = 0
    for digit in digits:
        if (value := _VALUE.get(digit)) is None:
            raise UnknownId(prefix)
        number = number << 5 | value
    return UUID(int=number)
