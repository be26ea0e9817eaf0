"""Exchange: money of one currency for another one's, at a rate somebody named, with nothing lost in rounding.

computes  quoted()   what remains of what is given
books     legs()     given -> sold on, bought -> got, remainder <-> rounding: what app/banking/booking.py posts
tells     fact()     the rate, who said so, and what remained

The operator stands between the currencies, with a position in each. Amounts are a bank's, rounded by it, since smaller
than a unit nothing can be paid. What is got is worth its cost in the currency given; the difference to what was given
is the remainder, which goes to the rounding account, or comes from there.
"""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

import msgspec

from law.money import Currency, Money
from proof import journal
from wallet.events import Exchanged
from wallet.transfer import AccountId


class RateNotOfThese(Exception):
    """The rate is of other currencies than the money."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """`value` of `quote` buy one of `base`, both in major units: base USD, quote KZT, value 526.31.

    `source` names who said so, a word of ours such as `quote:…`; `at` is when.
    """

    base: Currency
    quote: Currency
    value: Decimal
    source: str
    at: datetime

    def __post_init__(self) -> None:
        """Refuse what is no rate, as a mistake of ours."""
        assert self.base is not self.quote, "a rate is between two currencies"
        assert self.value.is_finite(), "a rate is a number"
        assert self.value > 0, "a rate is more than nothing"

    def per_minor(self, given: Currency, got: Currency) -> Fraction:
        """Say how many smallest units of `got` one of `given` is; raises RateNotOfThese."""
        if {given, got} != {self.base, self.quote}:
            raise RateNotOfThese
        major = Fraction(self.value) if given is self.base else 1 / Fraction(self.value)
        return major * Fraction(10) ** (got.exponent - given.exponent)


class Exchange(msgspec.Struct, frozen=True):
    """`given` for `got`. Of what is given, all but `remainder` is what `got` costs; it may be negative."""

    given: Money
    got: Money
    remainder: Money
    rate: Rate


def quoted(given: Money, got: Money, rate: Rate) -> Exchange:
    """Take amounts that somebody else rounded, as a bank does, and say what remains; raises RateNotOfThese."""
    cost = round(got.minor / rate.per_minor(given.currency, got.currency))
    return Exchange(given, got, Money(given.minor - cost, given.currency), rate)


class Through(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts an exchange goes through: `taking` and `giving` are the operator's positions.

    What is sold goes on to `sold_to`, what is bought comes from `bought_of`: where the bank keeps either.
    """

    taking: AccountId
    sold_to: AccountId
    bought_of: AccountId
    giving: AccountId
    payee: AccountId
    rounding: AccountId


class Leg(NamedTuple):
    """One transfer of an exchange."""

    name: str
    debit: AccountId
    credit: AccountId
    money: Money


def legs(exchange: Exchange, through: Through) -> list[Leg]:
    """List what follows once `taking` has what is given; the positions then hold what rounding left, and no more."""
    listed = [
        Leg("sold", through.taking, through.sold_to, exchange.given),
        Leg("bought", through.bought_of, through.giving, exchange.got),
        Leg("arrived", through.giving, through.payee, exchange.got),
    ]
    if exchange.remainder.minor > 0:
        listed.append(Leg("rounding", through.taking, through.rounding, exchange.remainder))
    if exchange.remainder.minor < 0:
        listed.append(Leg("rounding", through.rounding, through.taking, -exchange.remainder))
    return listed


def fact(exchange: Exchange, group: UUID, *, holder: UUID, actor: str, at: datetime) -> journal.Fact:
    """Tell of an exchange whose transfers are linked as `group`; `eresidency verify ledger` compares the two."""
    rate = exchange.rate
    event = Exchanged(
        group=group,
        given_minor=exchange.given.minor,
        given_currency=exchange.given.currency.value,
        got_minor=exchange.got.minor,
        got_currency=exchange.got.currency.value,
        remainder_minor=exchange.remainder.minor,
        base=rate.base.value,
        quote=rate.quote.value,
        rate=format(rate.value, "f"),
        source=rate.source,
        rate_at=rate.at,
    )
    return journal.Fact(aggregate=group, holder=holder, at=at, actor=actor, event=event)
