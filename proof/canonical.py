"""One value, one text: canonical JSON by RFC 8785 (JCS) for what we hash and sign, without its floats.

Object keys are sorted by UTF-16 code units, nothing is escaped that needn't be, no white space. Numbers are integers in
the range of bigint: within ±(2⁵³−1) the text is exactly that of RFC 8785, beyond it we keep digits a double would lose.
"""

import json

Value = None | bool | int | str | list["Value"] | dict[str, "Value"]

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


class NotCanonical(Exception):
    """The value has no canonical text: a float, an integer beyond bigint, a lone surrogate, a key that isn't text."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def dumps(value: Value) -> bytes:
    """Write `value` canonically, as UTF-8; raises NotCanonical."""
    return _ENCODER.encode(_ordered(value)).encode()


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False)


def _ordered(value: Value) -> Value:
    """Check every part and sort the keys; exact types only, since a subclass may write itself differently."""
    if value is None or type(value) is bool:
        return value
    if type(value) is str:
        _utf16(value)
        return value
    if type(value) is int:
        if not _INT_MIN <= value <= _INT_MAX:
            raise NotCanonical("an integer beyond bigint")
        return value
    if type(value) is list:
        return [_ordered(part) for part in value]
    if type(value) is dict:
        return {key: _ordered(value[key]) for key in sorted(value, key=_utf16)}
    raise NotCanonical(type(value).__name__)


def _utf16(text: str) -> bytes:
    """Answer the code units by which keys sort; they differ from code points above U+FFFF."""
    if type(text) is not str:
        raise NotCanonical(f"{type(text).__name__} as a key")
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError as error:
        raise NotCanonical("a lone surrogate") from error
