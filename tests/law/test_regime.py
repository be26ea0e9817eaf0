"""The regime: what the operator may do on a day, and how much of it."""

from datetime import date, timedelta

import msgspec
import pytest

from law.money import KZT, Money
from law.regime import (
    POLICY,
    PROGRAMME,
    BadProgramme,
    CapReached,
    Caps,
    NoRegime,
    Notice,
    Phase,
    Programme,
    Regime,
    bound,
    ensure_cards,
    ensure_customers,
    ensure_turnover,
)
from law.seed import THRESHOLDS
from law.threshold import Rule, Thresholds, Unit

DAY = timedelta(days=1)
LICENCE = date(2027, 6, 1)


def regime(phase: Phase, begins: date, ends: date | None, *, caps: Caps | None = None) -> Regime:
    return Regime(
        phase=phase,
        basis=f"basis of {phase}",
        begins=begins,
        ends=ends,
        caps=caps or Caps(),
        notice=Notice(version="1", texts={"kk": "а", "ru": "б", "en": "c"}),
        policy=POLICY,
        reports=frozenset({"sandbox"}),
        source="a test",
    )


def test_the_regime_changes_on_its_day() -> None:
    programme = Programme(
        [
            regime(Phase.LICENSED, LICENCE, None),
            regime(Phase.SANDBOX, date(2026, 5, 1), date(2027, 3, 1)),
            regime(Phase.TRANSITION, date(2027, 3, 1), LICENCE),
        ]
    )

    assert programme.at(date(2026, 5, 1)).phase is Phase.SANDBOX
    assert programme.at(date(2027, 3, 1) - DAY).phase is Phase.SANDBOX
    assert programme.at(date(2027, 3, 1)).phase is Phase.TRANSITION
    assert programme.at(LICENCE).phase is Phase.LICENSED


@pytest.mark.parametrize("on", [date(2026, 4, 30), date(2027, 3, 1), date(2027, 5, 31)])
def test_without_a_regime_nothing_may_be_issued(on: date) -> None:
    programme = Programme(
        [regime(Phase.SANDBOX, date(2026, 5, 1), date(2027, 3, 1)), regime(Phase.LICENSED, LICENCE, None)]
    )

    with pytest.raises(NoRegime):
        programme.at(on)


@pytest.mark.parametrize(
    "regimes",
    [
        [regime(Phase.SANDBOX, date(2026, 5, 1), None), regime(Phase.LICENSED, LICENCE, None)],
        [regime(Phase.SANDBOX, date(2026, 5, 1), LICENCE + DAY), regime(Phase.LICENSED, LICENCE, None)],
        [regime(Phase.LICENSED, date(2026, 5, 1), LICENCE), regime(Phase.SANDBOX, LICENCE, None)],
    ],
    ids=["two for ever", "one day twice", "back to the sandbox"],
)
def test_a_programme_that_contradicts_itself_is_refused(regimes: list[Regime]) -> None:
    with pytest.raises(BadProgramme):
        Programme(regimes)


def test_a_notice_is_in_three_languages() -> None:
    silent = msgspec.structs.replace(
        regime(Phase.SANDBOX, date(2026, 5, 1), None), notice=Notice(version="1", texts={"kk": "а", "en": "c"})
    )

    with pytest.raises(BadProgramme):
        Programme([silent])


def test_the_last_one_fits_and_the_next_does_not() -> None:
    capped = regime(
        Phase.SANDBOX,
        date(2026, 5, 1),
        None,
        caps=Caps(customers=2, cards=500, cards_per_customer=3, turnover_month=Money(1_000_00, KZT)),
    )

    ensure_customers(capped, after=2)
    ensure_cards(capped, after=500, of_customer_after=3)
    ensure_turnover(capped, month_after=Money(1_000_00, KZT))
    with pytest.raises(CapReached, match="'customers', 2"):
        ensure_customers(capped, after=3)
    with pytest.raises(CapReached, match="'cards', 500"):
        ensure_cards(capped, after=501, of_customer_after=1)
    with pytest.raises(CapReached, match="'cards_per_customer', 3"):
        ensure_cards(capped, after=10, of_customer_after=4)
    with pytest.raises(CapReached, match="'turnover_month', 100000"):
        ensure_turnover(capped, month_after=Money(1_000_01, KZT))


def test_a_licensed_operator_without_caps_has_none() -> None:
    licensed = regime(Phase.LICENSED, LICENCE, None)

    ensure_customers(licensed, after=10**9)
    ensure_cards(licensed, after=10**9, of_customer_after=10**6)
    ensure_turnover(licensed, month_after=Money(2**62, KZT))


def test_the_house_begins_in_the_sandbox_and_tells_consumers() -> None:
    today = PROGRAMME.at(date(2026, 11, 22))

    assert today.phase is Phase.SANDBOX
    assert set(today.notice.texts) == {"kk", "ru", "en"}
    assert "sandbox" in today.reports


def test_regimes_are_loaded_as_they_were_dumped() -> None:
    assert Programme.load(PROGRAMME.dump()).regimes == PROGRAMME.regimes


@pytest.mark.parametrize(
    ("draft", "before", "after"),
    [
        ("card.nonresident.active_max", 5, 1),
        ("card.nonresident.reverify_days_max", 365, 30),
        ("card.nonresident.in_person_only", True, False),
    ],
)
def test_a_draft_binds_from_the_day_it_is_law_with_no_other_change(draft: str, before: object, after: object) -> None:
    today = date(2026, 11, 22)
    coming = [msgspec.structs.replace(rule, in_force_on=today) for rule in THRESHOLDS if rule.name == draft]
    law = Thresholds([*coming, *(rule for rule in THRESHOLDS if rule.name != draft)])

    assert _bound_to(draft, bound(PROGRAMME.at(today), law, today - DAY)) == before
    assert _bound_to(draft, bound(PROGRAMME.at(today), law, today)) == after


def _bound_to(draft: str, regime: Regime) -> object:
    return {
        "card.nonresident.active_max": regime.caps.cards_per_customer,
        "card.nonresident.reverify_days_max": regime.policy.reverify_days,
        "card.nonresident.in_person_only": regime.policy.remote_issuance,
    }[draft]


def test_the_law_widens_nothing() -> None:
    today = date(2026, 11, 22)
    few = msgspec.structs.replace(PROGRAMME.at(today), caps=Caps(cards_per_customer=1))
    lax = Rule(name="card.nonresident.active_max", value=9, unit=Unit.COUNT, source="a rule", in_force_on=today)
    law = Thresholds([lax, *(rule for rule in THRESHOLDS if rule.name != lax.name)])

    assert bound(few, law, today).caps.cards_per_customer == 1
