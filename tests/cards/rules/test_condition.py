"""What rules may say: each statement is true of exactly what it says, and nothing else can be said."""

import operator
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.rules.condition import Among, Because, Compared, Flag, Flagged, Group, Is, Number, Text, because, compiled
from cards.rules.rule import LIFE, RuleBody, State
from cards.spending.features import Features

_TYPES = get_type_hints(Features)
_MEANS = {
    Is.LESS: operator.lt,
    Is.AT_MOST: operator.le,
    Is.EQUAL: operator.eq,
    Is.NOT_EQUAL: operator.ne,
    Is.AT_LEAST: operator.ge,
    Is.MORE: operator.gt,
}


def known(**fields: object) -> Features:
    """Make up features: nothing known but `fields`."""
    nothing = {name: kind() for name, kind in _TYPES.items()}
    return Features(**{**nothing, **fields})


def body(*groups: list[dict[str, Any]], do: str = "decline", **more: object) -> RuleBody:
    when = [{"any_of": group} for group in groups]
    return msgspec.convert({"when": when, "then": {"do": do, **more}}, RuleBody)


NUMBERS = st.integers(-3, 3)
TEXTS = st.sampled_from(["", "KZ", "RU"])
CONDITIONS = st.one_of(
    st.builds(Compared, feature=st.sampled_from([Number.HOUR, Number.DEVIATION]), is_=st.sampled_from(Is), to=NUMBERS),
    st.builds(Among, feature=st.just(Text.COUNTRY), values=st.lists(TEXTS, min_size=1).map(tuple), none=st.booleans()),
    st.builds(Flagged, feature=st.sampled_from([Flag.NIGHT, Flag.ABROAD]), set=st.booleans()),
)
GROUPS = st.lists(CONDITIONS, min_size=1, max_size=3).map(lambda some: Group(tuple(some)))
WHENS = st.lists(GROUPS, min_size=1, max_size=3).map(tuple)
KNOWN = st.builds(known, hour=NUMBERS, deviation=NUMBERS, country=TEXTS, night=st.booleans(), abroad=st.booleans())


def true_of(condition: Compared | Among | Flagged, features: Features) -> bool:
    """Say what a condition means, in other words than the code."""
    value = getattr(features, condition.feature)
    if isinstance(condition, Compared):
        return bool(_MEANS[condition.is_](value, condition.to))
    if isinstance(condition, Among):
        return value not in condition.values if condition.none else value in condition.values
    return bool(value == condition.set)


@settings(max_examples=50)
@given(WHENS, KNOWN)
def test_a_rule_applies_where_every_group_has_a_condition_that_holds(
    when: tuple[Group, ...], features: Features
) -> None:
    holds = [[true_of(condition, features) for condition in group.any_of] for group in when]

    assert compiled(when)(features) is all(map(any, holds))
    assert [each.condition for each in because(when, features)] == [
        condition for group in when for condition in group.any_of if true_of(condition, features)
    ]


@settings(max_examples=50)
@given(WHENS, KNOWN)
def test_what_is_written_is_what_is_read(when: Any, features: Features) -> None:  # noqa: ANN401  as WHENS gives it
    written = msgspec.json.encode(when)

    read = msgspec.json.decode(written, type=type_of_when())
    assert compiled(read)(features) is compiled(when)(features)


def type_of_when() -> Any:  # noqa: ANN401  a type
    return get_type_hints(RuleBody, include_extras=True)["when"]


def test_why_names_the_value_that_was_found() -> None:
    when = body([{"on": "number", "feature": "declines_15m", "is": "at_least", "to": 3}]).when

    [found] = because(when, known(declines_15m=4))

    assert found == Because(condition=when[0].any_of[0], value=4)
    assert because(when, known(declines_15m=2)) == ()


def test_every_feature_can_be_asked_about_by_its_kind() -> None:
    kinds: dict[type, set[str]] = {int: set(Number), str: set(Text), bool: set(Flag)}

    for kind, names in kinds.items():
        assert names == {name for name, found in _TYPES.items() if found is kind}


@pytest.mark.parametrize(
    "said",
    [
        {"on": "number", "feature": "__class__", "is": "equal", "to": 1},
        {"on": "number", "feature": "country", "is": "equal", "to": 1},
        {"on": "number", "feature": "hour", "is": "like", "to": 1},
        {"on": "number", "feature": "hour", "is": "equal", "to": "1"},
        {"on": "number", "feature": "hour", "is": "equal", "to": 1.5},
        {"on": "number", "feature": "hour", "is": "equal", "to": 2**60},
        {"on": "text", "feature": "country", "values": []},
        {"on": "text", "feature": "country", "values": ["KZ\n"]},
        {"on": "text", "feature": "country", "values": ["x" * 41]},
        {"on": "text", "feature": "country", "values": ["KZ"] * 101},
        {"on": "flag", "feature": "night", "set": 1},
        {"on": "flag", "feature": "night", "code": "import os"},
        {"on": "python", "feature": "night"},
        {"feature": "night"},
    ],
)
def test_nothing_else_can_be_said(said: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        body([said])


@pytest.mark.parametrize(
    "when", [[], [[]], [[{"on": "flag", "feature": "night"}]] * 9, [[{"on": "flag", "feature": "night"}] * 9]]
)
def test_a_rule_is_bounded(when: list[list[dict[str, Any]]]) -> None:
    with pytest.raises(msgspec.ValidationError):
        body(*when)


@pytest.mark.parametrize("then", [{"do": "buffer"}, {"do": "buffer", "percent": 101}, {"do": "call"}, {}])
def test_an_action_is_one_of_four(then: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"when": [{"any_of": [{"on": "flag", "feature": "night"}]}], "then": then}, RuleBody)


def test_nothing_comes_into_force_untried_and_nothing_comes_back() -> None:
    into = {state: {before for before, after in LIFE.items() if state in after} for state in State}

    assert into == {
        State.DRAFT: set(),
        State.SHADOW: {State.DRAFT},
        State.ACTIVE: {State.SHADOW},
        State.RETIRED: {State.DRAFT, State.SHADOW, State.ACTIVE},
    }


def test_features_that_are_kept_are_read_again() -> None:
    kept = msgspec.json.encode(known(merchant="M-1", travel_kmh=900))

    assert msgspec.json.decode(kept, type=Features) == known(merchant="M-1", travel_kmh=900)
