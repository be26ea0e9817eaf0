"""Numbers people read out and type in: a serial and one check digit.

The check digit is Damm's (H. Michael Damm, Total anti-symmetrische Quasigruppen, Marburg 2004): it catches every single
wrong digit and every swap of two neighbours.
"""

# Damm's table of order 10: totally anti-symmetric, zeros on the diagonal.
_TABLE = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
_SERIAL_DIGITS = 9


def check_digit(digits: str) -> str:
    """Compute the digit that makes `digits` followed by it a valid number."""
    interim = 0
    for digit in digits:
        interim = _TABLE[interim][int(digit)]
    return str(interim)


def is_valid(number: str) -> bool:
    """Whether `number` is ASCII digits that end in their own check digit."""
    return number.isascii() and number.isdigit() and check_digit(number) == "0"


def of(year: int, serial: int) -> str:
    """Write the number of the `serial`-th thing, twelve digits: year of the century, serial, check digit."""
    digits = f"{year % 100:02}{serial:0{_SERIAL_DIGITS}}"
    return digits + check_digit(digits)
