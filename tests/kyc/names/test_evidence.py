"""What dates, nationalities and sex say for and against."""

import pytest

from kyc.names import evidence
from kyc.names.entity import Alias, Entity, Kind, Query


def said(born: str, listed: str) -> str:
    (reason,) = evidence.weigh(Query("x", born=born), entity(born=(listed,)))
    return reason.code


def entity(born: tuple[str, ...] = (), nationalities: tuple[str, ...] = (), sex: str = "") -> Entity:
    return Entity("list", "1", Kind.PERSON, (Alias("x"),), born, nationalities, sex)


@pytest.mark.parametrize(
    ("asked", "listed", "code"),
    [
        ("1961-03-07", "1961-03-07", "born.same"),
        ("1961-03-07", "1961-07-03", "born.swapped"),
        ("1961-03-07", "1961-03-17", "born.same_month"),
        ("1961-03-07", "1961-03", "born.same_month"),
        ("1961-03", "1961-03-17", "born.same_month"),
        ("1961-03-07", "1961", "born.same_year"),
        ("1961", "1961-03-07", "born.same_year"),
        ("1961-03-07", "1961-01-01", "born.same_year"),
        ("1961-03-07", "1961-09-20", "born.near"),
        ("1961-03-07", "1962-11-20", "born.near"),
        ("1961-03-07", "1960", "born.near"),
        ("1961-03-07", "1958/1963", "born.near"),
        ("1961-03-07", "1958-02-01/1963-02-01", "born.near"),
        ("1961-03-07", "1964/1966", "born.contradicts"),
        ("1961-03-07", "1971-03-07", "born.contradicts"),
    ],
)
def test_births_are_compared_as_far_as_they_are_said(asked: str, listed: str, code: str) -> None:
    assert said(asked, listed) == code


def test_the_best_of_several_births_counts() -> None:
    (reason,) = evidence.weigh(Query("x", born="1961-03-07"), entity(born=("1940", "1961-03-07", "1961")))

    assert (reason.code, reason.params) == ("born.same", {"asked": "1961-03-07", "listed": "1961-03-07"})


@pytest.mark.parametrize("born", ["", "19", "??-03-07", "1961-3-7"])
def test_a_birth_that_is_no_date_says_nothing(born: str) -> None:
    assert not list(evidence.weigh(Query("x", born=born), entity(born=("1961",))))


def test_nationalities_and_sex_support_or_contradict() -> None:
    query = Query("x", nationalities=("KAZ", "RUS"), sex="F")

    assert [reason.code for reason in evidence.weigh(query, entity(nationalities=("RUS",)))] == ["nationality.same"]
    assert [(each.code, each.params) for each in evidence.weigh(query, entity(nationalities=("IRN",), sex="M"))] == [
        ("nationality.contradicts", {"asked": "KAZ RUS", "listed": "IRN"}),
        ("sex.contradicts", {"asked": "F", "listed": "M"}),
    ]
    assert not list(evidence.weigh(query, entity()))
    assert not list(evidence.weigh(Query("x"), entity(nationalities=("IRN",), sex="M", born=("1961",))))


def test_nothing_adds_more_than_the_most_that_is_said_beforehand() -> None:
    query = Query("x", born="1961-03-07", nationalities=("KAZ",), sex="M")
    found = evidence.weigh(query, entity(born=("1961-03-07",), nationalities=("KAZ",), sex="M"))

    assert sum(reason.points for reason in found) == evidence.most(query)
