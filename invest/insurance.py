"""How much of a deposit the Deposit Insurance Fund would pay back, should the bank fail.

Per depositor and bank there is a limit for each class of deposits and one for all together, both effective-dated in
`law`. Counted is principal without interest not yet paid. What the client holds at the bank outside this programme is
not known here, so the answer is the most that can be covered, and the preview says so.

source     product.md F-50: Fund's limits since 11 January 2022
"""

from datetime import date

import msgspec

from invest.product import InsuranceClass
from law.money import KZT, Money, zero
from law.threshold import Thresholds

_LIMIT = {
    InsuranceClass.SAVINGS: "deposit.insured.savings_kzt_max",
    InsuranceClass.OTHER: "deposit.insured.other_kzt_max",
}
_TOTAL = "deposit.insured.total_max"


class Held(msgspec.Struct, frozen=True):
    """What a client has placed at one bank through this programme: of one class, and of all insured ones."""

    of_class: Money
    insured: Money


class Cover(msgspec.Struct, frozen=True, kw_only=True):
    """`covered` + `uncovered` is the amount asked about; `limit` is None where no guarantee applies at all."""

    insurance: InsuranceClass
    limit: Money | None
    covered: Money
    uncovered: Money


def cover(amount: Money, insurance: InsuranceClass, held: Held, thresholds: Thresholds, on: date) -> Cover:
    """Say how much of `amount` would be guaranteed on top of what is `held` already, by the limits of the day `on`."""
    if insurance is InsuranceClass.NONE or amount.currency is not KZT:
        nothing = zero(amount.currency)
        return Cover(insurance=insurance, limit=None, covered=nothing, uncovered=amount)
    limit = thresholds.money(_LIMIT[insurance], on)
    room = min(limit - held.of_class, thresholds.money(_TOTAL, on) - held.insured)
    covered = min(amount, max(room, zero(KZT)))
    return Cover(insurance=insurance, limit=limit, covered=covered, uncovered=amount - covered)
