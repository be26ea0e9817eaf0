"""Reasons: each with its ground, given only for what it may be given for."""

from datetime import date

import pytest

from residency import reason
from residency.reason import Use
from residency.rules import RULES


def test_every_reason_stands_on_a_legal_ground() -> None:
    assert all(known.ground and known.uses and known.code == code for code, known in reason.CATALOGUE.items())


@pytest.mark.parametrize("use", Use)
def test_there_is_a_reason_for_everything_that_needs_one(use: Use) -> None:
    assert any(use in known.uses for known in reason.CATALOGUE.values())


@pytest.mark.parametrize(("code", "use"), [(None, Use.REFUSE), ("mood", Use.REFUSE), ("under_age", Use.ASK)])
def test_no_reason_or_one_for_something_else_is_refused(code: str | None, use: Use) -> None:
    with pytest.raises(reason.UnknownReason):
        reason.of(code, use)


@pytest.mark.parametrize(
    ("decided_on", "until"),
    [(date(2026, 9, 21), date(2026, 12, 21)), (date(2026, 11, 30), date(2027, 2, 28))],
)
def test_a_complaint_may_be_made_for_three_months(decided_on: date, until: date) -> None:
    assert reason.complain_until(decided_on, RULES) == until
