"""How much of what somebody has at banks the deposit insurance fund guarantees, and what is above it (F-50).

Deposits and tenge accounts count by the class the fund sorts them into; interest that is not paid out counts for
nothing. E-money is no deposit, and a bank's foreign currency is shown beside its limit without a rate of ours.
"""

from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.banking import banks
from invest import position
from invest.product import InsuranceClass
from law.money import KZT, Currency, Money, total, zero
from law.seed import THRESHOLDS


class Meter(msgspec.Struct, frozen=True, kw_only=True):
    """One bank: `savings` and `other` are tenge, `guaranteed` of both together, `above` the rest of them.

    `uninsured` are deposits the fund does not know (AIFC); `foreign` is guaranteed up to `foreign_most`.
    """

    bank: str
    savings: Money
    other: Money
    guaranteed: Money
    above: Money
    uninsured: Money
    foreign: tuple[Money, ...]
    foreign_most: Money


async def meters(db: AsyncConnection, holder: UUID, on: date) -> list[Meter]:
    """Measure every bank at which `holder` has anything."""
    accounts = (await db.execute(_ACCOUNTS, {"holder": holder})).all()
    found = []
    for bank, (code, name) in sorted((await banks.listed(db)).items(), key=lambda each: each[1]):
        deposits = await position.committed(db, holder, bank, KZT)
        there = [Money(row.posted, Currency.of(row.currency)) for row in accounts if row.label == code]
        if there or any(deposits.values()):
            found.append(measure(name, deposits, there, on))
    return found


def measure(bank: str, deposits: dict[InsuranceClass, Money], accounts: list[Money], on: date) -> Meter:
    """Measure one bank by the limits in force on the Almaty day `on`."""
    savings = deposits[InsuranceClass.SAVINGS]
    other = total((each for each in accounts if each.currency is KZT), KZT) + deposits[InsuranceClass.OTHER]
    guaranteed = min(
        min(savings, THRESHOLDS.money("deposit.insured.savings_kzt_max", on))
        + min(other, THRESHOLDS.money("deposit.insured.other_kzt_max", on)),
        THRESHOLDS.money("deposit.insured.total_max", on),
    )
    # All classes share one limit: what tenge takes of it is not there for foreign currency.
    room = THRESHOLDS.money("deposit.insured.total_max", on) - guaranteed
    return Meter(
        bank=bank,
        savings=savings,
        other=other,
        guaranteed=guaranteed,
        above=savings + other - guaranteed,
        uninsured=deposits[InsuranceClass.NONE],
        foreign=tuple(each for each in accounts if each.currency is not KZT and each != zero(each.currency)),
        foreign_most=min(room, THRESHOLDS.money("deposit.insured.foreign_max", on)),
    )


_ACCOUNTS = text(
    """
    SELECT label, currency, posted FROM wallet.account
    WHERE holder = :holder AND purpose = 'partner_account' ORDER BY label, currency
    """
)
