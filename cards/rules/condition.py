"""What a rule may say: a closed vocabulary, no code.

A condition compares one feature (cards/spending/features.py) with values. A rule applies where every group holds, and
a group holds where any of its conditions does: any statement of features can be written so, and is read from top to
bottom. Nothing is nested, so nothing grows without bound.
"""

import enum
from collections.abc import Callable, Sequence
from operator import attrgetter, eq, ge, gt, le, lt, ne
from typing import Annotated

import msgspec
from msgspec import Meta

from cards.spending.features import Features


class Number(enum.StrEnum):
    """The features that are whole numbers."""

    AMOUNT_MINOR = "amount_minor"
    AGE_DAYS = "age_days"
    TIMES_15M = "times_15m"
    TIMES_1H = "times_1h"
    TIMES_24H = "times_24h"
    TIMES_TODAY = "times_today"
    AMOUNT_1H = "amount_1h"
    AMOUNT_24H = "amount_24h"
    AMOUNT_TODAY = "amount_today"
    AMOUNT_30D = "amount_30d"
    CASH_AMOUNT_24H = "cash_amount_24h"
    DECLINES_15M = "declines_15m"
    DECLINES_24H = "declines_24h"
    HOLDER_TIMES_1H = "holder_times_1h"
    HOLDER_AMOUNT_24H = "holder_amount_24h"
    HOLDER_DECLINES_15M = "holder_declines_15m"
    USUAL_AMOUNT = "usual_amount"
    DEVIATION = "deviation"
    CHANNEL_PERCENT = "channel_percent"
    TRAVEL_KMH = "travel_kmh"
    HOUR = "hour"
    WEEKDAY = "weekday"


class Text(enum.StrEnum):
    """The features that are texts."""

    CURRENCY = "currency"
    OPERATION = "operation"
    CHANNEL = "channel"
    NETWORK = "network"
    MERCHANT = "merchant"
    CATEGORY = "category"
    COUNTRY = "country"
    TERMINAL = "terminal"
    ORIGINAL_CURRENCY = "original_currency"
    FORM = "form"
    PROCESSOR = "processor"


class Flag(enum.StrEnum):
    """The features that are yes or no."""

    PRESENT = "present"
    ESTIMATED = "estimated"
    INCREMENT = "increment"
    WITH_PIN = "with_pin"
    WITH_CHIP = "with_chip"
    AUTHENTICATED = "authenticated"
    TOKENISED = "tokenised"
    CHILD = "child"
    FIRST_USE = "first_use"
    NEW_MERCHANT = "new_merchant"
    NEW_COUNTRY = "new_country"
    ABROAD = "abroad"
    COUNTRY_CHANGED = "country_changed"
    NIGHT = "night"


class Is(enum.StrEnum):
    """How a number compares."""

    LESS = "less"
    AT_MOST = "at_most"
    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    AT_LEAST = "at_least"
    MORE = "more"


_COMPARES = {Is.LESS: lt, Is.AT_MOST: le, Is.EQUAL: eq, Is.NOT_EQUAL: ne, Is.AT_LEAST: ge, Is.MORE: gt}


class Compared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="on", tag="number"):
    """A number is less than, equal to or more than `to`."""

    feature: Annotated[Number, Meta(examples=["declines_15m"])]
    is_: Annotated[Is, Meta(examples=["at_least"])] = msgspec.field(name="is")
    to: Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1, examples=[3])]


class Among(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="on", tag="text"):
    """A text is one of `values`, or none of them where `none` is set."""

    feature: Annotated[Text, Meta(examples=["category"])]
    values: Annotated[
        tuple[Annotated[str, Meta(max_length=40, pattern=r"^[\x20-\x7e]*$(?!\n)")], ...],
        Meta(min_length=1, max_length=100, examples=[["6051"]]),
    ]
    none: bool = False


class Flagged(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="on", tag="flag"):
    """A flag is set, or is not."""

    feature: Annotated[Flag, Meta(examples=["new_merchant"])]
    set: Annotated[bool, Meta(examples=[True])] = True


Condition = Compared | Among | Flagged


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Holds where any of its conditions does."""

    any_of: Annotated[tuple[Condition, ...], Meta(min_length=1, max_length=8)]


#: Holds where all groups do.
When = Annotated[tuple[Group, ...], Meta(min_length=1, max_length=8)]

Holds = Callable[[Features], bool]


class Because(msgspec.Struct, frozen=True, kw_only=True):
    """Why a rule applied: a condition that held, and the value it found."""

    condition: Condition
    value: int | str | bool


def compiled(when: Sequence[Group]) -> Holds:
    """Make one function of it: of names and values known beforehand, nothing is evaluated."""
    groups = [[_holds(condition) for condition in group.any_of] for group in when]

    def holds(features: Features) -> bool:
        for group in groups:
            for condition in group:
                if condition(features):
                    break
            else:
                return False
        return True

    return holds


def because(when: Sequence[Group], features: Features) -> tuple[Because, ...]:
    """Name every condition that held, in the order they are written."""
    return tuple(
        Because(condition=condition, value=getattr(features, condition.feature.value))
        for group in when
        for condition in group.any_of
        if _holds(condition)(features)
    )


def _holds(condition: Condition) -> Holds:
    value = attrgetter(condition.feature.value)
    match condition:
        case Compared(is_=how, to=to):
            compares = _COMPARES[how]
            return lambda features: compares(value(features), to)
        case Among(values=values, none=none):
            known = frozenset(values)
            return lambda features: (value(features) in known) is not none
        case Flagged(set=wanted):
            return lambda features: value(features) is wanted
