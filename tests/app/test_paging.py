"""Cursors are opaque and bound to the list they were made for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.paging import BadCursor, Pager

PAGER = Pager(b"s" * 32, "entries/1")


@given(st.text(max_size=60))
def test_a_cursor_reads_back(place: str) -> None:
    assert PAGER.place(PAGER.cursor(place)) == place


def test_the_first_page_has_no_cursor() -> None:
    assert PAGER.place(None) is None


@pytest.mark.parametrize("other", [Pager(b"s" * 32, "entries/2"), Pager(b"t" * 32, "entries/1")])
def test_a_cursor_of_another_list_or_house_is_refused(other: Pager) -> None:
    with pytest.raises(BadCursor):
        other.place(PAGER.cursor("42"))


@given(st.text(max_size=80))
def test_a_cursor_nobody_made_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        PAGER.place(text)


@given(st.integers(0, 25), st.characters(min_codepoint=48, max_codepoint=122))
def test_a_changed_cursor_is_refused(place: int, char: str) -> None:
    cursor = PAGER.cursor("1234")
    changed = cursor[:place] + char + cursor[place + 1 :]
    if changed != cursor:
        with pytest.raises(BadCursor):
            PAGER.place(changed)
