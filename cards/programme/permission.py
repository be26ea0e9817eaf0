"""What a holder permits a card: which merchants, countries, channels and currencies, and which journeys change that.

A holder can only narrow what the programme lets a card do (cards/programme/programme.py), never widen it.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Generic, TypeVar

import msgspec

from cards.payments.message import Channel, Operation

Value = TypeVar("Value")
#: How many journeys of a card are kept at a time.
TRIPS_MAX = 5


class TooManyTrips(Exception):
    """The card has as many journeys before it as are kept: some have to be taken back first."""


class Choice(msgspec.Struct, Generic[Value], frozen=True, kw_only=True, omit_defaults=True):
    """A choice among many: `only` these where it is set, and `never` those."""

    only: frozenset[Value] | None = None
    never: frozenset[Value] = frozenset()

    def lets(self, value: Value) -> bool:
        """Say whether `value` passes."""
        return value not in self.never and (self.only is None or value in self.only)

    def within(self, other: "Choice[Value]") -> bool:
        """Say whether everything that passes here passes `other`."""
        if self.only is not None:
            return all(other.lets(value) for value in self.only - self.never)
        return other.only is None and other.never <= self.never


class Controls(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the holder permits, each by itself: all have to let a purchase pass.

    `categories` are merchant categories (ISO 18245), `countries` those of the merchant (ISO 3166), `merchants` their
    ids in the network, `currencies` what the merchant charges in, before the network turned it into the card's.
    """

    categories: Choice[str] = Choice()
    countries: Choice[str] = Choice()
    merchants: Choice[str] = Choice()
    channels: Choice[Channel] = Choice()
    operations: Choice[Operation] = Choice()
    currencies: Choice[str] = Choice()

    def within(self, other: "Controls") -> bool:
        """Say whether they permit nothing that `other` does not."""
        return all(getattr(self, name).within(getattr(other, name)) for name in self.__struct_fields__)


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """A journey of the days `begins` to `ends` in Kazakhstan, both counted: its countries pass whatever is chosen."""

    countries: frozenset[str]
    begins: date
    ends: date

    def covers(self, country: str, today: date) -> bool:
        """Say whether the holder is in `country` today."""
        return self.begins <= today <= self.ends and country in self.countries


def travelling(trips: Iterable[Trip], country: str, today: date, until: date) -> tuple[Trip, ...]:
    """Give the journeys that are still to come, and one from `today` to `until`, which those to it alone are part of.

    Raises TooManyTrips.
    """
    coming = [trip for trip in trips if trip.ends >= today]
    same = [trip for trip in coming if trip.countries == {country} and trip.begins <= until + timedelta(days=1)]
    made = Trip(
        countries=frozenset({country}),
        begins=min([today, *(trip.begins for trip in same)]),
        ends=max([until, *(trip.ends for trip in same)]),
    )
    told = (*(trip for trip in coming if trip not in same), made)
    if len(told) > TRIPS_MAX:
        raise TooManyTrips
    return told
