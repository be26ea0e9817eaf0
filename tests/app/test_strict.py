"""Odd JSON is refused by name, before anything is done with it."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from app import strict


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    amount: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    note: str = ""
    parts: list["Asked"] = []


@pytest.mark.parametrize(
    ("raw", "reason", "pointer"),
    [
        (b'{"amount": 1, "amount": 2}', "key `amount` given twice", ""),
        (b'{"amount": 1, "note": "a\\u0000b"}', "text holds a character that can't be stored", ""),
        (b'{"amount": 1, "note": "\\ud800"}', "text holds a character that can't be stored", ""),
        (b'{"amount": 9223372036854775808}', "number beyond 64 bits", ""),
        (b'{"amount": -9223372036854775809}', "number beyond 64 bits", ""),
        (b'{"amount": ' + b"9" * 5000 + b"}", "number beyond 64 bits", ""),
        (b'{"amount": NaN}', "NaN is not JSON", ""),
        (b'{"amount": -Infinity}', "-Infinity is not JSON", ""),
        (b'{"amount": 1e999}', "number beyond 64 bits", ""),
        (b'{"amount": 9223372036854775808.0}', "number beyond 64 bits", ""),
        (b'{"amount": 1.5}', "Expected `int`, got `float`", "/amount"),
        (b'{"amount": 1.00000000000000000001}', "Expected `int`, got `float`", "/amount"),
        (b'{"amount": 1e3}', "Expected `int`, got `float`", "/amount"),
        (b'{"amount": "1"}', "Expected `int`, got `str`", "/amount"),
        (b'{"amount": true}', "Expected `int`, got `bool`", "/amount"),
        (b'{"amount": 0}', "Expected `int` >= 1", "/amount"),
        (b'{"amount": 1, "extra": 1}', "Object contains unknown field `extra`", ""),
        (b'{"amount": 1, "parts": [{"amount": 1}, {"amount": "x"}]}', "Expected `int`, got `str`", "/parts/1/amount"),
        (b"{}", "Object missing required field `amount`", ""),
        (b"[]", "Expected `object`, got `array`", ""),
        (b"null", "Expected `object`, got `null`", ""),
        (b"[" * 33 + b"]" * 33, "nested too deeply", ""),
        (b"[" + b"0," * 50_000 + b"0]", "holds too many values", ""),
        (b"[" + b"{}," * 30_000 + b"{}]", "holds too many values", ""),
        (b"[" * 40_000 + b"]" * 40_000, "nested too deeply", ""),
        (b"[" * 100_000 + b"]" * 100_000, "holds too many values", ""),
    ],
)
def test_what_is_odd_is_refused_by_name(raw: bytes, reason: str, pointer: str) -> None:
    with pytest.raises(strict.Malformed) as refused:
        strict.decode(raw, Asked)

    assert (refused.value.reason, refused.value.pointer) == (reason, pointer)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b'{"amount": 1}x', b"\xff\xfe", b'{"amount": 1, "note": "\xff"}', b"{'amount': 1}", b'{"amount": 01}'],
)
def test_what_is_not_json_is_refused(raw: bytes) -> None:
    with pytest.raises(strict.Malformed):
        strict.decode(raw, Asked)


@pytest.mark.parametrize(("raw", "amount"), [(b"5.0", 5), (b"5.000", 5), (b"9007199254740991.0", 2**53 - 1)])
def test_what_json_schema_calls_an_integer_is_one(raw: bytes, amount: int) -> None:
    assert strict.decode(b'{"amount": ' + raw + b"}", Asked).amount == amount


def test_an_escaped_backslash_before_u0000_is_plain_text() -> None:
    assert strict.decode(rb'{"amount": 1, "note": "\\u0000"}', Asked).note == r"\u0000"


def _spelt(value: object, draw: Callable[[st.SearchStrategy[Any]], Any]) -> str:
    """Write JSON as others do: keys twice, blanks anywhere, escapes where none are needed."""
    blank = draw(st.sampled_from(["", "", " ", "\n"]))
    if isinstance(value, list):
        return f"[{','.join(f'{blank}{_spelt(each, draw)}' for each in value)}]"
    if isinstance(value, dict):
        pairs = [(key, each) for key, each in value.items() for _ in range(draw(st.sampled_from([1, 1, 1, 2])))]
        return f"{{{','.join(f'{json.dumps(key)}{blank}:{_spelt(each, draw)}' for key, each in pairs)}{blank}}}"
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


_NUMBERS = st.integers() | st.floats() | st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64])
_TEXTS = st.text(st.characters(exclude_categories=[]), max_size=5) | st.sampled_from(
    [":", '":', "a:b", "\\u0000", "\0"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.data(), _VALUES)
def test_what_is_read_fast_is_what_is_read_carefully(data: st.DataObject, value: object) -> None:
    raw = _spelt(value, data.draw).encode(errors="surrogatepass")

    def outcome(read: Callable[[bytes], object]) -> str:
        try:
            return repr(read(raw))
        except strict.Malformed as refused:
            return str(refused)

    assert outcome(strict.shaped) == outcome(strict.carefully)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_bytes_are_read_or_refused_and_never_fail_otherwise(raw: bytes) -> None:
    try:
        strict.decode(raw, Asked)
    except strict.Malformed:
        return


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_json_can_say_within_bounds_comes_through_unchanged(value: object) -> None:
    assert strict.decode(json.dumps(value).encode(), object) == value
