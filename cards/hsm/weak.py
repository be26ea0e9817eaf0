"""PINs that are refused: whoever finds a card tries them first.

One in ten people chooses one of a dozen PINs where nobody stops them; three tries must not be worth anything
(Bonneau, Preibusch, Anderson: A birthday present every eleven wallets?, 2012).
"""

from cards.hsm.port import WeakPin

DIGITS = 4
_RUNS = ("0123456789012", "9876543210987")
_KEYPAD = frozenset({"2580", "0852", "1470", "3690", "1397", "7931"})
_YEARS = range(1930, 2040)


def check(pin: str, number: str) -> None:
    """Refuse a PIN that is easily guessed, or can be read off the card; raises WeakPin."""
    if (
        len(pin) != DIGITS
        or len(set(pin)) == 1
        or pin[:2] == pin[2:]
        or any(pin in run for run in _RUNS)
        or pin in _KEYPAD
        or int(pin) in _YEARS
        or pin == number[-DIGITS:]
    ):
        raise WeakPin
