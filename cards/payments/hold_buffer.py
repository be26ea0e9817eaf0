"""What is set aside beyond an estimate, because more will be taken: a full tank, a minibar, a tip. Dated data.

The buffer is held, not promised: a merchant who takes more than it was promised takes it from there, and what is left
goes back with the rest of the promise.
"""

from collections.abc import Callable
from datetime import date

import msgspec

from cards.payments.payment import Channel
from law.money import KZT, Money

_WHOLE = 10_000  # basis points


class Buffer(msgspec.Struct, frozen=True, kw_only=True):
    """What is held for merchants of some categories (ISO 18245): `bps` of the amount more, and in all at least `least`.

    `required`: without it the merchant is refused. Otherwise the wallet sets aside what it has of it. `estimates_only`
    leaves amounts alone that are final, `up_to` those that are larger; what is said in money is for cards billed in
    that currency. `countries` are those where it is done, None everywhere. `ends` is not included.
    """

    name: str
    begins: date
    categories: Callable[[str], bool]
    bps: int = 0
    least: Money | None = None
    required: bool = False
    estimates_only: bool = True
    up_to: Money | None = None
    countries: frozenset[str] | None = None
    ends: date | None = None

    def applies(self, amount: Money, category: str, country: str, *, estimated: bool, on: date) -> bool:
        """Whether it is held for such a purchase on the day `on`."""
        return (
            self.categories(category)
            and all(each.currency is amount.currency for each in (self.least, self.up_to) if each is not None)
            and (self.up_to is None or amount <= self.up_to)
            and (estimated or not self.estimates_only)
            and (self.countries is None or country in self.countries)
            and self.begins <= on
            and (self.ends is None or on < self.ends)
        )


def _lodging(category: str) -> bool:
    return category == "7011" or "3501" <= category <= "3999"


def _vehicles(category: str) -> bool:
    return category in {"7512", "7513", "7519"} or "3351" <= category <= "3500"


_FIRST = date(2026, 1, 1)
#: A pump asks for one unit and pours what it pours; one that asks for a full tank needs no more. Hotels and rental
#: firms may take 15 % over their estimate without asking again (rules of the international networks). Where tips are
#: the custom a fifth is written under the bill.
BUFFERS = (
    Buffer(
        name="fuel",
        begins=_FIRST,
        categories=frozenset({"5542"}).__contains__,
        least=Money(30_000_00, KZT),
        required=True,
        up_to=Money(1_000_00, KZT),
    ),
    Buffer(name="lodging", begins=_FIRST, categories=_lodging, bps=1_500),
    Buffer(name="vehicles", begins=_FIRST, categories=_vehicles, bps=1_500),
    Buffer(name="cruise", begins=_FIRST, categories=frozenset({"4411"}).__contains__, bps=1_500),
    Buffer(
        name="tips",
        begins=_FIRST,
        categories=frozenset({"5812", "5813"}).__contains__,
        bps=2_000,
        estimates_only=False,
        countries=frozenset({"US", "CA"}),
    ),
)


class Wanted(msgspec.Struct, frozen=True):
    """What is to be set aside beyond an amount; where it is `required`, or the merchant hears no."""

    more: Money
    required: bool

    def at_least(self, amount: Money, percent: int) -> "Wanted":
        """Want `percent` of the amount, if that is more; it is no reason to refuse the merchant."""
        more = Money((amount.minor * percent + 99) // 100, amount.currency)
        return self if more <= self.more else Wanted(more, required=False)


def over(amount: Money, category: str, country: str, channel: Channel, *, estimated: bool, on: date) -> Wanted:
    """Say what is held beyond `amount`. A tip is left where the card was: nobody tips a web shop."""
    for buffer in BUFFERS:
        if buffer.applies(amount, category, country, estimated=estimated, on=on) and (
            buffer.estimates_only or channel.present
        ):
            share = Money((amount.minor * buffer.bps + _WHOLE - 1) // _WHOLE, amount.currency)
            return Wanted(max(share, buffer.least - amount) if buffer.least else share, buffer.required)
    return Wanted(Money(0, amount.currency), required=False)
