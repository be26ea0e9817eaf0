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
        ("Əliyev", "eliyev"),
        ("Вучић", "vuchic"),
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
