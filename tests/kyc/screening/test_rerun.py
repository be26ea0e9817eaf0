"""After a change of the lists, looking at what changed answers what looking at everything does.

Goal: for any two versions of a list and any people, both ways find the same for everybody, and the roots of both looks
are equal. Method: names are put together from few words, spelt one way or another, so that many come near each other; a
defect in the plan is planted, and must be found.
"""

import hashlib
from datetime import UTC, datetime
from types import ModuleType
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.lists import snapshot
from kyc.lists.edition import Edition
from kyc.lists.snapshot import Listed
from kyc.names.entity import Alias, Entity, Kind
from kyc.screening import proof, rerun
from kyc.screening.matching import Key, Lists
from kyc.screening.rerun import Person
from kyc.screening.subject import Subject
from tests.kyc.screening.people import BLIND, said
from tests.planted import planted

AT = datetime(2026, 11, 22, tzinfo=UTC)
WORDS = ("Kaspar", "Casper", "Vollmond", "Volmond", "Ilarion", "Hilarion", "Bezvestny", "Muhammad", "Mohamed", "Salman")
DAYS = ("1961-02-28", "1974", "1974-08-12")

names = st.lists(st.sampled_from(WORDS), min_size=2, max_size=3, unique=True).map(" ".join)
entities = st.dictionaries(
    st.sampled_from([str(number) for number in range(8)]),
    st.tuples(st.lists(names, min_size=1, max_size=2), st.lists(st.sampled_from(DAYS), max_size=1), st.booleans()),
    max_size=8,
)
persons = st.lists(st.tuples(names, st.sampled_from(DAYS)), min_size=1, max_size=6)

Told = dict[str, tuple[list[str], list[str], bool]]


def version(number: int, told: Told) -> Lists:
    """Make a version of a list; the last thing said of an entity is no matter to anybody."""
    listed = []
    for id_, (known, born, wanted) in told.items():
        programs = ("SDGT",) if wanted else ()
        one = Entity("agency", id_, Kind.PERSON, tuple(map(Alias, known)), tuple(born), programs=programs)
        listed.append(Listed(hashlib.sha256(snapshot.written(one)).digest(), one))
    members = b"".join(sorted(each.sha256 for each in listed))
    return Lists.of(Edition(number, "r", AT, {"agency": hashlib.sha256(members).digest()}), listed)


def people(told: list[tuple[str, str]], known: dict[UUID, dict[Key, bytes]]) -> list[Person]:
    return [
        Person(UUID(int=number), Subject.of([said(name.partition(" ")[0], name.partition(" ")[2], born)]), met)
        for number, (name, born) in enumerate(told)
        for met in [known.get(UUID(int=number), {})]
    ]


def leaves(lists: Lists, told: list[Person], by: ModuleType, delta: rerun.Delta | None) -> list[bytes]:
    found = by.screen(lists, told, BLIND, delta)
    return [
        proof.leaf(each.resident, lists.edition.number, bytes(32), by.found(each, found[each.resident]))
        for each in told
    ]


def differing(before: Told, after: Told, shown: list[tuple[str, str]], by: ModuleType) -> bool:
    """Say whether a look by what changed finds something else than a look in full."""
    was, now = version(1, before), version(2, after)
    first = rerun.screen(was, people(shown, {}), BLIND, None)
    known = {
        who: {(each.source, each.entity): each.matched for each in matches or ()} for who, matches in first.items()
    }
    told = people(shown, known)
    delta = by.difference(was.known.values(), now.known.values())
    return proof.root(leaves(now, told, by, delta)) != proof.root(leaves(now, told, rerun, None))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(entities, entities, persons)
def test_what_changed_is_all_there_is_to_look_at(before: Told, after: Told, shown: list[tuple[str, str]]) -> None:
    assert not differing(before, after, shown, rerun)


KASPAR: Told = {"1": (["Kaspar Vollmond"], [], False)}


@pytest.mark.parametrize(
    ("check", "instead", "before", "after"),
    [
        ("if not delta.touched.isdisjoint(person.known):", "if False:", KASPAR, {}),
        ("return any(delta.new.search(query) for query in person.subject.asked)", "return False", {}, KASPAR),
        ("for each in (*new, *gone)}", "for each in new}", KASPAR, {}),
        ("Index.build(each.entity for each in new)", "Index.build([])", {}, KASPAR),
        (
            "matching.found(person.known.values() if matches is None else",
            "matching.found(() if matches is None else",
            KASPAR | {"2": (["Ilarion Bezvestny"], [], False)},
            KASPAR,
        ),
    ],
)
def test_a_defect_in_the_plan_would_be_found(check: str, instead: str, before: Told, after: Told) -> None:
    shown = [("Kaspar Vollmond", "1961-02-28")]

    assert not differing(before, after, shown, rerun)
    assert differing(before, after, shown, planted(rerun, check, instead))


def test_an_entity_of_which_something_else_is_said_is_looked_at_and_no_news() -> None:
    shown = [("Kaspar Vollmond", "1961-02-28")]
    was, now = version(1, KASPAR), version(2, {"1": (["Kaspar Vollmond", "Hilarion Salman"], [], True)})
    first = rerun.screen(was, people(shown, {}), BLIND, None)
    [matches] = first.values()

    again = rerun.screen(now, people(shown, {}), BLIND, None)

    assert matches is not None
    assert [each.matched for each in matches] == [each.matched for each in next(iter(again.values())) or ()]
    assert version(1, KASPAR).edition.parts != now.edition.parts
