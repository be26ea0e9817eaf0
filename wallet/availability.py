"""Why this much can be spent: what is owned, less what each hold sets aside, less what has to stay."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from law.money import Currency, Money
from wallet.account import NoWallet
from wallet.chart import Purpose

#: So many holds are told one by one; the rest as one sum.
HOLDS_MAX = 100

# One statement, so that the parts are of one moment and add up.
_PARTS = text(
    """
    SELECT account.id, account.lane, account.currency, account.posted, account.hold_out, account.floor,
           hold.id AS hold, hold.remaining, hold.expires_at, placed.at, placed.code, placed.reference,
           count(hold.id) OVER () AS holds
    FROM wallet.account
    LEFT JOIN wallet.hold ON hold.lane = account.lane AND hold.debit = account.id AND hold.remaining > 0
    LEFT JOIN wallet.transfer AS placed ON placed.lane = hold.lane AND placed.id = hold.id
    WHERE account.holder = :holder AND account.purpose = :purpose
    ORDER BY placed.seq DESC LIMIT :most
    """
)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a hold still sets aside, what for, and until when; `expires_at` None: until somebody gives it up."""

    id: UUID
    money: Money
    code: str
    reference: str
    at: datetime
    expires_at: datetime | None


class Availability(msgspec.Struct, frozen=True, kw_only=True):
    """`posted` - each of `held` - `held_otherwise` - `floor` = `available`."""

    lane: int
    posted: Money
    held: list[Held]
    held_otherwise: Money
    floor: Money
    available: Money


async def of_wallet(db: AsyncConnection, holder: UUID) -> Availability:
    """Explain what the wallet of `holder` can spend; raises NoWallet."""
    asked = {"holder": holder, "purpose": Purpose.WALLET, "most": HOLDS_MAX}
    rows = (await db.execute(_PARTS, asked)).all()
    if not rows:
        raise NoWallet
    first, currency = rows[0], Currency.of(rows[0].currency)
    held = [
        Held(
            id=row.hold,
            money=Money(row.remaining, currency),
            code=row.code,
            reference=row.reference,
            at=row.at,
            expires_at=row.expires_at,
        )
        for row in rows
        if row.hold is not None
    ]
    told = sum(each.money.minor for each in held)
    floor = first.floor or 0
    return Availability(
        lane=first.lane,
        posted=Money(first.posted, currency),
        held=held,
        held_otherwise=Money(first.hold_out - told, currency),
        floor=Money(floor, currency),
        available=Money(first.posted - first.hold_out - floor, currency),
    )
