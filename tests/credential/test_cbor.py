"""CBOR cut into pieces: the pieces are those of a decoder, byte for byte as they came, and nothing else is raised."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from residency.credential import cbor

LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.binary(max_size=300) | st.text(max_size=40)
KEYS = st.text(max_size=10) | st.integers(-(2**63), 2**64 - 1)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)


@given(TREES)
def test_an_item_ends_where_it_ends(tree: object) -> None:
    raw = cbor2.dumps(tree)

    assert cbor.end(raw + b"\x00") == len(raw)


@given(st.dictionaries(KEYS, TREES, max_size=6))
def test_a_map_is_cut_into_its_values_as_they_came(tree: dict[cbor.Key, object]) -> None:
    pieces = cbor.parts(cbor2.dumps(tree))

    assert {key: cbor2.loads(value) for key, value in pieces.items()} == tree
    assert [*pieces] == [*tree]


@given(st.lists(TREES, max_size=6))
def test_an_array_is_cut_into_its_elements_as_they_came(tree: list[object]) -> None:
    pieces = cbor.items(cbor2.dumps(tree))

    assert pieces == [cbor2.dumps(each) for each in tree]
    assert cbor.array(*pieces) == cbor2.dumps(tree)


def test_a_head_that_is_longer_than_it_must_be_is_kept_as_it_is() -> None:
    """What was signed is hashed as it came: here 24 h'00' with a length of two bytes, which nobody would write."""
    odd = bytes.fromhex("d818590001" + "00")

    assert cbor.items(b"\x81" + odd) == [odd]
    assert cbor.embedded(odd) == b"\x00"
    assert cbor.embed(b"\x00") != odd


def test_maps_and_arrays_of_indefinite_length_are_cut_too() -> None:
    assert cbor.parts(bytes.fromhex("bf616101616202ff")) == {"a": b"\x01", "b": b"\x02"}
    assert cbor.items(bytes.fromhex("9f0102ff")) == [b"\x01", b"\x02"]


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "a1",
        "a16161",
        "a2616101616102",  # a key twice
        "a1816101",  # a key that is no name
        "a16161" + "0100",  # something follows
        "9f01",  # never closed
        "5f4101ff",  # a string in pieces
        "1c",  # reserved
        "81" * 20 + "00",  # too deep
        "a161ff01",  # a name that is no text
        "bf6161ff",  # a name without a value
    ],
)
def test_what_is_no_map_is_refused(raw: str) -> None:
    with pytest.raises(cbor.Malformed):
        cbor.parts(bytes.fromhex(raw))


@given(st.binary(max_size=60))
def test_noise_is_cut_or_refused(noise: bytes) -> None:
    for cut in (cbor.parts, cbor.items, cbor.embedded, cbor.load, cbor.end):
        try:
            cut(noise)
        except cbor.Malformed:
            continue


def test_the_shortest_heads_are_written() -> None:
    for argument in (0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1):
        assert cbor.head(0, argument) == cbor2.dumps(argument)
