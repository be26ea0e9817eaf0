"""The four bands of risk and what follows from each: dated rows with their source, like every threshold.

A band is at least what the score says and at least the highest floor of a rule that applied; what follows from it is
here, and nowhere an `if`.
"""

import enum
from datetime import date

import msgspec

from law.threshold import Rule, Thresholds, Unit


class Band(enum.StrEnum):
    """How risky a relation is. The order is that of risk; PROHIBITED is reached by a floor alone, never by points."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    PROHIBITED = "prohibited"

    @property
    def rank(self) -> int:
        """Its place, from 0."""
        return _ORDER.index(self)


_ORDER = tuple(Band)


def worst(*bands: Band) -> Band:
    """Give the riskiest of `bands`; LOW of none."""
    return max(bands, key=lambda band: band.rank, default=Band.LOW)


class Scale(msgspec.Struct, frozen=True):
    """The points from which on a score is of a band."""

    medium_from: int
    high_from: int

    def band(self, score: int) -> Band:
        """Say of which band a score is."""
        if score >= self.high_from:
            return Band.HIGH
        return Band.MEDIUM if score >= self.medium_from else Band.LOW


_OPERATOR = (
    "the operator's internal-control rules under Law 191-IV, art. 11, and AIFC AML Rules, 4.1.3 and chapter 5: "
    "customers are assessed by risk and looked at again accordingly; neither act fixes the number"
)
_SINCE = date(2026, 4, 25)  # the decree's day: nothing here is older


def _row(name: str, value: int, unit: Unit, note: str) -> Rule:
    return Rule(name=f"risk.{name}", value=value, unit=unit, source=_OPERATOR, in_force_on=_SINCE, note=note)


#: A changed number is a new row; the old one is repealed on the day the new one begins.
TERMS = Thresholds(
    (
        _row("medium_from", 25, Unit.COUNT, "points of a score"),
        _row("high_from", 60, Unit.COUNT, "points of a score"),
        _row("review.low", 36, Unit.MONTHS, "from the last time the person was verified"),
        _row("review.medium", 24, Unit.MONTHS, "from the last time the person was verified"),
        _row("review.high", 12, Unit.MONTHS, "from the last time the person was verified"),
        _row("review.prohibited", 12, Unit.MONTHS, "as high: nobody stays here, an officer ends the relation"),
        _row("review.grace", 30, Unit.DAYS, "from when the person was asked to when the relation is suspended"),
        _row("judged.again", 1, Unit.MONTHS, "how often everybody is judged anew, though nothing was learnt"),
        _row("exposure.again", 30, Unit.DAYS, "how often offices and publications are asked about anew"),
        _row("turnover.far_above", 300, Unit.COUNT, "percent of the turnover that was declared, in 30 days"),
    )
)


def scale(on: date) -> Scale:
    """Give the scale of a day; raises law.threshold.NotInForce."""
    return Scale(TERMS.value("risk.medium_from", on), TERMS.value("risk.high_from", on))
