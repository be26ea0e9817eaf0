"""Canonical JSON: one text per value, that of RFC 8785 where it has one."""

import json
from collections import OrderedDict
from enum import IntEnum, StrEnum
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.canonical import NotCanonical, Value, dumps

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(values)
def test_what_is_written_is_read_back(value: Value) -> None:
    assert json.loads(dumps(value)) == value


@given(st.dictionaries(st.text(), scalars), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, Value], random: Random) -> None:
    keys = list(value)
    random.shuffle(keys)

    assert dumps({key: value[key] for key in keys}) == dumps(value)


def test_keys_sort_by_utf_16_as_in_rfc_8785() -> None:
    """Section 3.2.3: code units, so the surrogate pair of an emoji comes before U+FB33."""
    value: Value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }

    assert list(json.loads(dumps(value)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


def test_text_is_escaped_as_in_rfc_8785() -> None:
    """Section 3.2.2.2: the short escapes, lower-case hex for other controls, everything else as it is."""
    assert dumps('\u20ac$\u000f\nA\'\u0042"\\"/\b\t\f\r\x7f\u2028') == (
        '"\u20ac$\\u000f\\nA\'B\\"\\\\\\"/\\b\\t\\f\\r\x7f\u2028"'.encode()
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, b"null"),
        (True, b"true"),
        (0, b"0"),
        (-1, b"-1"),
        (2**53 - 1, b"9007199254740991"),
        (2**63 - 1, b"9223372036854775807"),
        ([], b"[]"),
        ({}, b"{}"),
        ({"b": [1, {"z": None, "a": False}], "a": "қазақ"}, '{"a":"қазақ","b":[1,{"a":false,"z":null}]}'.encode()),
    ],
)
def test_a_value_has_one_text(value: Value, text: bytes) -> None:
    assert dumps(value) == text


class Colour(StrEnum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        2**63,
        -(2**63) - 1,
        "\ud800",
        {"\udfff": 1},
        {1: "a"},
        {None: "a"},
        (1,),
        b"a",
        Colour.RED,
        Number.ONE,
        OrderedDict(a=1),
        {"a": [{"b": 0.5}]},
        pytest.param(object(), id="object"),
    ],
    ids=repr,
)
def test_what_has_no_canonical_text_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        dumps(value)  # type: ignore[arg-type]  # what a caller without types could do
