"""The chain: any change to what was linked is found, at its place."""

from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.chain import Broken, Chain, Field, encode

CHAIN = Chain("test/v1")

fields = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.binary(),
    st.uuids(),
    st.datetimes(timezones=st.just(UTC)),
)
entries = st.lists(st.binary(max_size=40), min_size=1, max_size=30)


def test_the_chain_is_what_its_docstring_says() -> None:
    tag = sha256(b"eresidency/chain/test/v1").digest()
    first = sha256(b"\x02" + tag).digest()

    assert CHAIN.genesis == first
    assert CHAIN.extend(first, b"entry") == sha256(b"\x03" + tag + first + b"entry").digest()


@given(entries)
def test_an_untouched_chain_is_whole(linked: list[bytes]) -> None:
    heads = CHAIN.heads(CHAIN.genesis, linked)

    assert CHAIN.verify(CHAIN.genesis, linked, heads) == heads[-1]


@given(entries, st.data())
def test_a_changed_entry_breaks_the_chain_at_its_place(linked: list[bytes], data: st.DataObject) -> None:
    heads = CHAIN.heads(CHAIN.genesis, linked)
    at = data.draw(st.integers(0, len(linked) - 1))
    linked[at] += b"x"

    with pytest.raises(Broken) as broken:
        CHAIN.verify(CHAIN.genesis, linked, heads)
    assert broken.value.at == at


@given(entries, st.data())
def test_a_changed_entry_with_its_head_recomputed_breaks_the_chain_at_the_next(
    linked: list[bytes], data: st.DataObject
) -> None:
    linked.append(b"last")
    heads = CHAIN.heads(CHAIN.genesis, linked)
    at = data.draw(st.integers(0, len(linked) - 2))
    linked[at] += b"x"
    heads[at] = CHAIN.extend(heads[at - 1] if at else CHAIN.genesis, linked[at])

    with pytest.raises(Broken) as broken:
        CHAIN.verify(CHAIN.genesis, linked, heads)
    assert broken.value.at == at + 1


@given(entries, st.data())
def test_a_missing_entry_breaks_the_chain(linked: list[bytes], data: st.DataObject) -> None:
    linked = [bytes([n]) + entry for n, entry in enumerate(linked)]
    heads = CHAIN.heads(CHAIN.genesis, linked)
    at = data.draw(st.integers(0, len(linked) - 1))
    del linked[at]

    with pytest.raises(Broken) as broken:
        CHAIN.verify(CHAIN.genesis, linked, heads)
    assert broken.value.at == at


@given(entries, st.data())
def test_two_entries_in_the_wrong_order_break_the_chain(linked: list[bytes], data: st.DataObject) -> None:
    linked = [bytes([n]) + entry for n, entry in enumerate([*linked, b"last"])]
    heads = CHAIN.heads(CHAIN.genesis, linked)
    at = data.draw(st.integers(0, len(linked) - 2))
    linked[at], linked[at + 1] = linked[at + 1], linked[at]

    with pytest.raises(Broken) as broken:
        CHAIN.verify(CHAIN.genesis, linked, heads)
    assert broken.value.at == at


@given(entries)
def test_an_entry_without_a_head_breaks_the_chain(linked: list[bytes]) -> None:
    heads = CHAIN.heads(CHAIN.genesis, linked)

    with pytest.raises(Broken) as broken:
        CHAIN.verify(CHAIN.genesis, [*linked, b"more"], heads)
    assert broken.value.at == len(linked)


def test_chains_of_two_names_have_nothing_in_common() -> None:
    other = Chain("test/v2")

    assert other.genesis != CHAIN.genesis
    assert other.extend(CHAIN.genesis, b"entry") != CHAIN.extend(CHAIN.genesis, b"entry")


@given(st.lists(fields, max_size=5), st.lists(fields, max_size=5))
def test_different_fields_have_different_bytes(left: list[Field], right: list[Field]) -> None:
    same = [(type(field), field) for field in left] == [(type(field), field) for field in right]

    assert (encode(*left) == encode(*right)) == same


def test_moving_a_border_between_fields_changes_the_bytes() -> None:
    assert len({encode("ab", "c"), encode("a", "bc"), encode("abc"), encode("abc", ""), encode("abc", None)}) == 5


def test_the_encoding_is_fixed() -> None:
    at = datetime(2026, 11, 22, 12, 0, 0, 1, tzinfo=UTC)
    uuid = UUID("0193a5c0-0000-7000-8000-000000000001")

    yes, no = True, False

    assert encode(None, yes, no, -15, "қ", b"\x00", uuid, at) == (
        b"n\x00\x00\x00\x00"
        b"?\x00\x00\x00\x011"
        b"?\x00\x00\x00\x010"
        b"i\x00\x00\x00\x03-15"
        b"s\x00\x00\x00\x02\xd2\x9b"
        b"b\x00\x00\x00\x01\x00"
        b"u\x00\x00\x00\x10" + uuid.bytes + b"d\x00\x00\x00\x101795348800000001"
    )


def test_one_instant_has_one_encoding() -> None:
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)

    assert encode(at) == encode(at.astimezone(timezone(timedelta(hours=5))))


@pytest.mark.parametrize("field", [1.5, datetime(2026, 1, 1), [], {}, object()])  # noqa: DTZ001  a mistake under test
def test_what_has_no_encoding_is_refused(field: object) -> None:
    with pytest.raises(TypeError):
        encode(field)  # type: ignore[arg-type]  # what a caller without types could do
