"""What a holder permits a card: which merchants, countries, channels and currencies, and which journeys change that.

A holder can only narrow what the programme lets a card do (cards/programme.py), never widen it.
"""

from datetime import date
from typing import Generic, TypeVar

import msgspec

from cards.message import Channel, Operation

Value = TypeVar("Value")


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
