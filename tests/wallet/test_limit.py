"""Limits: which rule bounds what for whom, on which day; the figures of the law and of the operator."""

from datetime import UTC, date, datetime

import pytest

from law.threshold import State
from wallet import limit
from wallet.limit import BOUNDS, LIMITS, OUT, Level, Measure, Operation, Profile, Used
from wallet.policy import RULES

TODAY = date(2026, 11, 22)
THREE_MCI = 12_975_00
FIFTY_MCI = 216_250_00

UNKNOWN = Profile(Level.UNIDENTIFIED, e_resident=False)
EXPIRED = Profile(Level.SIMPLIFIED, e_resident=True)
KNOWN = Profile(Level.IDENTIFIED, e_resident=True)
FORMER = Profile(Level.IDENTIFIED, e_resident=False)


def most(who: Profile, on: date = TODAY) -> dict[str, int]:
    return {each.limit.name: each.most for each in limit.ceilings(who, on)}


@pytest.mark.parametrize(
    ("who", "name", "tiyn", "rule"),
    [
        (UNKNOWN, "spending.operation", THREE_MCI, "emoney.unidentified.operation_max"),
        (UNKNOWN, "spending.day", THREE_MCI, "emoney.unidentified.day_max"),
        (UNKNOWN, "stored.balance", THREE_MCI, "emoney.unidentified.balance_max"),
        (EXPIRED, "spending.operation", FIFTY_MCI, "emoney.identify_above"),
        (EXPIRED, "spending.day", FIFTY_MCI, "operator.simplified.day_max"),
        (EXPIRED, "spending.month", 3 * FIFTY_MCI, "operator.not_identified.month_max"),
        (EXPIRED, "stored.balance", 2 * FIFTY_MCI, "operator.simplified.balance_max"),
        (KNOWN, "spending.operation", 50_000_000_00, "operator.spending.operation_max"),
        (KNOWN, "transfers.operation", 10_000_000_00, "operator.transfers.operation_max"),
        (KNOWN, "transfers.day", 20_000_000_00, "operator.transfers.day_max"),
        (KNOWN, "transfers.month", 100_000_000_00, "operator.transfers.month_max"),
        (KNOWN, "cards.day", 10_000_000_00, "operator.cards.day_max"),
        (FORMER, "transfers.operation", 1_000_000_00, "operator.former.transfers.operation_max"),
        (FORMER, "transfers.day", 3_000_000_00, "operator.former.transfers.day_max"),
        (FORMER, "payouts.day", 50_000_000_00, "operator.payouts.day_max"),
    ],
)
def test_who_somebody_is_decides_by_which_rule_they_are_bound(who: Profile, name: str, tiyn: int, rule: str) -> None:
    [found] = [each for each in limit.ceilings(who, TODAY) if each.limit.name == name]

    assert (found.most, found.rule.name) == (tiyn, rule)
    assert found.rule.source
    assert found.rule.state(TODAY) is State.IN_FORCE


def test_whoever_is_identified_may_store_what_they_want() -> None:
    assert "stored.balance" not in most(KNOWN)


def test_everybody_has_every_other_limit() -> None:
    for who in (UNKNOWN, EXPIRED, KNOWN, FORMER):
        assert set(LIMITS) - {"stored.balance"} <= set(most(who))


@pytest.mark.parametrize("name", LIMITS)
def test_being_better_known_never_lowers_a_limit(name: str) -> None:
    for standing in (True, False):
        by_level = [most(Profile(level, standing)).get(name) for level in Level]
        found = [each if each is not None else float("inf") for each in by_level]

        assert found == sorted(found)


def test_the_way_out_of_whoever_is_no_e_resident_is_as_wide_as_before() -> None:
    assert {name: most(FORMER)[name] for name in LIMITS if name.startswith("payouts")} == {
        name: most(KNOWN)[name] for name in LIMITS if name.startswith("payouts")
    }


def test_a_rule_holds_from_its_day_and_at_that_days_index() -> None:
    assert "spending.day" not in most(UNKNOWN, date(2026, 3, 17))
    assert most(UNKNOWN, date(2026, 3, 18))["spending.day"] == 3 * 4_325_00


def test_every_bound_names_a_limit_and_a_rule_that_exist() -> None:
    for name, rule, _ in BOUNDS:
        assert name in LIMITS
        RULES.at(rule, TODAY)


@pytest.mark.parametrize("operation", Operation)
def test_every_operation_is_under_a_limit_for_whoever_is_not_identified(operation: Operation) -> None:
    measures = {each.limit.measure for each in limit.over(UNKNOWN, TODAY, operation)}

    assert measures >= ({Measure.OPERATION, Measure.DAY} if operation in OUT else {Measure.BALANCE})


def test_what_was_spent_is_summed_over_the_operations_of_a_limit() -> None:
    used = Used({Operation.PAYOUT: 5, Operation.PAYOUT_OWN: 7, Operation.CARD: 100}, {Operation.PAYOUT: 50})

    assert limit.spent(LIMITS["payouts.day"], used) == 12
    assert limit.spent(LIMITS["payouts.month"], used) == 50
    assert limit.spent(LIMITS["spending.day"], used) == 112
    assert limit.spent(LIMITS["payouts.operation"], used) == 0


def test_days_and_months_end_at_midnight_in_kazakhstan() -> None:
    assert limit.ends(Measure.DAY, date(2026, 12, 31)) == datetime(2026, 12, 31, 19, tzinfo=UTC)
    assert limit.ends(Measure.MONTH, date(2028, 2, 29)) == datetime(2028, 2, 29, 19, tzinfo=UTC)
    assert limit.ends(Measure.OPERATION, TODAY) is None
