"""Comparing a person with listed names: the rules as a table, the quality on names of other people."""

import csv
from pathlib import Path

import pytest

from kyc import names, screening
from kyc.mrz import Birth
from kyc.screening import Born, Listed

BORN = Birth(1974, 8, 12)


def listed(name: str, *born: str, entity: str = "1") -> Listed:
    return Listed("agency", entity, names.normalise(name), born)


def scores(name: str, *candidates: Listed, born: Birth = BORN) -> dict[str, tuple[int, Born]]:
    return {hit.entity: (hit.score, hit.born) for hit in screening.compare(name, born, candidates)}


@pytest.mark.parametrize(
    ("person", "candidate"),
    [
        ("KASPAR VOLLMOND", "Kaspar VOLLMOND"),
        ("VOLLMOND KASPAR", "Kaspar Vollmond"),
        ("KASPAR VOLMOND", "Kaspar Vollmond"),
        ("ILARION BEZVESTNYI", "Иларион БЕЗВЕСТНЫЙ"),
        ("ZAURESH ALTYNKAZYK KIIALI", "Заураш АЛТЫНҚАЗЫҚ-ҚИЯЛИ"),
        ("ABDULMALIK AL SARAB", "Abdulmalik ibn al-SARAB"),
        ("PERPETUA VON NIRGENDWO", "Perpetua NIRGENDWO"),
    ],
)
def test_spellings_of_one_name_are_a_hit(person: str, candidate: str) -> None:
    assert scores(person, listed(candidate))


@pytest.mark.parametrize(
    ("person", "candidate"),
    [
        ("KASPAR VOLLMOND", "Kaspar Neumond"),
        ("ANNA MARIA ERIKSSON", "Maria Johansson"),
        ("ERIKA MUSTERMANN", "Erik Zimmermann"),
        ("ARJUN RAO", "Perpetua von Nirgendwo"),
    ],
)
def test_other_names_are_none(person: str, candidate: str) -> None:
    assert not scores(person, listed(candidate))


@pytest.mark.parametrize(
    ("born", "on_list", "relation"),
    [
        (BORN, ("1974-08-12",), Born.SAME),
        (BORN, ("1950", "1974-08-12"), Born.SAME),
        (BORN, ("1974",), Born.NEAR),
        (BORN, ("1974-12-08",), Born.NEAR),
        (BORN, ("1975",), Born.NEAR),
        (BORN, ("1976",), Born.CONTRADICTS),
        (BORN, (), Born.UNKNOWN),
        (BORN, ("circa",), Born.UNKNOWN),
        (Birth(None, None, None), ("1974-08-12",), Born.UNKNOWN),
        (Birth(1974, 8, None), ("1974-08-12",), Born.NEAR),
    ],
)
def test_a_date_of_birth_is_compared_as_far_as_both_know_it(
    born: Birth, on_list: tuple[str, ...], relation: Born
) -> None:
    assert scores("Kaspar Vollmond", listed("Kaspar Vollmond", *on_list), born=born)["1"][1] is relation


def test_a_date_of_birth_speaks_for_or_against_and_never_decides_alone() -> None:
    name, near = "KASPAR VOLLMOND", "Kasper Volmont"
    by_date = {
        date: scores(name, listed(near, *date)).get("1", (0, None))[0] for date in ((), ("1974-08-12",), ("1930",))
    }

    assert by_date["1974-08-12",] > by_date[()] > by_date["1930",] == 0
    assert scores(name, listed("Kaspar Vollmond", "1930")), "an exact name is looked at whatever the date"
    assert not scores(name, listed("Ann Lee", "1974-08-12")), "a date is no name"


def test_an_entity_is_one_hit_with_its_best_name_and_the_best_comes_first() -> None:
    found = screening.compare(
        "KASPAR VOLLMOND",
        BORN,
        [listed("Caspar Vollmond"), listed("Kaspar Vollmond"), listed("Kasper Vollmond", entity="2")],
    )

    assert [(hit.entity, hit.score) for hit in found] == [("1", 100), ("2", 93)]


def test_the_threshold_divides_labelled_pairs_better_than_chance(reference: Path) -> None:
    """413 pairs that a matcher is tuned on; saying yes to all scores F1 0.70."""
    with (reference / "sanctions" / "name_pairs_tuning.csv").open(encoding="utf-8") as file:
        pairs = [(row["name1"], row["name2"], row["is_match"] == "true") for row in csv.DictReader(file)]
    unknown = Birth(None, None, None)

    said = [(bool(screening.compare(left, unknown, [listed(right)])), match) for left, right, match in pairs]

    right = sum(hit and match for hit, match in said)
    precision, recall = right / sum(hit for hit, _ in said), right / sum(match for _, match in said)
    assert len(pairs) == 413
    assert 2 * precision * recall / (precision + recall) > 0.75
    assert recall > 0.79


def test_a_person_of_a_real_list_is_found_in_another_order_and_with_a_letter_wrong(reference: Path) -> None:
    """The first words change places and the longest loses or changes a letter, as transliteration does to names."""
    with (reference / "sanctions" / "ofac_sdn_2025-03.csv").open(encoding="utf-8") as file:
        people = [row["SDN_name"] for row in csv.DictReader(file) if "individual" in (row["SDN_type"] or "")]
    by_key: dict[str, list[int]] = {}
    for number, person in enumerate(people):
        for key in names.keys(names.normalise(person)):
            by_key.setdefault(key, []).append(number)

    asked = range(0, len(people), 25)
    found = 0
    for number in asked:
        spelt = misspelt(names.normalise(people[number]), drop=number % 2 == 0)
        candidates = {other for key in names.keys(spelt) for other in by_key.get(key, ())}
        hits = screening.compare(
            spelt, Birth(None, None, None), [listed(people[other], entity=str(other)) for other in candidates]
        )
        found += str(number) in {hit.entity for hit in hits}

    assert len(asked) > 250
    assert found > 0.97 * len(asked)


def misspelt(name: str, *, drop: bool) -> str:
    words = name.split()
    longest = max(range(len(words)), key=lambda place: len(words[place]))
    word = words[longest]
    words[longest] = word[:2] + ("" if drop else "q") + word[3:]
    return " ".join([*words[1:], words[0]])
