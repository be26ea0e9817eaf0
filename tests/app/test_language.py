"""Accept-Language chooses among the three languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import language
from app.language import Language


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, "en"),
        ("", "en"),
        ("*", "en"),
        ("kk", "kk"),
        ("kk-KZ", "kk"),
        ("RU-kz", "ru"),
        ("de, fr;q=0.9", "en"),
        ("de, ru;q=0.3", "ru"),
        ("en;q=0.2, kk;q=0.9, ru;q=0.5", "kk"),
        ("ru;q=0, en", "en"),
        ("ru;q=1.000, kk;q=0.999", "ru"),
        ("ru;q=abc", "en"),
        ("kk;q=2", "en"),
    ],
)
def test_the_best_of_ours_is_chosen(header: str | None, chosen: str) -> None:
    assert language.choose(header) is Language(chosen)


@given(st.text(max_size=300))
def test_any_header_gives_a_language(header: str) -> None:
    assert language.choose(header) in Language
