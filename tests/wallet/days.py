"""Histories over days: moves recorded at chosen instants with chosen value dates, and what they add up to."""

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db, ids
from app.money import FIRST_LANE
from law.calendar import day_starts, statutory_date
from law.money import KZT, Money
from wallet import closing
from wallet.desk import Desk
from wallet.ledger import Lane
from wallet.transfer import AccountId, Post, Posted, TransferId

_LOCK = text("SELECT lane, seq, block, head FROM wallet.lane WHERE lane = :lane FOR NO KEY UPDATE")
#: Each history begins where the ones before ended: a lane's clock only goes forward.
_ERAS = itertools.count(1)


class Leg(msgspec.Struct, frozen=True):
    """What happened to one account: `moved` in minor units, booked at `at` with the value date of `effective`."""

    at: datetime
    effective: datetime
    moved: int


#: Legs as (day, minute, day of the value date or None for the same, amount); days go from 0 to 6.
Drawn = list[tuple[int, int, int | None, int]]
LEGS = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.sampled_from([0, 1, 719, 1439]),
        st.one_of(st.none(), st.integers(-3, 9)),
        st.integers(-5, 9).filter(bool),
    ),
    min_size=1,
    max_size=12,
)


def history(first: date, drawn: Drawn) -> list[Leg]:
    """Make a history that never overdraws, in the order of its clock."""
    legs, balance = [], 0
    for day, minute, value, moved in sorted(drawn, key=lambda each: each[:2]):
        at = instant(first + timedelta(days=day), minute)
        effective = at if value is None else instant(first + timedelta(days=value), 60)
        amount = moved if balance + moved >= 0 else -moved
        balance += amount
        legs.append(Leg(at, effective, amount))
    return legs


def era() -> date:
    """Give a first day with forty days behind it that no other history has."""
    return date(2027, 1, 1) + timedelta(days=50 * next(_ERAS))


async def record(posting: AsyncEngine, legs: Sequence[Leg], account: AccountId, other: AccountId) -> None:
    """Book legs of one instant, as the batch would have at that time."""
    async with db.transaction(posting) as story:
        connection = await story()
        lane = (await connection.execute(_LOCK, {"lane": FIRST_LANE})).one()
        desk = Desk(connection, legs[0].at, [Lane(*lane)])
        await desk.load([account, other])
        for leg in legs:
            debit, credit = (other, account) if leg.moved > 0 else (account, other)
            answer = desk.post(
                Post(
                    id=TransferId(ids.new()),
                    debit=debit,
                    credit=credit,
                    money=Money(abs(leg.moved), KZT),
                    code="test",
                    effective=leg.effective,
                )
            )
            assert isinstance(answer, Posted), answer
        await desk.write()


async def close(worker: AsyncEngine, today: date, *, size: int = closing.SIZE) -> None:
    """Close every day before `today`, as the worker's step does."""
    async with db.transaction(worker) as story:
        barrier = await closing.barrier(await story(), FIRST_LANE)
    more = True
    while more:
        async with db.transaction(worker) as story:
            more = await closing.close(await story(), lane=FIRST_LANE, today=today, barrier=barrier, size=size)


def recorded(legs: Sequence[Leg], at: datetime) -> int:
    """Add up what was booked by `at`."""
    return sum(leg.moved for leg in legs if leg.at <= at)


def effective(legs: Sequence[Leg], at: datetime, on: date) -> int:
    """Add up what was booked by `at` and counts on the day `on`."""
    return sum(leg.moved for leg in legs if leg.at <= at and statutory_date(leg.effective) <= on)


def instant(day: date, minute: int) -> datetime:
    """Give a minute of a day in Kazakhstan."""
    return day_starts(day).astimezone(UTC) + timedelta(minutes=minute)
