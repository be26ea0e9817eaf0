"""Amounts as they travel: whole minor units of the currency beside them, of which ISO 4217 says how small they are."""

from decimal import Decimal

from cards.iso8583.telegram import Telegram
from law import rounding
from law.currency import Currency, UnknownCurrency
from law.money import Money, zero

_AMOUNT = 12
_SET = 20
_RATE_DIGITS = 7
#: Field 54: the kind of amount in positions 3 and 4.
LEDGER_BALANCE, AVAILABLE, CASHBACK = "01", "02", "40"
_DEFAULT_ACCOUNT = "00"


class BadAmounts(Exception):
    """The amounts of a telegram contradict each other or name no currency; `number` says in which field."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def billed(told: Telegram) -> Money:
    """Answer what the cardholder is charged: fields 6 and 51 where the merchant has another currency, else 4 and 49."""
    if (currency := told.get(51)) is None:
        return Money(int(told[4]), _currency(told[49], 49))
    if (minor := told.get(6)) is None:
        raise BadAmounts(6)
    return Money(int(minor), _currency(currency, 51))


def original(told: Telegram) -> Money | None:
    """Answer what the merchant asks in its own currency, None where that is the cardholder's."""
    if told.get(51) in {None, told[49]}:
        return None
    return Money(int(told[4]), _currency(told[49], 49))


def rate(told: Telegram) -> Decimal | None:
    """Read field 10: how many of its seven digits stand behind the point, and the seven."""
    text = told.get(10)
    if text is None or original(told) is None:
        return None
    behind, digits = int(text[0]), text[1:]
    if behind > _RATE_DIGITS or not int(digits):
        raise BadAmounts(10)
    return Decimal(int(digits)).scaleb(-behind)


def surcharge(told: Telegram) -> Money | None:
    """Answer the part of the amount that the terminal's owner charges: fields 8, or 28 where there is one currency."""
    if (fee := told.get(8)) is not None:
        return Money(int(fee), billed(told).currency)
    fee = told.get(28)
    if fee is None or original(told) is not None or fee[0] == "C":
        return None
    return Money(int(fee[1:]), billed(told).currency)


def remaining(told: Telegram) -> Money | None:
    """Answer what of a reversed amount still stands (field 95), as the cardholder is charged it; None is nothing.

    The field is in the merchant's currency: its part of field 4 is that part of what was billed.
    """
    text = told.get(95)
    if text is None:
        return None
    if not (text[:_AMOUNT].isascii() and text[:_AMOUNT].isdigit()):
        raise BadAmounts(95)
    kept, asked, charged = int(text[:_AMOUNT]), int(told[4]), billed(told)
    if kept > asked:
        raise BadAmounts(95)
    return rounding.allocate(charged, (kept, asked - kept))[0] if asked else charged


def replacement(kept: Money) -> str:
    """Write field 95 for an amount in the merchant's currency."""
    return f"{kept.minor:012}{0:012}C{0:08}C{0:08}"


def additional(text: str) -> dict[str, Money]:
    """Read field 54: amounts by their kind; raises BadAmounts."""
    found: dict[str, Money] = {}
    if len(text) % _SET:
        raise BadAmounts(54)
    for place in range(0, len(text), _SET):
        part = text[place : place + _SET]
        kind, currency, sign, digits = part[2:4], part[4:7], part[7], part[8:]
        if not (kind + currency + digits).isdigit() or sign not in "CD" or kind in found:
            raise BadAmounts(54)
        found[kind] = Money(int(digits) * (-1 if sign == "D" else 1), _currency(currency, 54))
    return found


def balances(available: Money) -> str:
    """Write field 54 for who asked what there is."""
    shown = zero(available.currency) if available.minor < 0 else available
    return f"{_DEFAULT_ACCOUNT}{AVAILABLE}{shown.currency.numeric:03}C{shown.minor:012}"


def _currency(code: str, number: int) -> Currency:
    try:
        return Currency.of_numeric(int(code))
    except UnknownCurrency:
        raise BadAmounts(number) from None
