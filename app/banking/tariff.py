"""What things cost: dated rows, shown before anybody confirms. A changed price is a new row, never an edit."""

from collections.abc import Sequence
from datetime import date

import msgspec

from law.money import KZT, Money
from law.rails import Rail


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """The price of a service from the Almaty day `since` on: `fixed` and `per_mille` of the amount, within bounds."""

    service: str
    since: date
    source: str
    fixed_minor: int = 0
    per_mille: int = 0
    minimum_minor: int = 0
    maximum_minor: int | None = None


_OURS = "tariff of the operator, assumed until the issuing bank's is agreed"

PRICES = (
    Price(service="topup", since=date(2025, 1, 1), source=_OURS),
    Price(service="payout.imps", since=date(2025, 1, 1), source=_OURS, fixed_minor=100_00),
    Price(
        service="payout.ismt",
        since=date(2025, 1, 1),
        source=_OURS,
        per_mille=1,
        minimum_minor=300_00,
        maximum_minor=3_000_00,
    ),
    Price(service="payout_own", since=date(2025, 1, 1), source=_OURS),
    Price(service="bank_transfer", since=date(2025, 1, 1), source=_OURS),
    Price(service="exchange", since=date(2025, 1, 1), source=_OURS),
)


def price(service: str, on: date, rows: Sequence[Price] = PRICES) -> Price:
    """Give the price of `service` on the Almaty day `on`; a service without one is a mistake of ours."""
    return max((row for row in rows if row.service == service and row.since <= on), key=lambda row: row.since)


def fee(service: str, amount: Money, on: date) -> Money:
    """Compute what `amount` of `service` costs; thousandths are rounded up to a whole tiyn."""
    row = price(service, on)
    minor = max(row.fixed_minor + -(-amount.minor * row.per_mille // 1000), row.minimum_minor)
    return Money(minor if row.maximum_minor is None else min(minor, row.maximum_minor), KZT)


def payout(rail: Rail, *, own: bool) -> str:
    """Name the service a pay-out is."""
    return "payout_own" if own else f"payout.{rail}"
