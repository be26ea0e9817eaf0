"""Names made comparable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc import names


@pytest.mark.parametrize(
    ("name", "normalised"),
    [
        ("ERIKSSON", "eriksson"),
        ("  Anna   Maria ", "anna maria"),
        ("O'Connor", "oconnor"),
        ("O’Connor", "oconnor"),
        ("al-SARAB", "al sarab"),
        ("Müller", "muller"),
        ("Łukasz Ørsted", "lukasz orsted"),
        ("STRAẞE", "strasse"),
        ("İnönü", "inonu"),
        ("Щукин Юрий", "shchukin iurii"),
        ("Ёлкина", "elkina"),
        ("Подъячев", "podieiachev"),
        ("Нұрсұлтан Әбішұлы", "nursultan abishuly"),
        ("Қасым-Жомарт", "kasym zhomart"),
        ("ＦＵＬＬＷＩＤＴＨ", "fullwidth"),
        ("محمد", "محمد"),
        ("", ""),
        ("--", ""),
    ],
)
def test_a_name_is_written_in_plain_latin_words(name: str, normalised: str) -> None:
    assert names.normalise(name) == normalised


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(name: str) -> None:
    once = names.normalise(name)

    assert names.normalise(once) == once


@given(st.text("abcdefgh", min_size=4, max_size=10), st.data())
def test_names_one_edit_apart_share_a_key(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcdefghz"))
    for other in (word[:place] + letter + word[place + 1 :], word[:place] + letter + word[place:]):
        assert names.keys(word) & names.keys(other)


def test_short_words_are_found_only_whole() -> None:
    assert names.keys("li ma") == {"li", "ma"}


def test_a_name_is_looked_up_by_its_longer_words_where_it_has_any() -> None:
    assert names.telling_keys("abd al sarab") == names.keys("sarab")
    assert names.telling_keys("li ma") == names.keys("li ma")
