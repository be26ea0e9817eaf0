"""Check digits of numbers that states give: whether a number was copied right, and nothing about who bears it.

An IIN looks as if it told a birthday and a sex. It does not: since Government resolution 853 of 26 August 2013 its
digits are bound to no personal data, and one that does not agree with a birthday is no mistake (Ministry of Justice,
5 April 2019). So no function here takes a number apart; tests/kyc/identifiers/test_digits.py holds the tree to it. An
AIFC e-IIN is no IIN and has no validator.
"""

from collections.abc import Callable, Iterable

Validator = Callable[[str], bool]

_IIN_DIGITS, _IIN_MODULUS, _UNUSED = 12, 11, 10


def iin(number: str) -> bool:
    """Check the last of the twelve digits of an IIN or BIN: weights 1…11, and 3…11, 1, 2 where these give 10."""
    found = _digits(number, _IIN_DIGITS)
    if found is None:
        return False
    for weights in (range(1, 12), (*range(3, 12), 1, 2)):
        check = _sum(found, weights) % _IIN_MODULUS
        if check != _UNUSED:
            return check == found[-1]
    return False  # such a number is never given out


def _estonian(number: str) -> bool:
    """Check an isikukood or asmens kodas: two rounds of weights, and 0 where both give 10."""
    found = _digits(number, 11)
    if found is None:
        return False
    first = _sum(found, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    second = _sum(found, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11
    check = first if first != _UNUSED else second % _UNUSED
    return check == found[-1]


def _turkish(number: str) -> bool:
    """Check both last digits of a T.C. kimlik numarası."""
    found = _digits(number, 11)
    if found is None or not found[0]:
        return False
    tenth = (7 * sum(found[0:9:2]) - sum(found[1:8:2])) % 10
    return found[9] == tenth and found[10] == sum(found[:10]) % 10


def _russian(number: str) -> bool:
    """Check both last digits of a person's INN."""
    found = _digits(number, 12)
    weights = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    return (
        found is not None
        and _sum(found, weights[1:]) % 11 % 10 == found[10]
        and _sum(found, weights) % 11 % 10 == found[11]
    )


def _ukrainian(number: str) -> bool:
    """Check the last digit of an RNOKPP."""
    found = _digits(number, 10)
    return found is not None and _sum(found, (-1, 5, 7, 9, 4, 6, 10, 5, 7)) % 11 % 10 == found[-1]


def _chinese(number: str) -> bool:
    """Check a resident identity number, whose last digit may be X (GB 11643, ISO/IEC 7064 MOD 11-2)."""
    body, last = number[:-1], number[-1:]
    found = _digits(body, 17)
    if found is None:
        return False
    rest = _sum(found, [pow(2, 17 - nth, 11) for nth in range(17)]) % 11
    return "10X98765432"[rest] == last.upper()


def _korean(number: str) -> bool:
    """Check a foreigner's or resident's number as it was until October 2020; the digits since then are random."""
    found = _digits(number.replace("-", "", 1), 13)
    return found is not None and (11 - _sum(found, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10 == found[-1]


def _luhn(number: str) -> bool:
    """Check an Israeli Mispar Zehut of nine digits."""
    found = _digits(number, 9)
    return found is not None and sum(sum(divmod(each * (1 + nth % 2), 10)) for nth, each in enumerate(found)) % 10 == 0


def _polish(number: str) -> bool:
    """Check a PESEL."""
    found = _digits(number, 11)
    return found is not None and (10 - _sum(found, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10 == found[-1]


def _indian(number: str) -> bool:
    """Check an Aadhaar number by Verhoeff's scheme."""
    found = _digits(number.replace(" ", ""), 12)
    if found is None or found[0] < 2:  # noqa: PLR2004  none begins with 0 or 1
        return False
    check = 0
    for nth, each in enumerate(reversed(found)):
        check = _product(check, _permuted(nth, each))
    return check == 0


def _permuted(nth: int, digit: int) -> int:
    for _ in range(nth % 8):
        digit = _PERMUTATION[digit]
    return digit


def _digits(number: str, count: int) -> list[int] | None:
    """Read as many digits as there must be; a row of zeros, whose sum is in order everywhere, is nobody's number."""
    is_one = len(number) == count and number.isascii() and number.isdigit() and number.strip("0")
    return [int(each) for each in number] if is_one else None


def _sum(digits: Iterable[int], weights: Iterable[int]) -> int:
    """Weigh as many digits as there are weights."""
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_ROTATIONS = 5


def _product(left: int, right: int) -> int:
    """Multiply in the dihedral group of order ten: 0 to 4 are rotations, the others reflections."""
    turned = left - right if left >= _ROTATIONS else left + right
    return turned % _ROTATIONS + (_ROTATIONS if (left >= _ROTATIONS) != (right >= _ROTATIONS) else 0)


VALIDATORS: dict[str, Validator] = {
    "kz-iin": iin,
    "kz-bin": iin,
    "ee-isikukood": _estonian,
    "lt-asmens-kodas": _estonian,
    "tr-kimlik": _turkish,
    "ru-inn": _russian,
    "ua-rnokpp": _ukrainian,
    "cn-resident": _chinese,
    "kr-resident": _korean,
    "il-mispar-zehut": _luhn,
    "pl-pesel": _polish,
    "in-aadhaar": _indian,
    "none": bool,
}
