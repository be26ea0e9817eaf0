"""Names taken apart: alphabets, roles of words, organisations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.names.entity import Kind
from kyc.names.name import Name, read
from kyc.names.part import Role, rough


def texts(name: Name) -> str:
    return " ".join(part.text for part in name.parts)


def having(name: Name, *roles: Role) -> list[str]:
    return [part.text for part in name.parts if part.role in roles]


@pytest.mark.parametrize(
    ("written", "latin"),
    [
        ("Нұрсұлтан Әбішұлы", "nursultan abishuly"),
        ("Володимир Зеленський", "volodimir zelenskii"),
        ("Κυριάκος Μητσοτάκης", "kyriakos mitsotakis"),
        ("Μπάμπης Ντούρος", "babis duros"),
        ("ბარაკ ობამა", "barak obama"),
        ("Նիկոլ Փաշինյան", "nikol pashinyan"),
        ("בנימין נתניהו", "bnimin ntnihu"),
        ("ולדימיר", "vldimir"),
        ("محمد بن سلمان", "muhammad bin slman"),
        ("علی خامنه‌ای", "ali khamnhai"),
        ("김정은", "gim jeong eun"),
        ("习近平", "xi jin ping"),
        ("習近平", "xi jin ping"),
        ("バラク・オバマ", "baraku obama"),
        ("シンゾー", "shinzo"),
        ("नरेन्द्र मोदी", "narendr modii"),
        ("ប៉ុល ពត", "pul pot"),
        ("ዐቢይ", "abiye"),
        ("Łukasz Ørsted", "lukasz orsted"),
        ("ＦＵＬＬＷＩＤＴＨ", "fullwidth"),
    ],
)
def test_other_alphabets_are_read_in_latin_letters(written: str, latin: str) -> None:
    assert texts(read(written)) == latin


@pytest.mark.parametrize(
    ("hidden", "meant"),
    [
        ("I9or Sech1n", "igor sechin"),
        ("B@shar al-A$$ad", "bashar al assad"),
        ("Vlаdimir Рutin", "vladimir putin"),  # а and Р are Cyrillic
        ("V\u200dladimir", "vladimir"),
        ("Mao 1st", "mao 1"),
    ],
)
def test_who_hides_from_filters_is_read(hidden: str, meant: str) -> None:
    assert texts(read(hidden)) == meant


@pytest.mark.parametrize(
    ("name", "fathers", "names"),
    [
        ("Salman bin Muhammad", ["muhammad"], ["salman"]),
        ("Usāma bin Muhammad ibn Awad ibn Lādin", ["muhammad", "awad", "ladin"], ["usama"]),
        ("Isa bin al-Hasan", ["hasan"], ["isa"]),
        ("Heydər Əlirza oğlu Əliyev", ["elirza"], ["heyder", "eliyev"]),
        ("Тоқаев Қасым-Жомарт Кемелұлы", ["kemeluly"], ["tokaev", "kasym", "zhomart"]),
        ("Гүлнара Исламқызы", ["islamkyzy"], ["gulnara"]),
        ("Sergey Viktorovich Lavrov", ["viktorovich"], ["sergey", "lavrov"]),
        ("Sergey Borisovitch Lavrov", ["borisovitch"], ["sergey", "lavrov"]),
        ("Ольга Петровна", ["petrovna"], ["olga"]),
        ("AL BEN ALI, Isa Ben Tarif", ["tarif", "ali"], ["isa"]),
        ("Ben Netanyahu", [], ["ben", "netanyahu"]),
        ("Van Le", [], ["van", "le"]),
        ("Manjunath S/o Ramaiah", ["ramaiah"], ["manjunath"]),
    ],
)
def test_fathers_are_told_from_names(name: str, fathers: list[str], names: list[str]) -> None:
    found = read(name, Kind.PERSON)

    assert having(found, Role.FATHER, Role.PATRONYMIC) == fathers
    assert having(found, Role.NAME) == names


def test_titles_and_particles_weigh_nothing_and_initials_little() -> None:
    found = read("Mr. Recep T. van der Meer")

    assert {part.text: part.weight for part in found.parts} == {
        "mr": 0, "recep": 1, "t": 0.25, "van": 0, "der": 0, "meer": pytest.approx(5 / 6),
    }  # fmt: skip


def test_only_an_organisation_has_a_misspelt_legal_form() -> None:
    assert texts(read("Lluis Companys")) == "lluis companys"
    assert texts(read("Lluis Companys", Kind.ORGANISATION)) == "lluis"


def test_a_comma_says_which_is_the_surname() -> None:
    assert texts(read("RANDOLPH, Gena C")) == "gena c randolph"
    assert read("RANDOLPH, Gena C").told


@pytest.mark.parametrize(
    ("name", "core", "forms"),
    [
        ("CRYSTALORD LTD", "crystalord", ("llc",)),
        ("LIMITED LIABILITY COMPANY ISKUSSTVO KRASOTY", "iskusstvo krasoty", ("llc",)),
        ("FABERLIC EUROPE Sp. z o.o.", "faberlic europe", ("llc",)),
        ("Открытое акционерное общество «Газпром»", "gazprom", ("jsc",)),
        ('ООО "АЯС 2000"', "aias 2000", ("llc",)),
        ("ТОО Казцинк", "kaztsink", ("llc",)),
        ("ОсОО Бишкек Банк", "bishkek bank", ("llc",)),
        ("Goldman Sachs & Co. L.L.C.", "goldman sachs and", ("inc", "llc")),
        ("A.B.C. Company", "abc", ("inc",)),
        ("Brigade Forty-Four", "brigade 44", ()),
        ("Blackstone Partners VI L.P.", "blackstone partners 6", ("lp",)),
        ("First International Bank", "1 international bank", ()),
        ("Intl Business Corp", "international business", ("inc",)),
        ("Company Limited", "company limited", ()),
        ("Gazprom Coporation Ltd", "gazprom", ("inc", "llc")),
    ],
)
def test_organisations_have_legal_forms_and_numbers(name: str, core: str, forms: tuple[str, ...]) -> None:
    found = read(name)

    assert found.organisation
    assert (texts(found), found.forms) == (core, forms)


@given(st.text(max_size=60))
def test_whatever_is_written_can_be_read(text: str) -> None:
    for kind in Kind:
        assert all(part.text and 0 <= part.weight <= 1 for part in read(text, kind).parts)
    assert all(part.text for part in rough(text))
