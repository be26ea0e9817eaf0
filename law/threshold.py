"""Legal thresholds: numbers that acts fix, each with its source and the dates on which its legal state changed.

Most of Decree 1242 is a mandate to make law. A row that is only announced is therefore found by `planned`, to be
shown as planned; `value`, by which the house decides, answers with law in force on the day asked about, nothing else.
"""

import enum
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import pairwise

import msgspec

from law.money import KZT, Money


class State(enum.StrEnum):
    """How far a rule has come."""

    ANNOUNCED = "announced"
    ENACTED = "enacted"
    IN_FORCE = "in_force"
    REPEALED = "repealed"


class Unit(enum.StrEnum):
    """What the number counts: tiyn, US cents, multiples of the monthly calculation index (MCI), days and so on."""

    MINOR = "kzt_minor"
    USD_MINOR = "usd_minor"
    MCI = "mci"
    COUNT = "count"
    DAYS = "days"
    WORKING_DAYS = "working_days"
    MONTHS = "months"
    YEARS = "years"
    SWITCH = "switch"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One value of one threshold. The dates are Asia/Almaty days on which a state begins, at 00:00.

    `expected_by` is when an act ordered this rule to be made, `clause` the decree's clause, `note` what we assume.
    """

    name: str
    value: int
    unit: Unit
    source: str
    announced_on: date | None = None
    enacted_on: date | None = None
    in_force_on: date | None = None
    repealed_on: date | None = None
    expected_by: date | None = None
    clause: str = ""
    note: str = ""

    def state(self, on: date) -> State | None:
        """Answer how far the rule had come on the day `on`; None before anyone announced it."""
        reached = None
        for begins, state in self.steps():
            if begins <= on:
                reached = state
        return reached

    def steps(self) -> list[tuple[date, State]]:
        """List the dated states, in the order every rule passes them."""
        dates = (self.announced_on, self.enacted_on, self.in_force_on, self.repealed_on)
        return [(begins, state) for begins, state in zip(dates, State, strict=True) if begins is not None]


class UnknownThreshold(Exception):
    """No row has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NotInForce(Exception):
    """The rule isn't law on the day asked about; carries what is known of it, for the person who asked."""

    def __init__(self, name: str, on: date, latest: Rule) -> None:
        super().__init__(name, on)
        self.name = name
        self.on = on
        self.state = latest.state(on)
        self.clause = latest.clause
        self.expected_by = latest.expected_by


class BadRule(Exception):
    """A row contradicts itself or another row of its name."""

    def __init__(self, rule: Rule, why: str) -> None:
        super().__init__(rule.name, why)
        self.rule = rule
        self.why = why


class Thresholds:
    """All rows of an installation, looked up by name and Almaty date."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Take the rows, in any order; raises BadRule where they contradict each other."""
        self._by_name: dict[str, list[Rule]] = {}
        for rule in rules:
            _check(rule)
            self._by_name.setdefault(rule.name, []).append(rule)
        for rows in self._by_name.values():
            rows.sort(key=lambda rule: rule.steps()[0])
            _check_periods(rows)

    def __iter__(self) -> Iterator[Rule]:
        """Go through all rows by name, then by the day they were first heard of."""
        return (rule for name in sorted(self._by_name) for rule in self._by_name[name])

    @classmethod
    def load(cls, rows: bytes) -> "Thresholds":
        """Read a JSON array of rows, such as `dump` wrote; raises msgspec.ValidationError, BadRule."""
        return cls(msgspec.json.decode(rows, type=list[Rule]))

    def dump(self) -> bytes:
        """Write all rows as a JSON array."""
        return msgspec.json.encode(list(self))

    def find(self, name: str, on: date) -> Rule | None:
        """Answer the row in force on the day `on`, None if there is none; raises UnknownThreshold."""
        return next((rule for rule in self._rows(name) if rule.state(on) is State.IN_FORCE), None)

    def at(self, name: str, on: date) -> Rule:
        """Answer the row in force on the day `on`; raises NotInForce, UnknownThreshold."""
        rule = self.find(name, on)
        if rule is None:
            raise NotInForce(name, on, self._rows(name)[-1])
        return rule

    def value(self, name: str, on: date) -> int:
        """Answer the number in force on the day `on`, in the row's unit; raises NotInForce, UnknownThreshold."""
        return self.at(name, on).value

    def money(self, name: str, on: date) -> Money:
        """Answer the tenge in force on the day `on`, at that day's index; raises NotInForce, UnknownThreshold."""
        rule = self.at(name, on)
        if rule.unit is Unit.MCI:
            return Money(rule.value * self.value("mci", on), KZT)
        if rule.unit is not Unit.MINOR:
            raise BadRule(rule, f"{rule.unit} is not an amount of tenge")
        return Money(rule.value, KZT)

    def planned(self, name: str, on: date) -> Rule | None:
        """Answer the row that is announced or enacted but not in force on the day `on`; of several the furthest."""
        coming = [rule for rule in self._rows(name) if rule.state(on) in {State.ANNOUNCED, State.ENACTED}]
        return max(coming, key=lambda rule: (rule.state(on) is State.ENACTED, rule.steps()[-1]), default=None)

    def _rows(self, name: str) -> list[Rule]:
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownThreshold(name) from None


def _check(rule: Rule) -> None:
    days = [day for day, _ in rule.steps()]
    if not days:
        raise BadRule(rule, "has no date")
    if days != sorted(days):
        raise BadRule(rule, "passes its states in the wrong order")
    if not rule.source:
        raise BadRule(rule, "has no source")


def _check_periods(rows: list[Rule]) -> None:
    """Refuse two rows of one name in force on one day."""
    law = sorted((rule for rule in rows if rule.in_force_on), key=lambda rule: rule.in_force_on or date.min)
    for earlier, later in pairwise(law):
        if earlier.repealed_on is None or (later.in_force_on and earlier.repealed_on > later.in_force_on):
            raise BadRule(later, f"is in force beside the row of {earlier.in_force_on}")
