"""Thresholds: law is what is in force on the day asked about."""

from datetime import date, timedelta

import pytest

from law.money import KZT, Money
from law.seed import THRESHOLDS
from law.threshold import BadRule, NotInForce, Rule, State, Thresholds, Unit, UnknownThreshold

DAY = timedelta(days=1)
DECREE = date(2026, 4, 25)


def rule(
    value: int = 1,
    *,
    announced_on: date | None = None,
    enacted_on: date | None = None,
    in_force_on: date | None = None,
    repealed_on: date | None = None,
) -> Rule:
    return Rule(
        name="fee",
        value=value,
        unit=Unit.MCI,
        source="an act",
        announced_on=announced_on,
        enacted_on=enacted_on,
        in_force_on=in_force_on,
        repealed_on=repealed_on,
    )


def test_a_rule_passes_its_states_on_their_days() -> None:
    announced, enacted, in_force, repealed = (date(2026, month, 1) for month in (1, 2, 3, 4))
    passing = rule(announced_on=announced, enacted_on=enacted, in_force_on=in_force, repealed_on=repealed)

    assert passing.state(announced - DAY) is None
    assert passing.state(announced) is State.ANNOUNCED
    assert passing.state(enacted - DAY) is State.ANNOUNCED
    assert passing.state(enacted) is State.ENACTED
    assert passing.state(in_force - DAY) is State.ENACTED
    assert passing.state(in_force) is State.IN_FORCE
    assert passing.state(repealed - DAY) is State.IN_FORCE
    assert passing.state(repealed) is State.REPEALED


@pytest.mark.parametrize(
    ("name", "on", "value"),
    [
        ("mci", date(2025, 12, 31), 3_932_00),
        ("mci", date(2026, 1, 1), 4_325_00),
        ("emoney.unidentified.balance_max", date(2026, 3, 18), 3),
        ("emoney.identify_above", date(2026, 11, 1), 50),
        ("card.nonresident.validity_months_max", date(2025, 1, 19), 12),
        ("card.per_bank_risk_sign_above", date(2025, 1, 18), 10),
        ("card.per_bank_risk_sign_above", date(2025, 1, 19), 5),
        ("deposit.insured.savings_kzt_max", date(2026, 11, 1), 20_000_000_00),
        ("deposit.insured.other_kzt_max", date(2026, 11, 1), 10_000_000_00),
        ("deposit.insured.foreign_max", date(2026, 11, 1), 5_000_000_00),
        ("tax.aifc.presence_days_min", date(2026, 11, 1), 90),
        ("tax.aifc.certificate_fee", date(2026, 11, 1), 7_000),
        ("case.decision_days_max", date(2026, 11, 1), 15),
    ],
)
def test_the_law_of_a_day(name: str, on: date, value: int) -> None:
    assert THRESHOLDS.value(name, on) == value


@pytest.mark.parametrize(
    ("name", "on", "minor"),
    [
        ("emoney.unidentified.operation_max", date(2026, 3, 18), 12_975_00),
        ("emoney.unidentified.balance_max", date(2026, 11, 1), 12_975_00),
        ("emoney.unidentified.day_max", date(2026, 11, 1), 12_975_00),
        ("emoney.identify_above", date(2025, 12, 31), 196_600_00),
        ("emoney.identify_above", date(2026, 1, 1), 216_250_00),
        ("tax.aifc.certificate_fee", date(2026, 11, 1), 30_275_000_00),
    ],
)
def test_multiples_of_the_index_take_the_index_of_the_day(name: str, on: date, minor: int) -> None:
    assert THRESHOLDS.money(name, on) == Money(minor, KZT)


def test_a_limit_does_not_bind_before_its_day() -> None:
    with pytest.raises(NotInForce):
        THRESHOLDS.at("emoney.unidentified.balance_max", date(2026, 3, 17))
    assert THRESHOLDS.find("emoney.unidentified.balance_max", date(2026, 3, 17)) is None


DECREED = [row for row in THRESHOLDS if row.clause]


@pytest.mark.parametrize("row", DECREED, ids=lambda row: row.name)
def test_a_clause_of_the_decree_is_planned_but_not_law(row: Rule) -> None:
    on = date(2026, 11, 22)

    assert THRESHOLDS.planned(row.name, on) is row
    assert row.announced_on == DECREE
    assert THRESHOLDS.planned(row.name, DECREE - DAY) is None
    in_force = THRESHOLDS.find(row.name, on)
    assert in_force is None or (not in_force.clause and in_force.value != row.value)


def test_whoever_asks_for_a_planned_right_learns_the_clause_and_the_date() -> None:
    with pytest.raises(NotInForce) as refused:
        THRESHOLDS.at("altyn.resident_id", date(2026, 11, 22))

    assert (refused.value.state, refused.value.clause) == (State.ANNOUNCED, "D2.6")
    assert refused.value.expected_by == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("visa", "months"),
    [("tax_resident", 0), ("business", 1), ("skilled_worker", 6), ("it_specialist", 1), ("temporary_worker", 12)],
)
def test_the_decree_announces_how_long_each_visa_waits(visa: str, months: int) -> None:
    planned = THRESHOLDS.planned(f"altyn.wait_months.{visa}", DECREE)

    assert planned is not None
    assert planned.value == months


def test_an_act_switches_the_rule_on_its_day_only() -> None:
    begins = date(2027, 1, 1)
    old = rule(value=90, in_force_on=date(2025, 1, 1), repealed_on=begins)
    new = rule(value=30, announced_on=DECREE, enacted_on=date(2026, 12, 20), in_force_on=begins)
    rows = Thresholds([new, old])

    assert rows.value("fee", begins - DAY) == 90
    assert rows.value("fee", begins) == 30
    assert rows.planned("fee", begins - DAY) is new
    assert rows.planned("fee", begins) is None


def test_an_enacted_rule_is_planned_before_one_only_announced() -> None:
    enacted = rule(value=2, announced_on=date(2026, 1, 1), enacted_on=date(2026, 2, 1))
    announced = rule(value=3, announced_on=date(2026, 3, 1))

    assert Thresholds([enacted, announced]).planned("fee", date(2026, 4, 1)) is enacted


def test_rows_are_loaded_as_they_were_dumped() -> None:
    assert list(Thresholds.load(THRESHOLDS.dump())) == list(THRESHOLDS)


@pytest.mark.parametrize(
    "rows",
    [
        [rule()],
        [rule(announced_on=date(2026, 2, 1), in_force_on=date(2026, 1, 1))],
        [rule(in_force_on=date(2026, 1, 1)), rule(value=2, in_force_on=date(2026, 2, 1))],
        [
            rule(in_force_on=date(2026, 1, 1), repealed_on=date(2026, 2, 2)),
            rule(value=2, in_force_on=date(2026, 2, 1)),
        ],
        [Rule(name="fee", value=1, unit=Unit.MCI, source="", in_force_on=date(2026, 1, 1))],
    ],
    ids=["no date", "backwards", "two for ever", "one day too long", "no source"],
)
def test_rows_that_contradict_are_refused(rows: list[Rule]) -> None:
    with pytest.raises(BadRule):
        Thresholds(rows)


def test_days_are_not_money() -> None:
    with pytest.raises(BadRule):
        THRESHOLDS.money("case.decision_days_max", date(2026, 11, 1))


def test_a_name_nobody_knows_is_a_refusal() -> None:
    with pytest.raises(UnknownThreshold):
        THRESHOLDS.find("card.colour", date(2026, 11, 1))
