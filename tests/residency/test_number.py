"""Numbers that notice a slip of the pen."""

import pytest

from residency import number

_NUMBERS = [number.of(2026, serial) for serial in (1, 7, 42, 999_999, 123_456_789, 999_999_999)]


def test_the_check_digit_is_damms() -> None:
    assert number.check_digit("572") == "4"  # the example of Damm's thesis


@pytest.mark.parametrize("known", _NUMBERS)
def test_a_number_is_twelve_digits_of_year_serial_and_check(known: str) -> None:
    assert len(known) == 12
    assert known.startswith("26")
    assert number.is_valid(known)


@pytest.mark.parametrize("known", _NUMBERS)
def test_every_single_wrong_digit_is_noticed(known: str) -> None:
    slips = {known[:at] + digit + known[at + 1 :] for at in range(12) for digit in "0123456789"} - {known}

    assert not any(number.is_valid(slip) for slip in slips)


@pytest.mark.parametrize("known", _NUMBERS)
def test_every_swap_of_two_neighbours_is_noticed(known: str) -> None:
    swaps = {known[:at] + known[at + 1] + known[at] + known[at + 2 :] for at in range(11)} - {known}

    assert not any(number.is_valid(swap) for swap in swaps)


@pytest.mark.parametrize("text", ["", "12a", "２６0000000015", "-1"])
def test_other_text_is_no_number(text: str) -> None:
    assert not text or not number.is_valid(text)
