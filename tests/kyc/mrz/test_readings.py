"""What else a zone may say: look-alikes are kept, told, and never put in the place of what was read."""

from datetime import date

import pytest

from kyc.mrz import Mrz, answer, layout, parse, readings, zone
from kyc.mrz.readings import Change, Reading
from simulators import passport

ON = date(2026, 11, 22)
TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")


def misread(line: int, column: int, instead: str, lines: tuple[str, ...] = TD3) -> tuple[str, ...]:
    """Take one character, counted from 1, for another."""
    changed = [list(each) for each in lines]
    changed[line - 1][column - 1] = instead
    return tuple("".join(each) for each in changed)


def ways(found: tuple[Reading, ...]) -> set[tuple[Change, ...]]:
    return {each.changes for each in found}


def test_what_was_read_comes_first_as_it_was_read() -> None:
    for lines in (TD3, misread(2, 14, "O"), TD1):
        first, *_ = readings.of(lines, ON)
        assert (first.lines, first.changes) == (lines, ())


@pytest.mark.parametrize(
    ("line", "column", "instead"),
    [
        (2, 6, "O"),
        (2, 16, "O"),
        (2, 24, "O"),
        (2, 15, "A"),
        (2, 25, "A"),
        (2, 44, "O"),
        (2, 2, "B"),
        (1, 5, "0"),
        (1, 10, "5"),
    ],
)
def test_a_look_alike_is_read_as_what_it_may_be(line: int, column: int, instead: str) -> None:
    lines = misread(line, column, instead)
    given, *others = readings.of(lines, ON)
    right = Change(line, column, instead, TD3[line - 1][column - 1])

    if instead == "A":  # no digit looks like it
        assert others == []
    else:
        assert given.says is None
        assert (right,) in ways(tuple(others))
        assert {each.says.surname for each in others if each.says} >= {"ERIKSSON"}


def test_where_several_letters_look_like_one_digit_all_are_kept() -> None:
    found = readings.of(misread(1, 12, "0"), ON)

    names = {each.says.surname for each in found if each.says and len(each.changes) == 1}
    assert names == {"ERIKSSON", "ERIKSSDN", "ERIKSSQN"}


@pytest.mark.parametrize(("read", "instead"), [("6", "G"), ("1", "L")])
def test_what_no_check_digit_tells_apart_is_told_even_of_a_zone_in_order(read: str, instead: str) -> None:
    """6 and G, 1 and L weigh the same modulo 10."""
    numbered = "L898902C3" if read == "1" else "L8989026C"
    lines = td3(numbered.replace("9", read, 1))

    given, *others = readings.of(lines, ON)

    assert given.says is not None
    assert any(change.read == read and change.instead == instead for each in others for change in each.changes)
    assert all(each.says is not None for each in others)


def td3(number: str) -> tuple[str, ...]:
    numbered = number.ljust(9, "<") + passport.check_digit(number.ljust(9, "<"))
    rest = "7408122" + "1204159" + "<" * 15
    second = f"{numbered}UTO7408122F1204159{'<' * 15}{passport.check_digit(numbered + rest)}"
    return TD3[0], second


def test_nothing_is_invented_where_characters_can_not_be_taken_for_others() -> None:
    """Of all single misreadings in line 2 only look-alikes get another reading that says what was printed."""
    for column in (1, 3, 14, 22):
        for instead in "XMT7":
            lines = misread(2, column, instead)
            if lines != TD3 and not readings.alike(instead, TD3[1][column - 1]):
                assert TD3 not in {each.lines for each in readings.of(lines, ON)}


def test_readings_are_few_whatever_is_read() -> None:
    confused = (TD3[0].replace("O", "0").replace("S", "5"), "GLBIOZSGBQUTOOO0OOOF1Z0415OZE184226B<<<<<1O")
    for lines in (confused, ("O" * 44, "O" * 44), ("0" * 30,) * 3, ("<" * 36, "8B" * 18), ("É" * 44, "1" * 44)):
        assert 1 <= len(readings.of(lines, ON)) <= readings.READINGS_MAX


@pytest.mark.parametrize("lines", [(), ("",), ("P<",), ("A" * 44,)])
def test_lines_of_no_shape_have_the_one_reading(lines: tuple[str, ...]) -> None:
    assert readings.of(lines, ON) == (Reading(lines, (), {}, None),)


def test_the_fields_that_no_check_digit_covers_are_named() -> None:
    for lines in (TD3, TD1):
        found = layout.of(lines)
        assert found is not None
        assert set(found.unguarded) == {"document_code", "issuer", "name", "nationality", "sex"}


def test_a_change_in_an_unguarded_field_passes_every_check_digit_and_one_elsewhere_does_not() -> None:
    """The control of `unguarded`: what it names is seen by no check digit, what it does not name is seen by one."""
    found = layout.of(TD3)
    assert found is not None
    for name, place in found.places.items():
        changed = (misread(place.line + 1, place.start + 1, char) for char in "BCX")
        unseen = all(all(zone.checked(found, lines).values()) for lines in changed)
        assert unseen == (name in found.unguarded), name


def test_the_answer_holds_all_that_can_be_said() -> None:
    told = answer.of(misread(2, 6, "O"), ON)

    assert (told.format, told.valid, told.says) == ("TD3", False, None)
    assert {(problem.field, problem.rule) for problem in told.problems} >= {("number", "check_digit")}
    assert {field.field: field.check_digit for field in told.fields}["number"] is False
    assert told.composite is False
    assert isinstance(parse(told.alternatives[0].lines, ON), Mrz)
    assert answer.of(TD3, ON).valid
    assert answer.of(("X",), ON).fields == ()
