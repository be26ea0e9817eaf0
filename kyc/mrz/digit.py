"""The check digit of the machine readable zone (ICAO Doc 9303-3, 4.9): weights 7, 3, 1, modulo 10."""

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VALUES = bytes(0 if char == ord("<") else _ALPHABET.index(char) if char in _ALPHABET else 0xFF for char in range(256))


def over(text: str) -> int:
    """Compute the check digit over `text`, which is in the alphabet of the zone."""
    values = text.encode("ascii").translate(_VALUES)
    return (7 * sum(values[::3]) + 3 * sum(values[1::3]) + sum(values[2::3])) % 10


def fits(text: str, digit: str) -> bool:
    """Whether `digit` is the check digit over `text`; False where either is no character of a zone."""
    try:
        values = text.encode("ascii").translate(_VALUES)
    except UnicodeEncodeError:
        return False
    return max(values, default=0) < len(_ALPHABET) and digit == str(
        (7 * sum(values[::3]) + 3 * sum(values[1::3]) + sum(values[2::3])) % 10
    )
