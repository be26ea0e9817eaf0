"""Whom we ask about: what documents say, in the words of lists."""

import msgspec
import pytest

from kyc.names.entity import Query
from kyc.screening.subject import Subject
from tests.kyc.screening.people import said


@pytest.mark.parametrize(
    ("born", "known"),
    [("1974-08-12", "1974-08-12"), ("1974-08-XX", "1974-08"), ("1974-XX-XX", "1974"), ("XXXX-XX-XX", "")],
)
def test_a_date_is_asked_as_far_as_the_document_knows_it(born: str, known: str) -> None:
    [query] = Subject.of([said("ODA", "LINDQVIST", born)]).asked

    assert query.born == known


@pytest.mark.parametrize(
    ("code", "states"),
    [("D", ("DEU",)), ("GBN", ("GBR",)), ("KAZ", ("KAZ",)), ("XXA", ()), ("UNO", ()), ("UTO", ()), ("RKS", ("XKX",))],
)
def test_a_nationality_is_a_state_or_nothing(code: str, states: tuple[str, ...]) -> None:
    [query] = Subject.of([said("ODA", "LINDQVIST", nationality=code)]).asked

    assert query.nationalities == states


def test_every_name_is_asked_with_every_nationality_and_each_once() -> None:
    before, after = said("ODA", "LINDQVIST", nationality="SWE"), said("ODA", "BERG", nationality="NOR", sex="X")

    subject = Subject.of([before, after, before])

    both = ("NOR", "SWE")
    assert subject == Subject.of([after, before])
    assert set(subject.asked) == {
        Query("ODA LINDQVIST", born="1990-01-01", nationalities=both, sex="M"),
        Query("ODA BERG", born="1990-01-01", nationalities=both),
    }
    assert Subject.read(subject.written()) == subject


def test_a_person_of_one_name_has_one() -> None:
    [query] = Subject.of([said("", "SUKARNO")]).asked

    assert query.name == "SUKARNO"


@pytest.mark.parametrize(
    ("given", "surname", "shorter"),
    [
        ("MUHAMMAD HADI ABD AL RAHMAN FA", "AL ANZI", {"MUHAMMAD HADI ABD AL RAHMAN AL ANZI"}),
        ("SARA", "GONZALES DE ZE", {"GONZALES DE ZE", "SARA GONZALES DE"}),
        ("", "ABDALLAH MUSTAF", {"ABDALLAH"}),
        ("", "ABDALLAHMUSTAF", set()),
    ],
)
def test_a_name_that_was_cut_is_asked_without_the_word_that_was(given: str, surname: str, shorter: set[str]) -> None:
    whole = said(given, surname)

    asked = {query.name for query in Subject.of([msgspec.structs.replace(whole, cut=True)]).asked}

    assert asked == {f"{given} {surname}".strip(), *shorter}
    assert len(Subject.of([msgspec.structs.replace(whole, cut=False)]).asked) == 1


@pytest.mark.parametrize(("letters", "questions"), [(29, 1), (30, 2), (31, 2), (38, 1), (39, 2)])
def test_of_whom_nobody_noted_it_a_name_was_cut_that_fills_a_field(letters: int, questions: int) -> None:
    stored = said("ANNA MARIA", "E" * (letters - len("<<ANNA MARIA")))

    assert len(Subject.of([stored]).asked) == questions
