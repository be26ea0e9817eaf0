"""The operator's own limits: rows like those of the law, each with its source, its state and its days.

The law fixes what unidentified owners of e-money may do (law/seed.py); above it the operator sets what its risk rules
allow (F-47). A changed figure is a new row, never an edit: who asks why a payment was refused last month is answered
by last month's rows.
"""

from datetime import date

from law.money import KZT, Money
from law.seed import THRESHOLDS
from law.threshold import Rule, Thresholds, Unit

_FIRST_DAY = date(2026, 4, 25)
_SOURCE = "Operator's limits of 25 Apr 2026 under its internal-control rules (order 36 / resolution 90 of 20 Oct 2022)"


def _own(name: str, tenge: int) -> Rule:
    return Rule(
        name=f"operator.{name}",
        value=Money(tenge * 100, KZT).minor,
        unit=Unit.MINOR,
        source=_SOURCE,
        announced_on=_FIRST_DAY,
        in_force_on=_FIRST_DAY,
    )


#: What the operator sets for everybody who is identified, for those whose document has run out, and for those who are
#: no e-residents any more, whose way out is never narrower than an e-resident's.
OPERATOR = (
    _own("spending.operation_max", 50_000_000),
    _own("spending.day_max", 100_000_000),
    _own("spending.month_max", 500_000_000),
    _own("transfers.operation_max", 10_000_000),
    _own("transfers.day_max", 20_000_000),
    _own("transfers.month_max", 100_000_000),
    _own("payouts.operation_max", 20_000_000),
    _own("payouts.day_max", 50_000_000),
    _own("payouts.month_max", 300_000_000),
    _own("cards.operation_max", 5_000_000),
    _own("cards.day_max", 10_000_000),
    _own("cards.month_max", 50_000_000),
    _own("exchange.operation_max", 20_000_000),
    _own("exchange.day_max", 50_000_000),
    _own("exchange.month_max", 300_000_000),
    _own("invest.operation_max", 50_000_000),
    _own("invest.day_max", 50_000_000),
    _own("invest.month_max", 300_000_000),
    _own("former.transfers.operation_max", 1_000_000),
    _own("former.transfers.day_max", 3_000_000),
    _own("former.transfers.month_max", 10_000_000),
    Rule(
        name="operator.simplified.day_max",
        value=50,
        unit=Unit.MCI,
        source=_SOURCE,
        announced_on=_FIRST_DAY,
        in_force_on=_FIRST_DAY,
        note="the law bounds the operation at 50 MCI; the day is the operator's reading of the same bound",
    ),
    Rule(
        name="operator.not_identified.month_max",
        value=150,
        unit=Unit.MCI,
        source=_SOURCE,
        announced_on=_FIRST_DAY,
        in_force_on=_FIRST_DAY,
    ),
    Rule(
        name="operator.simplified.balance_max",
        value=100,
        unit=Unit.MCI,
        source=_SOURCE,
        announced_on=_FIRST_DAY,
        in_force_on=_FIRST_DAY,
    ),
)

#: The law's rows and the operator's, looked up by one name.
RULES = Thresholds([*THRESHOLDS, *OPERATOR])
