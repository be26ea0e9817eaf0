"""What a purchase and what is said about it are called, whatever is repeated, and whichever year it is."""

from datetime import UTC, date, datetime

import pytest

from cards.iso8583 import names, times
from cards.iso8583.names import Nameless
from cards.iso8583.telegram import Telegram
from cards.iso8583.times import BadTime
from tests.cards.iso8583.telegrams import NOW, telegram

FALLEN_BACK = "f/00000398001/000123/20261122090000/632609000123/TERM0001/M-1001"


@pytest.mark.parametrize(
    ("changed", "without", "name"),
    [
        ({}, "", "t/0123456789ABCDE"),
        ({"f63": "MCC123456", "f15": "1123"}, "62", "b/20261123/MCC123456"),
        ({"f63": "MCC123456"}, "62", FALLEN_BACK),
        ({}, "62", FALLEN_BACK),
    ],
)
def test_the_network_names_a_purchase_or_it_is_named_by_where_and_when(
    changed: dict[str, str], without: str, name: str
) -> None:
    assert names.lifecycle(telegram(without=without, **changed), NOW) == name
    assert names.lifecycle(telegram("0101", without=without, **changed), NOW) == name


def test_what_takes_back_names_what_it_takes_back() -> None:
    asked = telegram(without="62")
    back = telegram("0420", without="62", f7="1122090105", f11="000999", f90=names.before(asked))

    assert names.lifecycle(back, NOW) == names.lifecycle(asked, NOW) == FALLEN_BACK
    assert names.element(back, NOW) != names.element(asked, NOW)


FIELD_90 = names.before(telegram())


@pytest.mark.parametrize("without", ["", "62"])
def test_what_is_taken_back_once_has_one_name_whoever_says_it(without: str) -> None:
    asked = telegram(without=without)
    back = telegram("0400", without=without, f11="000124", f90=names.before(asked))
    advice = telegram("0420", without=without, f7="1122090500", f11="000777", f90=names.before(asked))

    assert names.element(advice, NOW) == names.element(back, NOW)
    assert names.element(advice, NOW) == names.element(telegram("0421", **_fields(advice)), NOW)
    assert names.lifecycle(advice, NOW) == names.lifecycle(back, NOW)
    assert len(names.element(back, NOW)) <= 64


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"f95": f"{0:012}{0:012}C{0:08}C{0:08}"}, True),
        ({"f95": f"{70_000:012}{0:012}C{0:08}C{0:08}"}, False),
        ({"f4": f"{70_000:012}"}, False),
        ({"f90": names.before(telegram(f11="000124"))}, False),
        ({"f90": names.before(telegram(f7="1122090001"))}, False),
    ],
)
def test_another_part_or_another_question_is_taken_back_under_another_name(
    changed: dict[str, str], *, same: bool
) -> None:
    back = names.element(telegram("0400", f90=FIELD_90), NOW)

    assert (names.element(telegram("0420", **{"f90": FIELD_90, **changed}), NOW) == back) is same


@pytest.mark.parametrize("before", [{}, {"f90": "0" * 42}])
def test_what_names_no_question_is_named_by_itself_and_is_one_type(before: dict[str, str]) -> None:
    back = telegram("0400", **before)

    assert names.element(telegram("0420", **before), NOW) == names.element(back, NOW)
    assert names.element(telegram("0420", **before, f11="000999"), NOW) != names.element(back, NOW)


QUESTION = "0100/20261122090000/000123"
MONEY = "0200/20261122090000/000123"


@pytest.mark.parametrize(
    ("mti", "about"), [("0100", None), ("0200", None), ("0120", QUESTION), ("0121", QUESTION), ("0220", MONEY)]
)
def test_an_advice_is_about_the_question_it_answers(mti: str, about: str | None) -> None:
    assert names.subject(telegram(mti), NOW) == about
    assert names.question(names.element(telegram(mti), NOW)) == (about or names.element(telegram(mti), NOW))


@pytest.mark.parametrize("back", ["0400", "0401", "0420", "0421"])
@pytest.mark.parametrize(
    ("mti", "about"),
    [("0100", QUESTION), ("0101", QUESTION), ("0120", QUESTION), ("0200", MONEY), ("0220", MONEY), ("0221", MONEY)],
)
def test_what_takes_back_is_about_what_it_names_with_its_type(back: str, mti: str, about: str) -> None:
    told = telegram(mti)

    assert names.subject(telegram(back, f11="000999", f90=names.before(told)), NOW) == about
    assert names.subject(told, NOW) in {about, None}


@pytest.mark.parametrize("before", [{}, {"f90": "0" * 42}, {"f90": names.before(telegram("0800"))}])
def test_what_names_nothing_is_about_nothing(before: dict[str, str]) -> None:
    assert names.subject(telegram("0420", **before), NOW) is None


def test_a_promise_and_money_of_one_time_and_trace_are_taken_back_under_two_names() -> None:
    backs = {names.element(telegram("0420", f90=names.before(telegram(mti))), NOW) for mti in ("0100", "0220")}

    assert len(backs) == 2
    assert all(len(name) <= 64 for name in backs)


def _fields(told: Telegram) -> dict[str, str]:
    return {f"f{number}": text for number, text in told.fields.items()}


@pytest.mark.parametrize("before", [None, "0" * 42])
def test_what_takes_back_nobody_knows_what_is_refused(before: str | None) -> None:
    more = {"f90": before} if before else {}
    with pytest.raises(Nameless):
        names.lifecycle(telegram("0420", without="62", **more), NOW)


def test_a_repeat_is_the_same_element_and_the_same_trace_number_tomorrow_is_another() -> None:
    asked = names.element(telegram("0100"), NOW)

    assert names.element(telegram("0101"), NOW) == asked
    assert names.element(telegram("0100", f7="1123090000"), NOW) != asked
    assert names.element(telegram("0200"), NOW) != asked


@pytest.mark.parametrize(
    ("text", "now", "read"),
    [
        ("1231235959", datetime(2027, 1, 1, 0, 0, 5, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("0101000001", datetime(2026, 12, 31, 23, 59, 58, tzinfo=UTC), datetime(2027, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("0229120000", datetime(2028, 3, 1, tzinfo=UTC), datetime(2028, 2, 29, 12, tzinfo=UTC)),
        ("0715000000", datetime(2026, 7, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)),
    ],
)
def test_a_date_without_a_year_is_the_nearest(text: str, now: datetime, read: datetime) -> None:
    assert times.transmitted(text, now) == read
    assert times.written(read) == text


@pytest.mark.parametrize("text", ["0229120000", "1301000000", "0431000000", "0101240000", "0101006000", "0000000000"])
def test_what_no_calendar_has_is_no_time(text: str) -> None:
    with pytest.raises(BadTime):
        times.transmitted(text, datetime(2026, 3, 1, tzinfo=UTC))


def test_the_terminals_clock_has_no_zone() -> None:
    assert times.local("1122", "140000", NOW) == datetime(2026, 11, 22, 14)  # noqa: DTZ001  none is told
    assert times.local(None, "140000", NOW) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2710", date(2027, 10, 31)),
        ("2802", date(2028, 2, 29)),
        ("9912", date(1999, 12, 31)),
        ("7612", date(2076, 12, 31)),
    ],
)
def test_an_expiry_is_the_last_day_of_its_month(text: str, day: date) -> None:
    assert times.expiry(text, NOW) == day


def test_a_thirteenth_month_never_ends() -> None:
    with pytest.raises(BadTime):
        times.expiry("2713", NOW)


def test_the_same_purchase_has_one_name_on_both_sides_of_new_year() -> None:
    asked = telegram(without="62", f7="1231235958")
    before, after = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, 0, 0, 3, tzinfo=UTC)

    assert names.lifecycle(asked, before) == names.lifecycle(asked, after)
    assert names.element(asked, before) == names.element(asked, after)
