"""Page, chip and form against each other: what differs is named, nothing is corrected, nothing is told."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from kyc import agreement, identify, mrz
from kyc.agreement import Form
from kyc.check import Finding, Verdict
from kyc.identify import Answer, NothingReadable, Reading
from kyc.mrz import Mrz
from simulators.chip import Chip
from simulators.passport import Passport
from tests.kyc.passports import AT, authority, passport, trusting

ERIKSSON = Form(surname="Eriksson", given="Anna Maria", born=date(1974, 8, 12))
VISA = ("V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<")


def examined(shown: Passport, **given: Any) -> dict[str, Finding]:  # noqa: ANN401  what Reading takes
    read = Reading(given.pop("lines", shown.mrz), given.pop("sod", shown.sod), shown.files, **given)
    return {each.check: each for each in identify.examine(read, trusting(authority()), AT).findings}


def on_form(form: Form, **document: Any) -> Finding:  # noqa: ANN401  what passport() takes
    return examined(passport(**document), form=form)["document.matches_form"]


def test_without_a_form_nothing_is_said_of_one() -> None:
    assert "document.matches_form" not in examined(passport())


@pytest.mark.parametrize(
    ("surname", "given", "form"),
    [
        ("ERIKSSON", "ANNA MARIA", {}),
        ("ERIKSSON", "ANNA MARIA", {"surname": "ERIKSSON", "given": "anna-maria"}),
        ("MUELLER", "JOERG", {"surname": "Müller", "given": "Jörg"}),
        ("MULLER", "JORG", {"surname": "Müller", "given": "Jörg"}),
        ("OCONNOR", "AOIFE", {"surname": "O’Connor", "given": "Aoife"}),
        ("IVANOV", "IURII", {"surname": "Иванов", "given": "Юрий"}),
        ("DE LA CRUZ", "JOSE", {"surname": "de la Cruz", "given": "José"}),
        ("ERIKSSON", "", {"given": ""}),
    ],
)
def test_a_name_is_the_same_in_other_letters(surname: str, given: str, form: dict[str, str]) -> None:
    said = replace_form(ERIKSSON, **form)

    assert on_form(said, surname=surname, given=given).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"surname": "Erikson"}, "surname"),
        ({"given": "Anna"}, "given"),
        ({"surname": "Anna Maria", "given": "Eriksson"}, "surname, given"),
        ({"born": date(1974, 12, 8)}, "born"),
        ({"nationality": "SWE"}, "nationality"),
        ({"number": "L898902C4"}, "number"),
        ({"expires": date(2032, 4, 16)}, "expires"),
    ],
)
def test_what_differs_from_the_form_is_named_and_looked_at(changed: dict[str, Any], differs: str) -> None:
    found = on_form(Form(**{"surname": "Eriksson", "given": "Anna Maria", "born": date(1974, 8, 12), **changed}))

    assert (found.verdict, found.params) == (Verdict.REVIEW, {"differs": differs})


def test_all_that_a_form_may_say_can_be_right() -> None:
    form = Form(
        surname="Eriksson",
        given="Anna Maria",
        born=date(1974, 8, 12),
        nationality="DEU",
        number="l898 902-c3",
        expires=date(2032, 4, 15),
    )

    assert on_form(form, nationality="D").verdict is Verdict.PASS


def test_a_name_that_was_cut_agrees_as_far_as_it_goes() -> None:
    long = {"surname": "NILAVADHANANANDA", "given": "CHAYAPA DEJTHAMRONG KRASUANG"}
    form = Form(surname="Nilavadhanananda", given="Chayapa Dejthamrong Krasuang", born=date(1974, 8, 12))

    assert on_form(form, **long).verdict is Verdict.PASS
    assert on_form(replace_form(form, given="Chayapa"), **long).verdict is Verdict.REVIEW


def replace_form(form: Form, **changed: str) -> Form:
    return Form(**{name: changed.get(name, getattr(form, name)) for name in Form.__struct_fields__})


def test_an_unknown_day_of_birth_agrees_with_any() -> None:
    zone = mrz.parse(passport().mrz, AT.date())
    assert isinstance(zone, Mrz)
    fields = {name: getattr(zone, name) for name in Mrz.__struct_fields__}
    vague = Mrz(**{**fields, "born": mrz.Birth(1974, None, None)})

    (found,) = agreement.form(ERIKSSON, vague)

    assert found.verdict is Verdict.PASS


# -- page and chip ---------------------------------------------------------------------------------------------------


def test_a_page_that_may_be_read_as_the_chip_is_told_with_the_place() -> None:
    shown = passport()
    first, second = shown.mrz

    found = examined(shown, lines=(first, second.replace("1", "I", 1)))

    assert found["mrz.read"].verdict is Verdict.FAIL
    assert int(found["mrz.read"].params["alternatives"]) > 0
    assert found["document.matches_chip"].verdict is Verdict.FAIL, "and nothing is corrected"
    assert found["document.matches_chip"].params["look_alikes"].startswith("line 2 column ")


def test_a_page_that_can_not_is_only_different() -> None:
    shown, other = passport(), passport(surname="ANDERSSON")

    found = examined(shown, lines=other.mrz)["document.matches_chip"]

    assert found.params == {"differs": "surname"}


@pytest.mark.parametrize("lines", [("P<UTO",), ("A" * 36, "B" * 36), ("X" * 44,)])
def test_lines_of_another_shape_have_no_look_alikes(lines: tuple[str, ...]) -> None:
    assert "look_alikes" not in examined(passport(), lines=lines)["document.matches_chip"].params


def test_what_no_check_digit_covers_is_named() -> None:
    found = examined(passport())["mrz.read"]

    assert found.params == {"format": "TD3", "unguarded": "document_code, issuer, name, nationality, sex"}


def test_a_visa_is_no_document_of_identity() -> None:
    found = examined(passport(), lines=VISA)

    assert found["mrz.read"].params["wrong"] == "document_code: document_code"
    with pytest.raises(NothingReadable, match="document_code"):
        examined(passport(), lines=VISA, sod=b"\x77\x00")


def test_a_chip_whose_zone_was_not_read_does_not_match_the_page() -> None:
    shown = passport()
    found = examined(replace(shown, files={2: shown.files[2]}))

    assert found["document.matches_chip"].verdict is Verdict.FAIL
    assert found["document.matches_chip"].params == {"differs": "dg1"}


def test_the_chips_answer_is_one_of_the_looks() -> None:
    chip, nonce = Chip.make("p256"), bytes(range(8))
    bare = passport()
    files = {**bare.files, **chip.files}
    shown = replace(bare, files=files, sod=authority().sign(files))

    found = examined(shown, answer=Answer(nonce, chip.answer(nonce)))
    forged = examined(shown, answer=Answer(nonce, Chip.make("p256").answer(nonce)))

    assert found["chip.original"].verdict is Verdict.PASS
    assert forged["chip.original"].verdict is Verdict.FAIL
    # A chip that could prove itself and was not asked to, or did not answer, is looked at by a person.
    assert examined(shown)["chip.original"].verdict is Verdict.REVIEW
    assert "chip.original" not in examined(bare)
