"""The machine readable zone: the examples of ICAO Doc 9303, and every way a field can be wrong."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc import mrz
from kyc.mrz import Birth, Mrz, Problem, Unreadable
from simulators import passport
from tests.kyc.passports import authority
from tests.kyc.passports import passport as issued

ON = date(2026, 11, 22)

# ICAO Doc 9303-4 appendix B, 9303-5 appendix B, 9303-6 appendix B: Anna Maria Eriksson of Utopia.
TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")


# ICAO Doc 9303-7 appendix A and B.
MRV_A = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<")
MRV_B = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<")


def read(*lines: str, on: date = ON) -> Mrz:
    found = mrz.parse(lines, on)
    assert isinstance(found, Mrz), found
    return found


def wrong(*lines: str, on: date = ON) -> set[tuple[str, str]]:
    found = mrz.parse(lines, on)
    assert isinstance(found, Unreadable), found
    return {(problem.field, problem.rule) for problem in found.problems}


def second_line(born: str = "740812", expires: str = "320415") -> str:
    """Compose a second line of TD3 whose check digits are right."""
    dates = [text + str(mrz.check_digit(text)) for text in (born, expires)]
    line = f"L898902C36UTO{dates[0]}F{dates[1]}".ljust(43, "<")
    return f"{line}{mrz.check_digit(line[:10] + line[13:20] + line[21:43])}"


@pytest.mark.parametrize(
    ("text", "digit"),
    [("520727", 3), ("AB2134<<<", 5), ("HA672242<658022549601086<<<<<<<<<<<<<<0", 8), ("D23145890734", 9)],
)
def test_the_check_digits_of_doc_9303_3(text: str, digit: int) -> None:
    assert mrz.check_digit(text) == digit


@pytest.mark.parametrize(
    ("lines", "format_", "number"), [(TD3, "TD3", "L898902C3"), (TD2, "TD2", "D23145890"), (TD1, "TD1", "D23145890")]
)
def test_the_specimens_of_doc_9303(lines: tuple[str, ...], format_: str, number: str) -> None:
    zone = read(*lines)

    assert (zone.format, zone.issuer, zone.nationality, zone.number) == (format_, "UTO", "UTO", number)
    assert (zone.surname, zone.given, zone.truncated) == ("ERIKSSON", "ANNA MARIA", False)
    assert (zone.born, zone.sex, zone.expires) == (Birth(1974, 8, 12), "F", date(2012, 4, 15))


@pytest.mark.parametrize(("lines", "format_", "optional"), [(MRV_A, "MRV-A", "6ZE184226B"), (MRV_B, "MRV-B", "")])
def test_the_visas_of_doc_9303_7(lines: tuple[str, ...], format_: str, optional: str) -> None:
    zone = read(*lines)

    assert (zone.format, zone.number, zone.nationality, zone.optional) == (format_, "L8988901C", "XXX", optional)
    assert (zone.born, zone.sex, zone.expires) == (Birth(1940, 9, 7), "F", date(1996, 12, 10))


@pytest.mark.parametrize("lines", [MRV_A, MRV_B])
def test_a_visa_has_no_composite_digit_and_three_of_its_own(lines: tuple[str, ...]) -> None:
    for column, field in ((0, "number"), (13, "born"), (21, "expires")):
        second = lines[1][:column] + ("7" if lines[1][column] != "7" else "3") + lines[1][column + 1 :]
        assert (field, "check_digit") in wrong(lines[0], second)
        assert "composite" not in {name for name, _ in wrong(lines[0], second)}


def test_who_has_no_surname_begins_with_two_fillers() -> None:
    """As India writes it."""
    zone = read("P<UTO<<ANNA<MARIA".ljust(44, "<"), TD3[1])

    assert (zone.surname, zone.given) == ("", "ANNA MARIA")


def test_belgium_counts_the_filler_inside_a_long_number() -> None:
    first = "IDBEL000590240<6013<<<<<<<<<<<"
    second = "7408122F1204159BEL<<<<<<<<<<<"
    composite = mrz.check_digit(first[5:] + second[:7] + second[8:15] + second[18:29])

    assert read(first, f"{second}{composite}", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<").number == "000590240601"


def test_a_long_number_of_td2_goes_on_in_its_optional_data() -> None:
    number, tail = "D23145890", "7349"
    second = f"{number}<UTO7408122F1204159{tail}<<<"
    composite = mrz.check_digit(second[:10] + second[13:20] + second[21:35])

    zone = read(TD2[0], f"{second}{composite}")

    assert (zone.number, zone.optional) == ("D23145890734", "")


def test_the_former_french_card_is_read_and_says_not_until_when() -> None:
    first = "IDFRABERTHIER<<<<<<<<<<<<<<<<<<<<<<<"
    zone = read(first, "9409923102854CORINNE<<<<<<<6512068F4")

    assert (zone.format, zone.surname, zone.given, zone.number) == ("FRA-ID", "BERTHIER", "CORINNE", "940992310285")
    assert (zone.nationality, zone.born, zone.expires) == ("FRA", Birth(1965, 12, 6), None)
    assert wrong(first, "9409923102854CORINNE<<<<<<<6512068F5") == {("composite", "check_digit")}
    assert zone.format not in mrz.TRAVEL


@pytest.mark.parametrize(
    "code", ["GBR", "GBD", "GBN", "GBO", "GBP", "GBS", "RKS", "EUE", "UNO", "XXA", "XXB", "XXC", "XOM"]
)
def test_the_codes_that_are_no_countries_of_iso_are_known(code: str) -> None:
    second = second_line()
    line = second[:10] + code + second[13:]

    assert read(TD3[0], line).nationality == code


def test_optional_data_is_kept() -> None:
    assert read(*TD3).optional == "ZE184226B"


def test_germany_writes_one_letter() -> None:
    zone = read("P<D<<MUSTERMANN<<ERIKA<<<<<<<<<<<<<<<<<<<<<<", "C11T002JM4D<<9608122F1310317<<<<<<<<<<<<<<<6")

    assert (zone.issuer, zone.nationality) == ("D", "D")


def test_a_person_may_have_one_name() -> None:
    shown = authority().issue(surname="ARKFREITH", born=date(1990, 1, 1), number="L1", expires=date(2030, 1, 1))

    zone = read(*shown.mrz)

    assert (zone.surname, zone.given) == ("ARKFREITH", "")


def test_a_name_that_fills_its_field_is_known_to_be_cut() -> None:
    shown = authority().issue(
        surname="NILAVADHANANANDA",
        given="CHAYAPA DEJTHAMRONG KRASUANG",
        born=date(1990, 1, 1),
        number="L1",
        expires=date(2030, 1, 1),
    )

    assert read(*shown.mrz).truncated


def test_a_number_over_nine_characters_goes_on_in_the_optional_data() -> None:
    # 9303-5, note j: nine characters, a filler for the check digit, the rest, its check digit, a filler.
    first = "I<UTOD23145890<7349<<<<<<<<<<<"
    second = "3407127M9507122UTO<<<<<<<<<<<"
    composite = mrz.check_digit(first[5:] + second[:7] + second[8:15] + second[18:29])

    assert read(first, f"{second}{composite}", "STEVENSON<<PETER<JOHN<<<<<<<<<").number == "D23145890734"


@pytest.mark.parametrize(
    ("text", "on", "born"),
    [
        ("740812", ON, Birth(1974, 8, 12)),
        ("261122", ON, Birth(2026, 11, 22)),  # born today
        ("261123", ON, Birth(1926, 11, 23)),  # nobody is born tomorrow
        ("000229", ON, Birth(2000, 2, 29)),
        ("74<<<<", ON, Birth(1974, None, None)),
        ("7408<<", ON, Birth(1974, 8, None)),
        ("<<<<<<", ON, Birth(None, None, None)),
        ("990101", date(2101, 1, 1), Birth(2099, 1, 1)),
    ],
)
def test_a_date_of_birth_is_as_certain_as_the_document_knows_it(text: str, on: date, born: Birth) -> None:
    assert read(TD3[0], second_line(born=text), on=on).born == born
    assert Birth.read(born.text()) == born


@pytest.mark.parametrize(("text", "expires"), [("320415", 2032), ("120415", 2012), ("751121", 2075), ("770101", 1977)])
def test_an_expiry_lies_in_the_nearest_century(text: str, expires: int) -> None:
    assert str(read(TD3[0], second_line(expires=text)).expires).startswith(str(expires))


def td3(start: int, text: str, *, line: int = 1) -> tuple[str, ...]:
    lines = list(TD3)
    lines[line] = lines[line][:start] + text + lines[line][start + len(text) :]
    return tuple(lines)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (td3(0, "M"), {("number", "check_digit"), ("composite", "check_digit")}),
        (td3(9, "7"), {("number", "check_digit"), ("composite", "check_digit")}),
        (td3(13, "8"), {("born", "check_digit"), ("composite", "check_digit")}),
        (td3(21, "2"), {("expires", "check_digit"), ("composite", "check_digit")}),
        (td3(28, "A"), {("optional", "check_digit"), ("composite", "check_digit")}),
        (td3(43, "1"), {("composite", "check_digit")}),
        (td3(43, "%"), {("composite", "check_digit")}),
        (td3(43, "<"), {("composite", "check_digit")}),
        (td3(0, "l"), {("number", "characters"), ("number", "check_digit"), ("composite", "check_digit")}),
        (td3(10, "U7O"), {("nationality", "characters")}),
        (td3(10, "QQQ"), {("nationality", "state")}),
        (td3(20, "X"), {("sex", "characters")}),
        (td3(2, "QQQ", line=0), {("issuer", "state")}),
        (td3(0, "I", line=0), {("document_code", "document_code")}),
        (td3(0, "<", line=0), {("document_code", "characters")}),
        (td3(5, "3", line=0), {("name", "characters")}),
        (td3(5, "<", line=0), {("name", "characters")}),
        (td3(5, "É", line=0), {("name", "characters")}),
        (td3(13, "٣"), {("born", "characters"), ("born", "check_digit"), ("composite", "check_digit")}),
    ],
)
def test_each_field_is_refused_by_name(lines: tuple[str, ...], expected: set[tuple[str, str]]) -> None:
    assert wrong(*lines) == expected


@pytest.mark.parametrize(
    ("field", "text"), [("born", "741312"), ("born", "740231"), ("born", "740800"), ("expires", "320230")]
)
def test_a_date_that_is_in_no_calendar_is_refused(field: str, text: str) -> None:
    assert wrong(TD3[0], second_line(**{field: text})) == {(field, "date")}


@pytest.mark.parametrize(
    "lines",
    [(), ("",), TD3[:1], (*TD3, TD3[1]), (TD3[0], TD3[1][:43]), (TD3[0][:43], TD3[1]), TD1[:2], ("P" * 45,) * 2],
)
def test_a_zone_has_one_of_five_shapes(lines: tuple[str, ...]) -> None:
    assert wrong(*lines) == {("zone", "shape")}


def test_a_problem_says_where_and_never_what() -> None:
    found = mrz.parse(td3(13, "8"), ON)

    assert isinstance(found, Unreadable)
    assert Problem("born", "check_digit", line=2, start=14, end=20) in found.problems


def test_nothing_is_corrected_and_seven_in_a_hundred_misreadings_pass_the_check_digits() -> None:
    """The weights work modulo 10: of single misread characters in the second line, 7.3 % keep every check digit."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
    covered = [*range(10), *range(13, 20), *range(21, 43)]
    changed = [(place, char) for place in covered for char in alphabet if char != TD3[1][place]]

    unseen = [
        (place, char)
        for place, char in changed
        if not {rule for _, rule in wrong_or_read(td3(place, char))} & {"check_digit", "characters"}
    ]

    assert 0.02 < len(unseen) / len(changed) < 0.08
    for place, char in unseen:
        assert read(*td3(place, char)) != read(*TD3), "what was read is what is answered"


def wrong_or_read(lines: tuple[str, ...]) -> set[tuple[str, str]]:
    found = mrz.parse(lines, ON)
    return {(problem.field, problem.rule) for problem in found.problems} if isinstance(found, Unreadable) else set()


def test_the_generator_of_test_passports_and_the_reader_agree_on_every_check_digit() -> None:
    assert issued().mrz[0] == TD3[0]
    assert issued(expires=date(2012, 4, 15)).mrz == TD3
    assert passport.check_digit("HA672242<658022549601086<<<<<<<<<<<<<<0") == "8"


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=46), max_size=4))
def test_any_text_is_answered(lines: list[str]) -> None:
    assert isinstance(mrz.parse(lines, ON), Mrz | Unreadable)


@given(
    st.tuples(*[st.text("<ABCZ0159", min_size=44, max_size=44)] * 2)
    | st.tuples(*[st.text("<ABCZ0159", min_size=36, max_size=36)] * 2)
    | st.tuples(*[st.text("<ABCZ0159", min_size=30, max_size=30)] * 3)
)
def test_any_zone_of_a_right_shape_is_answered(lines: tuple[str, ...]) -> None:
    assert isinstance(mrz.parse(lines, ON), Mrz | Unreadable)
