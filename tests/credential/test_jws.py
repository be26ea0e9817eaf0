"""base64url: one content has one spelling, and nothing else is read."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residency.credential import jws
from residency.credential.jws import Unreadable

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def by_definition(text: str) -> bytes | None:
    """Read as RFC 4648 section 5 without padding, by the standard library; None for any other spelling."""
    if set(text) - set(_ALPHABET) or len(text) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return data if base64.urlsafe_b64encode(data).decode().rstrip("=") == text else None


HALVES = [r'{"a": "\ud800"}', r'{"\uDC00": 1}', r'{"a": ["\ud83d", "\ude00"]}', r'["\ud800"]', r'"\udfff"']


@pytest.mark.parametrize("text", HALVES)
def test_half_of_a_character_is_no_text(text: str) -> None:
    with pytest.raises(Unreadable):
        jws.read_json(text.encode())


def test_both_halves_of_a_character_are_one() -> None:
    assert jws.read_json(rb'{"a": "\ud83d\ude00", "b": "\\ud800"}') == {"a": "\U0001f600", "b": r"\ud800"}


@given(st.binary(max_size=200))
def test_what_is_written_is_read(data: bytes) -> None:
    assert jws.b64(data) == base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert jws.unb64(jws.b64(data)) == data


@given(st.text(st.sampled_from(_ALPHABET + '+/="\\ \nué'), max_size=12))
def test_what_is_no_base64url_is_not_read(text: str) -> None:
    expected = by_definition(text)
    if expected is None:
        with pytest.raises(Unreadable):
            jws.unb64(text)
    else:
        assert jws.unb64(text) == expected


@pytest.mark.parametrize("text", ["AB", "AAB", "A", "AA==", "A+AA", "A/AA", "\\u0041AA", '"AA"', "AA\n", "=AAA", "é"])
def test_another_spelling_is_refused(text: str) -> None:
    assert by_definition(text) is None
    with pytest.raises(Unreadable):
        jws.unb64(text)
