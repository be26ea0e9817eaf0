"""Names: what of one is shown, and when a typed one fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.payments import naming
from app.payments.naming import Match
from kyc.document import Person


def person(given_: str, surname: str) -> Person:
    return Person(surname=surname, given=given_, born="1990-01-01", sex="F", nationality="KAZ", number="N1")


@pytest.mark.parametrize(
    ("given_", "surname", "shown"),
    [
        ("AIGERIM", "SATPAYEVA", "AIGERIM S."),
        ("MEI LIN", "TAN", "MEI T."),
        ("ANNA MARIA", "VON DER HEIDE", "ANNA V."),
        ("SUKARNO", "", "SUKARNO"),
        ("", "SUKARNO", "SUKARNO"),
    ],
)
def test_a_name_is_shown_masked(given_: str, surname: str, shown: str) -> None:
    assert naming.masked(person(given_, surname)) == shown


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("Aigerim Satpayeva", Match.MATCH),
        ("SATPAYEVA  aigerim", Match.MATCH),
        ("Айгерим Сатпаева", Match.CLOSE),  # one letter less than the passport has
        ("Aigerim Satpaeva", Match.CLOSE),
        ("A. Satpayeva", Match.CLOSE),
        ("Aigerim", Match.CLOSE),
        ("Satpayeva", Match.CLOSE),
        ("A. S.", Match.NONE),
        ("Aigerim Nurlanova", Match.NONE),
        ("Timur Satpayeva", Match.NONE),
        ("Aigerim Satpayeva Satpayeva", Match.NONE),
        ("!!!", Match.NONE),
        ("", Match.NONE),
    ],
)
def test_a_typed_name_fits_nearly_or_not(typed: str, answer: Match) -> None:
    assert naming.match(typed, naming.full(person("AIGERIM", "SATPAYEVA"))) is answer


def test_further_given_names_may_be_missing() -> None:
    known = naming.full(person("ANNA MARIA", "HEIDE"))

    assert naming.match("Anna Heide", known) is Match.MATCH
    assert naming.match("Maria Heide", known) is Match.CLOSE


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_have_an_answer_and_the_same_name_fits(typed: str, known: str) -> None:
    whole = naming.full(person(known, "Heide"))

    assert naming.match(typed, whole) in Match
    assert naming.match(f"{known} Heide", whole) is Match.MATCH
