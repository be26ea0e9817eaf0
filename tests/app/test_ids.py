"""Ids: minted in order, shown with a prefix, read back only as they were shown."""

import os
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import ids
from app.http import ids as outside


def test_ids_are_uuidv7_and_grow() -> None:
    minted = [ids.new() for _ in range(20_000)]

    assert minted == sorted(minted)
    assert len(set(minted)) == len(minted)
    assert {(one.version, one.variant) for one in minted[:50]} == {(7, "specified in RFC 4122")}


def test_a_forked_process_does_not_repeat_its_parent() -> None:
    ids.new()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover  runs in the child
        os.write(writer, b"".join(ids.new().bytes for _ in range(100)))
        os._exit(0)
    os.close(writer)
    ours = {ids.new() for _ in range(100)}
    with os.fdopen(reader, "rb") as pipe:
        raw = pipe.read()
    os.waitpid(child, 0)

    theirs = {UUID(bytes=raw[start : start + 16]) for start in range(0, len(raw), 16)}
    assert len(theirs) == 100
    assert not ours & theirs


@given(st.uuids(), st.sampled_from(["card", "credential_offer"]))
def test_an_id_reads_back_as_it_was_shown(value: UUID, prefix: str) -> None:
    assert outside.parse(prefix, outside.show(prefix, value)) == value


@given(st.uuids(), st.integers(0, 30), st.characters())
def test_any_other_text_is_no_id(value: UUID, place: int, char: str) -> None:
    shown = outside.show("card", value)
    changed = shown[:place] + char + shown[place + 1 :]
    if changed == shown:
        return

    try:
        read = outside.parse("card", changed)
    except outside.UnknownId:
        return
    assert outside.show("card", read) == changed


@pytest.mark.parametrize(
    "text", ["", "card_", "card", "wallet_00000000000000000000000000", "card_" + "Z" * 26, "card_" + "o" * 26]
)
def test_what_is_not_an_id_of_this_kind_is_unknown(text: str) -> None:
    with pytest.raises(outside.UnknownId):
        outside.parse("card", text)
