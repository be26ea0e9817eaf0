"""Money that banks were asked to send into wallets counts as stored there from then on.

asks     app/banking/requesting.py   request()
counts   app/banking/arriving.py     load(), spends(), allowances()   <- you are here
refuses  whatever else would come into the wallet meanwhile: app/payments/paying.py, app/partners/payments.py,
         app/banking/suspense.py

What has arrived nobody can refuse any more: the limit of what is stored is asked while the bank has not been.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from app.allowance import Allowances, Spend
from app.banking import counting
from app.banking.order import Order
from law.money import KZT, Money
from wallet.desk import Desk
from wallet.limit import Operation


class Arriving(NamedTuple):
    """A wallet, and what comes into it by orders that have not ended."""

    wallet: UUID
    money: Money


async def load(desk: Desk, orders: Iterable[Order]) -> dict[UUID, Arriving]:
    """Find it by holder, for those whose `orders` end in an account of the ledger."""
    return await _of(desk, {each.holder for each in orders if each.holder is not None and each.target is not None})


async def allowances(desk: Desk, spends: Iterable[Spend]) -> Allowances:
    """Load allowances; of whoever may store only so much, what is on its way counts as stored already."""
    asked = list(spends)
    found = await Allowances.load(desk, asked)
    receivers = {each.holder for each in asked if each.operation is Operation.RECEIVE}
    coming = await _of(desk, {each for each in receivers if not found.may_store_all(each)})
    for holder, (_, money) in coming.items():
        found.count(Spend(holder, Operation.RECEIVE, money), desk.now)
    return found


async def _of(desk: Desk, holders: Collection[UUID]) -> dict[UUID, Arriving]:
    if not holders:
        return {}
    rows = await desk.db.execute(_ARRIVING, {"holders": sorted(holders)})
    return {row.holder: Arriving(row.wallet, Money(row.minor, KZT)) for row in rows}


def spends(new: Order, arriving: Mapping[UUID, Arriving]) -> list[Spend]:
    """List what an order takes of its holder's allowances; of an exchange what it brings into the wallet too."""
    spend = counting.spend(new)
    if spend is None:
        return []
    home = arriving.get(spend.holder)
    if new.gets is None or home is None or new.target != home.wallet:
        return [spend]
    return [spend, Spend(spend.holder, Operation.RECEIVE, new.gets)]


_ARRIVING = text(
    """
    SELECT account.holder, account.id AS wallet,
           coalesce(sum(coalesce(bank_order.gets_minor, bank_order.amount_minor)), 0)::bigint AS minor
    FROM wallet.account
    LEFT JOIN app.bank_order ON bank_order.holder = account.holder AND bank_order.kind IN ('from_account', 'exchange')
         AND bank_order.target = account.id AND bank_order.ended_at IS NULL
    WHERE account.holder = ANY(:holders) AND account.purpose = 'wallet' GROUP BY account.holder, account.id
    """
)
