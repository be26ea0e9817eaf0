"""Defects that the machine of test_machine.py must find: without them nobody knows that its laws can fail."""

from types import ModuleType

import pytest

from app.settings import Settings
from cards.payments import (
    booking,
    clearing,
    expiry,
    funds,
    matching,
    recovery,
    refund,
    reversal,
    sums,
    swipe,
    twice,
)
from tests.cards.payments.test_machine import RICH, run
from tests.planted import planted

#: Each lets one thing be wrong that the machine must find.
DEFECTS = {
    "an advice that is promised again": (twice, "told.subject or told.element", "told.element"),
    "a refund that is paid again with the next": (funds, "now.refunded - was.refunded", "now.refunded"),
    "a promise that gives way twice": (matching, "amount.minor - before, 0", "amount.minor, 0"),
    "a hold that stays as large as it was": (funds, "min(now.wanted, held(tray, after))", "held(tray, after)"),
    "a question that ignores what overtook it": (funds, "min(sums.wanted, ", "min(payment.elements[-1].amount, "),
    "a clearing that is not given back": (sums, "return min(self.taken_back, self.taken)", "return 0"),
    "a refund that is not taken back": (sums, "max(amount - self.taken_back, 0)", "amount"),
    "a reversal of one that counts against all": (sums, "min(more, promised)", "more"),
    "a promise that stands after it ran out": (sums, "- self.claimed - self.expired", "- self.claimed"),
}


@pytest.mark.parametrize(
    "defect",
    [pytest.param(each, marks=pytest.mark.nightly if place else ()) for place, each in enumerate(DEFECTS)],
)
def test_a_planted_defect_is_found(
    settings: Settings, database: str, monkeypatch: pytest.MonkeyPatch, defect: str
) -> None:
    wrong: ModuleType = planted(*DEFECTS[defect])
    name = wrong.__name__.rpartition(".")[2]
    for module in (booking, clearing, expiry, matching, recovery, refund, reversal, swipe):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, wrong)
    if name == "sums":
        monkeypatch.setattr("cards.payments.payment.add_up", wrong.add_up)

    with pytest.raises(AssertionError):
        run(settings, database, has=RICH, examples=150, steps=20)
