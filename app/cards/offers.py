"""What is told before a card of another processor is ordered: whose it is, where it is issued, and where it is not."""

from collections.abc import Mapping

VERSION = "stripe-2026-1"

#: Stripe issues in 22 countries (docs.stripe.com/issuing/global, 2026-11); nobody is promised more than that.
TEXTS: Mapping[str, str] = {
    "en": "This card is issued through Stripe for people who live in the countries listed. Stripe issues cards in 22 "
    "countries and not in Kazakhstan. It is billed in {currency}, not in tenge, and pays only what you put on its own "
    "account. Your name, date of birth, contacts and address are given to Stripe.",
    "ru": "Эта карта выпускается через Stripe для тех, кто живёт в перечисленных странах. Stripe выпускает карты в 22 "
    "странах; Казахстана среди них нет. Валюта карты — {currency}, не тенге; она тратит только то, что вы внесли на её "
    "счёт. Ваши имя, дата рождения, контакты и адрес передаются Stripe.",
    "kk": "Бұл карта Stripe арқылы аталған елдерде тұратындарға шығарылады. Stripe карталарды 22 елде шығарады; "
    "Қазақстан олардың қатарында жоқ. Картаның валютасы — {currency}, теңге емес; ол тек өз шотына салған ақшаңызды "
    "жұмсайды. Атыңыз, туған күніңіз, байланыстарыңыз бен мекенжайыңыз Stripe-қа беріледі.",
}


class OfferNotAccepted(Exception):
    """What is told before the order is `version`; the order accepted something else."""

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.version = version


class NotServedThere(Exception):
    """The programme has no cards for people who live in this country."""

    def __init__(self, country: str) -> None:
        super().__init__(country)
        self.country = country
