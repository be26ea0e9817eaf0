"""Merchants as people know them, out of what acquirers write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.payments import descriptor
from cards.payments.payment import Merchant


def merchant(name: str, city: str | None = None, country: str = "KZ") -> Merchant:
    return Merchant(name=name, id="M-1", category="5942", country=country, city=city)


@pytest.mark.parametrize(
    ("name", "city", "country", "shown"),
    [
        ("Dostyk Books", None, "KZ", "Dostyk Books"),
        ("SQ *JOES COFFEE 0042 ALMATY KZ", "ALMATY", "KZ", "Joes Coffee"),
        ("PAYPAL *STEAM GAMES 4029357733", None, "LU", "Steam Games"),
        ("AMZN Mktp US*2K4AB77Q1", None, "US", "AMZN Mktp US"),
        ('TOO "MAGNUM CASH&CARRY" #17', "ASTANA", "KZ", "Magnum Cash&carry"),
        ("https://www.bolt.eu/r/123", None, "EE", "bolt.eu"),
        ("KFC", "ALMATY", "KZ", "KFC"),
        ("H&M", None, "SE", "H&M"),
        ("ИП ИВАНОВ", "АЛМАТЫ", "KZ", "Иванов"),
        ("GOOGLE *YouTubePremium", None, "US", "YouTubePremium"),
        ("AIR ASTANA 4652134567890", None, "KZ", "Air Astana"),
        ("YANDEX*GO", None, "RU", "Yandex Go"),
        ("CAFE DE LA PAIX", "PARIS", "FR", "Cafe de la Paix"),
        ("123456789", None, "KZ", "123456789"),  # nothing a buyer could recognise: as it was said
    ],
)
def test_what_a_buyer_recognises_is_shown(name: str, city: str | None, country: str, shown: str) -> None:
    assert descriptor.clean(merchant(name, city, country)).name == shown


def test_a_city_is_written_as_cities_are() -> None:
    assert descriptor.clean(merchant("X", "UST-KAMENOGORSK")).city == "Ust-Kamenogorsk"
    assert descriptor.clean(merchant("X", "  ")).city is None


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40))
def test_no_name_is_lost_and_none_is_made_longer(name: str) -> None:
    shown = descriptor.clean(merchant(name)).name

    assert bool(shown) == bool(name.strip())
    assert len(shown) <= len(name) * 3  # a letter may have a longer small form
