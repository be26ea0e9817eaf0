"""Telegrams for tests: as a shop's acquirer would send them, with whatever a case changes."""

from datetime import UTC, datetime
from uuid import UUID

from cards.iso8583 import meaning
from cards.iso8583.meaning import Occasion
from cards.iso8583.telegram import Telegram
from cards.payments.message import NetworkMessage
from cards.payments.payment import PaymentId
from law.money import KZT

NOW = datetime(2026, 11, 22, 9, 0, 1, tzinfo=UTC)
PAN = "9398010000000000"
CARD = UUID("01937a3e-0000-7000-8000-000000000001")
PAYMENT = PaymentId(UUID("01937a3e-0000-7000-8000-000000000002"))
FIELDS = {
    2: PAN,
    3: "000000",
    4: "000000150000",
    7: "1122090000",
    11: "000123",
    14: "2710",
    18: "5942",
    19: "398",
    22: "810",
    25: "59",
    32: "398001",
    37: "632609000123",
    41: "TERM0001",
    42: "M-1001         ",
    43: f"{'Dostyk Books':25}{'Almaty':13}KZ",
    49: "398",
    62: "0123456789ABCDE",
}


def telegram(mti: str = "0100", *, without: str = "", **changed: str) -> Telegram:
    """Write a telegram; fields are changed as f4="000000000100", left out as "2 14"."""
    fields = FIELDS | {int(name.removeprefix("f")): text for name, text in changed.items()}
    missing = {int(number) for number in without.split()}
    return Telegram(mti, {number: text for number, text in fields.items() if number not in missing})


def occasion(**changed: object) -> Occasion:
    """Say on which occasion it came."""
    fields: dict[str, object] = {
        "network": "mspk",
        "lane": 1,
        "card": CARD,
        "payment": PAYMENT,
        "now": NOW,
        "deadline": None,
        "billing": KZT,
    }
    return Occasion(**(fields | changed))  # type: ignore[arg-type]  # the fields of Occasion


def told(mti: str = "0100", *, without: str = "", **changed: str) -> NetworkMessage | None:
    """Put a telegram into our words."""
    return meaning.told(telegram(mti, without=without, **changed), occasion())
