"""Base45: the vectors of RFC 9285, the way back, and that each text has one meaning or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residency.credential.showing import base45
from residency.credential.showing.base45 import NotBase45


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0"), (b"", "")],
)
def test_vectors_of_the_rfc(raw: bytes, text: str) -> None:
    assert base45.encode(raw) == text
    assert base45.decode(text) == raw


@given(st.binary(max_size=64))
def test_what_is_written_is_read_back(raw: bytes) -> None:
    assert base45.decode(base45.encode(raw)) == raw


@given(st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", max_size=12))
def test_no_bytes_have_two_texts(text: str) -> None:
    try:
        raw = base45.decode(text)
    except NotBase45:
        return
    assert base45.encode(raw) == text


@pytest.mark.parametrize("text", ["GGW", ":::", "A", "BB80", "::", "bb8", "BB8\n", "Ж12"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(NotBase45):
        base45.decode(text)
