"""The bands in which people declare amounts: bounds in tenge, the one place where risk meets money.

A band is a number of kyc/risk/facts.py; 0 is not declared. Of the last one there is no upper bound.
"""

from law.money import KZT, Money

#: Up to so much, by band from 1 on; turnover of a month, or the whole of funds and of wealth.
TURNOVER_MOST = (Money(500_000_00, KZT), Money(2_000_000_00, KZT), Money(10_000_000_00, KZT), Money(50_000_000_00, KZT))
OWNED_MOST = (
    Money(5_000_000_00, KZT),
    Money(25_000_000_00, KZT),
    Money(100_000_000_00, KZT),
    Money(500_000_000_00, KZT),
)


def percent(turnover: Money, band: int) -> int:
    """Say how many percent of the declared turnover the real one is; 0 where none, or no bound, was declared."""
    if not 0 < band <= len(TURNOVER_MOST):
        return 0
    return turnover.minor * 100 // TURNOVER_MOST[band - 1].minor
