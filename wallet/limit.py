"""How much a person may spend: which limits there are, which rule bounds each for whom, and what is left of it.

counts     app/allowance.py      under the lane's lock, for a batch
decides    wallet/limit.py       over(), spent()         <- you are here
rules      wallet/policy.py, law/seed.py                figures with source, state and days

Days and months are those of Kazakhstan. A limit is bounded by the lowest rule in force for the person on the day; what
they set for themselves can only be lower.
"""

import enum
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import msgspec

from law import calendar
from law.threshold import Rule, Thresholds
from wallet.policy import RULES


class Operation(enum.StrEnum):
    """What money is moved for. PAYOUT_OWN goes to an account in one's own name; RECEIVE comes in."""

    TRANSFER = "transfer"
    PAYOUT = "payout"
    PAYOUT_OWN = "payout_own"
    EXCHANGE = "exchange"
    CARD = "card"
    INVEST = "invest"
    RECEIVE = "receive"


class Level(enum.StrEnum):
    """How surely the owner of e-money is known (Payments Law, art. 42), the least first."""

    UNIDENTIFIED = "unidentified"
    SIMPLIFIED = "simplified"
    IDENTIFIED = "identified"


class Profile(NamedTuple):
    """Whom a limit is for: how surely they are known, and whether they are e-residents now."""

    level: Level
    e_resident: bool


class Measure(enum.StrEnum):
    """Of what a limit is the most: one operation, a day's, a month's, or what is stored."""

    OPERATION = "operation"
    DAY = "day"
    MONTH = "month"
    BALANCE = "balance"


class Limit(msgspec.Struct, frozen=True):
    """A limit by its name: of which operations together, by which measure."""

    name: str
    measure: Measure
    operations: frozenset[Operation]


class Ceiling(msgspec.Struct, frozen=True):
    """A limit as it stands for somebody on a day: `rule` fixes `most`, in tiyn."""

    limit: Limit
    most: int
    rule: Rule


OUT = frozenset(Operation) - {Operation.RECEIVE}
_GROUPS: dict[str, frozenset[Operation]] = {
    "spending": OUT,
    "transfers": frozenset({Operation.TRANSFER}),
    "payouts": frozenset({Operation.PAYOUT, Operation.PAYOUT_OWN}),
    "cards": frozenset({Operation.CARD}),
    "exchange": frozenset({Operation.EXCHANGE}),
    "invest": frozenset({Operation.INVEST}),
}
_SPENT_BY = (Measure.OPERATION, Measure.DAY, Measure.MONTH)

#: Every limit there is, in the order in which a payment is compared with them.
LIMITS: dict[str, Limit] = {
    name: Limit(name, measure, operations)
    for group, operations in _GROUPS.items()
    for measure in _SPENT_BY
    for name in (f"{group}.{measure}",)
} | {"stored.balance": Limit("stored.balance", Measure.BALANCE, frozenset({Operation.RECEIVE}))}

Whom = Callable[[Profile], bool]


def _unidentified(who: Profile) -> bool:
    return who.level is Level.UNIDENTIFIED


def _simplified(who: Profile) -> bool:
    return who.level is Level.SIMPLIFIED


def _not_identified(who: Profile) -> bool:
    return who.level is not Level.IDENTIFIED


def _former(who: Profile) -> bool:
    return not who.e_resident


def _anybody(_: Profile) -> bool:
    return True


#: Which rule bounds which limit, for whom.
BOUNDS: tuple[tuple[str, str, Whom], ...] = (
    ("spending.operation", "emoney.unidentified.operation_max", _unidentified),
    ("spending.day", "emoney.unidentified.day_max", _unidentified),
    ("stored.balance", "emoney.unidentified.balance_max", _unidentified),
    ("spending.operation", "emoney.identify_above", _simplified),
    ("spending.day", "operator.simplified.day_max", _simplified),
    ("spending.month", "operator.not_identified.month_max", _not_identified),
    ("stored.balance", "operator.simplified.balance_max", _simplified),
    ("transfers.operation", "operator.former.transfers.operation_max", _former),
    ("transfers.day", "operator.former.transfers.day_max", _former),
    ("transfers.month", "operator.former.transfers.month_max", _former),
    *(
        (f"{group}.{measure}", f"operator.{group}.{measure}_max", _anybody)
        for group in _GROUPS
        for measure in _SPENT_BY
    ),
)


class Used(NamedTuple):
    """What a person has spent by operation, in tiyn: on the day, and in its month."""

    day: Mapping[Operation, int]
    month: Mapping[Operation, int]


@lru_cache(maxsize=256)
def ceilings(who: Profile, on: date, rules: Thresholds = RULES) -> tuple[Ceiling, ...]:
    """Give the limits that stand for `who` on the day `on`, in the order of LIMITS; each by its lowest rule."""
    lowest: dict[str, Ceiling] = {}
    for name, rule_name, whom in BOUNDS:
        rule = rules.find(rule_name, on) if whom(who) else None
        if rule is None:
            continue
        most = rules.money(rule_name, on).minor
        if name not in lowest or most < lowest[name].most:
            lowest[name] = Ceiling(LIMITS[name], most, rule)
    return tuple(lowest[name] for name in LIMITS if name in lowest)


@lru_cache(maxsize=2048)
def over(who: Profile, on: date, operation: Operation) -> tuple[Ceiling, ...]:
    """Give those of `ceilings` that an operation is compared with."""
    return tuple(each for each in ceilings(who, on) if operation in each.limit.operations)


def spent(limit: Limit, used: Used) -> int:
    """Sum what was spent of a limit, in tiyn; of one operation or a balance nothing is summed."""
    if limit.measure not in {Measure.DAY, Measure.MONTH}:
        return 0
    window = used.day if limit.measure is Measure.DAY else used.month
    return sum([minor for operation, minor in window.items() if operation in limit.operations])


def ends(measure: Measure, on: date) -> datetime | None:
    """Say when what was counted on the day `on` counts no more; None for what is not counted over time."""
    if measure is Measure.DAY:
        return calendar.day_starts(on + timedelta(days=1))
    if measure is Measure.MONTH:
        return calendar.day_starts(calendar.add_months(on.replace(day=1), 1))
    return None
