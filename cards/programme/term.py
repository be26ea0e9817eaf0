"""How long a promise to a merchant lasts: by channel and trade, dated.

After it the wallet has its money back; a clearing that comes later is paid all the same (cards/payments/clearing.py).
"""

from datetime import date, timedelta

import msgspec

from cards.payments.payment import Channel


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force from `begins` on."""

    begins: date
    recurring: timedelta  # what the merchant starts by itself
    present: timedelta
    absent: timedelta
    travel: timedelta  # hotels, rented cars, ships: the bill comes at the end


#: The latest first: Visa's authorisation windows since 14 April 2024; 31 days for travel (Stripe's docs, 2026-11).
TERMS = (
    Terms(
        begins=date(2024, 4, 14),
        recurring=timedelta(days=5),
        present=timedelta(days=5),
        absent=timedelta(days=7),
        travel=timedelta(days=31),
    ),
)
_TRAVEL = frozenset({"4411", "7011", "7012", "7512", "7513", "7519"})


def lasts(category: str, channel: Channel, on: date) -> timedelta:
    """Say how long a merchant of this category may take its time with a promise of the day `on`."""
    terms = next(each for each in TERMS if each.begins <= on)
    if category in _TRAVEL or "3351" <= category <= "3999":
        return terms.travel
    if channel is Channel.RECURRING:
        return terms.recurring
    return terms.present if channel.present else terms.absent
