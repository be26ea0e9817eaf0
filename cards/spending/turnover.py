"""The programme's turnover cap: what all cards together may pay in a month of Kazakhstan, over any number of lanes.

counts   cards/payments/booking.py     each element of a payment, in the month it was opened in
counts   cards/spending/turnover.py    Turnover            <- you are here
shares   cards.take_turnover() in the database (0026)

A lane takes slices of the month from one global row and spends of them under its own lock, so lanes wait for each other
only while one takes. A slice is a part of what is left, which grows smaller with it; where too little is left, a lane
first takes back what the others have not used. A batch that decided on what was taken from it meanwhile is refused by
the database (used <= granted) and decided again. What nobody can refuse, such as an advice, is counted beyond the cap.

Tenge only: a card in another currency belongs to another programme.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Self

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.payments.reason import Reason
from law import calendar
from law.money import KZT, Money, zero
from law.regime import PROGRAMME, NoRegime
from wallet import ledger, packed
from wallet.desk import Desk
from wallet.packed import Packed

#: The cap of a month by the regime of one of its days; None is no cap.
Most = Callable[[date], Money | None]
_NO_CAP = -1
_ZERO = zero(KZT)
_NOTHING: Mapping[int, Money] = MappingProxyType({})


def most(on: date) -> Money | None:
    """Answer the cap of the regime of the day `on`; on a day without one nothing may be paid."""
    try:
        return PROGRAMME.at(on).caps.turnover_month
    except NoRegime:
        return _ZERO


class _Slice:
    """What one lane has of a month, in tiyn; `beyond` is what it had to add to it in this batch."""

    __slots__ = ("before", "beyond", "granted", "used")

    def __init__(self, granted: int, used: int) -> None:
        self.granted = granted
        self.used = self.before = used
        self.beyond = 0


class Turnover:
    """What the lanes of one batch may still add to the turnover, at this point of it."""

    def __init__(self, desk: Desk, rows: Iterable[Sequence[Any]]) -> None:
        """Take the `rows` that the statement of `asks` answered."""
        self._desk = desk
        self._slices = {(lane, month): _Slice(granted, used) for lane, month, granted, used in rows}

    @staticmethod
    def asks(
        wanted: Mapping[int, Money], now: datetime, most: Most = most, *, added: Mapping[int, Money] = _NOTHING
    ) -> tuple[bytes, tuple[Packed, ...]]:
        """Answer the statement that takes what each lane may need in all, to be sent in binary.

        `added` is the part of it that is asked in addition to earlier payments, which may be of last month; what is
        older is not capped any more.
        """
        today = calendar.statutory_date(now)
        this = today.replace(day=1)
        last = calendar.add_months(this, -1)
        places = [(month, lane) for month in (last, this) for lane in sorted(wanted)]
        minors = [(added if month == last else wanted).get(lane, _ZERO).minor for month, lane in places]
        caps = {last: most(this - timedelta(days=1)), this: most(today)}
        return _TAKE, (
            packed.integers([lane for _, lane in places]),
            packed.texts(month.isoformat() for month, _ in places),
            packed.bigints(minors),
            packed.bigints([_NO_CAP if (cap := caps[month]) is None else cap.minor for month, _ in places]),
        )

    @classmethod
    async def load(
        cls, desk: Desk, wanted: Mapping[int, Money], most: Most = most, *, added: Mapping[int, Money] = _NOTHING
    ) -> Self:
        """Take what each lane may need in all, in one round trip."""
        statement, columns = cls.asks(wanted, desk.now, most, added=added)
        wire = await ledger.wire(desk.db)
        answer = await wire.execute(statement, columns, prepare=True, binary=True)
        return cls(desk, await answer.fetchall())

    def refuses(self, lane: int, more: Money, opened_at: datetime) -> Reason | None:
        """Say whether so much more would pass the cap of the month the payment was opened in."""
        slice_ = self._slices.get((lane, _month(opened_at)))
        if slice_ is None or more.currency is not KZT or more.minor <= 0:
            return None
        return Reason.TURNOVER_CAP if slice_.used + more.minor > slice_.granted else None

    def count(self, lane: int, before: Money, after: Money, opened_at: datetime) -> None:
        """Count what an element changed of what a payment spends, whether it fits or not."""
        if before.currency is not KZT or before == after:
            return
        slice_ = self._slices.setdefault((lane, _month(opened_at)), _Slice(0, 0))
        slice_.used += after.minor - before.minor
        if (over := slice_.used - slice_.granted) > 0:
            slice_.granted += over
            slice_.beyond += over

    def write(self) -> None:
        """Store what was counted, in one statement; the database refuses what was taken back meanwhile: again."""
        changed = sorted(
            (month, lane, slice_)
            for (lane, month), slice_ in self._slices.items()
            if slice_.used != slice_.before or slice_.beyond
        )
        if changed:
            columns = (
                packed.integers([lane for _, lane, _ in changed]),
                packed.texts(month.isoformat() for month, _, _ in changed),
                packed.bigints([slice_.used - slice_.before for _, _, slice_ in changed]),
                packed.bigints([slice_.beyond for _, _, slice_ in changed]),
            )
            self._desk.also(_COUNT, columns)


async def left(db: AsyncConnection, now: datetime, most: Most = most) -> Money | None:
    """Say what all lanes together may still add this month, without a lock; None where nothing caps it."""
    today = calendar.statutory_date(now)
    if (cap := most(today)) is None:
        return None
    used = await db.scalar(_USED, {"month": today.replace(day=1)})
    return max(cap - Money(int(used), KZT), _ZERO)


def _month(opened_at: datetime) -> date:
    return calendar.statutory_date(opened_at).replace(day=1)


_USED = text("SELECT coalesce(sum(used), 0) FROM cards.turnover_slice WHERE month = :month")
_TAKE = b"SELECT * FROM cards.take_turnover(%s::integer[], %s::text[]::date[], %s::bigint[], %s::bigint[])"
_COUNT = b"SELECT cards.count_turnover(%s::integer[], %s::text[]::date[], %s::bigint[], %s::bigint[])"
