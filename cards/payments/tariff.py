"""What the house charges with a card payment: a markup where another currency was turned into tenge, a fee for cash.

Dated: a payment is charged by the line in force on the day it is asked for or taken. The holder reads what was charged
with each payment (app/http/mobile/card_payments.py).
"""

from datetime import date

import msgspec

from cards.payments.payment import Operation
from law.money import KZT, Money, zero

_WHOLE = 10_000  # basis points


class Tariff(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the price list; `cash_least` is the least fee for cash in each currency that has one."""

    begins: date
    markup_bps: int
    cash_bps: int
    cash_least: tuple[Money, ...]

    def cash(self, amount: Money) -> Money:
        """Say what cash costs."""
        least = [each for each in self.cash_least if each.currency is amount.currency]
        return max([Money(share(amount.minor, self.cash_bps), amount.currency), *least])


class Charges(msgspec.Struct, frozen=True):
    """What is charged beside an amount."""

    fee: Money
    markup: Money

    @property
    def total(self) -> Money:
        """Both together."""
        return self.fee + self.markup


#: The latest first. Ours, from the first day of the programme: 1 % on an exchange, 1 % of cash and at least 200 tenge.
TARIFFS = (Tariff(begins=date(2026, 1, 1), markup_bps=100, cash_bps=100, cash_least=(Money(200_00, KZT),)),)


def at(on: date) -> Tariff:
    """Answer the price list of a day."""
    return next(tariff for tariff in TARIFFS if tariff.begins <= on)


def charges(amount: Money, *, original: Money | None, operation: Operation, on: date) -> Charges:
    """Say what is charged for `amount`, which `original` was turned into, on the day `on` in Kazakhstan."""
    tariff = at(on)
    exchanged = original is not None and original.currency is not amount.currency
    markup = share(amount.minor, tariff.markup_bps) if exchanged else 0
    fee = tariff.cash(amount) if operation is Operation.CASH and amount else zero(amount.currency)
    return Charges(fee, Money(markup, amount.currency))


def most(spendable: Money, *, original: Money | None, operation: Operation, on: date) -> Money:
    """Say how much can be asked of `spendable` so that the charges fit into it too; only for what has no least fee."""
    assert operation is not Operation.CASH, "cash is given in full or not at all"
    exchanged = original is not None and original.currency is not spendable.currency
    bps = at(on).markup_bps if exchanged else 0
    minor = spendable.minor * _WHOLE // (_WHOLE + bps)
    while minor and minor + share(minor, bps) > spendable.minor:
        minor -= 1
    return Money(minor, spendable.currency)


def share(minor: int, bps: int) -> int:
    """Take `bps` hundredths of a per cent of an amount, a half rounded up."""
    return (minor * bps + _WHOLE // 2) // _WHOLE
