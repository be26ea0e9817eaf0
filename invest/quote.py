"""A quote: what a placement would pay, cost and risk, shown before anything is confirmed.

shows      app/http/mobile/invest.py  POST /v1/invest/previews
decides    invest/quote.py            quote()      <- you are here
keeps      invest/preview.py          keep()
"""

from datetime import date, timedelta
from decimal import Decimal

import msgspec

from invest import insurance, interest
from invest.insurance import Cover, Held
from invest.product import Offer
from law.calendar import Calendar
from law.money import Money, zero
from law.threshold import Thresholds


class AmountNotOffered(Exception):
    """The product takes amounts from `minimum` to `maximum` in steps of `step`, all in major units as text."""

    def __init__(self, minimum: Money, maximum: Money, step: Money) -> None:
        super().__init__(minimum, maximum, step)
        self.minimum = str(minimum)
        self.maximum = str(maximum)
        self.step = str(step)


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """One placement as it would be. The term is `[starts_on, matures_on)`, Almaty days; `total` is paid at its end.

    `remainder` is the part of a minor unit that rounding took off `interest` (negative: added). `interest_lost_max` is
    what leaving early can cost: all of the interest but what the early-exit rate leaves.
    """

    principal: Money
    interest: Money
    remainder: Decimal
    total: Money
    fee: Money
    starts_on: date
    matures_on: date
    days: int
    interest_lost_max: Money
    cover: Cover


def quote(offer: Offer, principal: Money, *, held: Held, on: date, calendar: Calendar, thresholds: Thresholds) -> Quote:
    """Compute the placement of `principal` on the day `on`; raises AmountNotOffered, law.money.CurrencyMismatch.

    It begins on the first working day and ends on a working day (following business day convention), and the interest
    is that of the days in between.
    """
    terms = offer.terms
    _check_amount(offer, principal)
    starts_on = calendar.next_working(on)
    matures_on = calendar.next_working(starts_on + timedelta(days=terms.term_days))
    days = (matures_on - starts_on).days
    earned = interest.simple(principal, terms.rate, days, terms.day_count)
    early = interest.simple(principal, terms.early_exit.rate, days, terms.day_count)
    return Quote(
        principal=principal,
        interest=earned.money,
        remainder=earned.remainder,
        total=principal + earned.money,
        fee=zero(offer.currency),  # the programme charges nothing for a placement; the bank's margin is in its rate
        starts_on=starts_on,
        matures_on=matures_on,
        days=days,
        interest_lost_max=earned.money - early.money,
        cover=insurance.cover(principal, terms.insurance, held, thresholds, on),
    )


def _check_amount(offer: Offer, principal: Money) -> None:
    terms = offer.terms
    minimum, maximum, step = map(offer.money, (terms.minimum_minor, terms.maximum_minor, terms.step_minor))
    if not minimum <= principal <= maximum or (principal - minimum).minor % step.minor:
        raise AmountNotOffered(minimum, maximum, step)
