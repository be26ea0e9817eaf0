"""How much and how often a card, its holder and the children on a card spend, and the limits of that.

counts   cards/payments/booking.py      each element of a payment, where it was opened
counts   cards/spending/velocity.py     Counters            <- you are here
keeps    cards/spending/histogram.py    one row per card, holder and family; read and written by one statement per batch

A payment counts in the window it was opened in, whenever its elements come: what is given up, lapses or is promised in
addition days after changes the window of that day. What counts is what the payment spends (`Sums.spent`): a force post
counts, a decline does not, and a refund gives nothing back, or buying and returning would have no limit. A card and
all that came in its place share the row of the first of them: a new number has spent what the old one did. Rows belong
to a lane, whose lock the batch holds, so nobody else counts meanwhile.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.card import Card
from cards.payments.message import Authorization
from cards.payments.reason import Reason
from cards.spending.habit import Habits
from cards.spending.histogram import Histogram, Used
from cards.spending.window import DAY, Period, Trailing, Window, bounds, instant, minute
from law import calendar
from law.money import KZT, Money
from law.regime import PROGRAMME, NoRegime
from wallet import ledger, packed
from wallet.desk import Desk
from wallet.packed import Packed


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """The most that may be spent in a window, in minor units, or how often; `cash` limits and counts only cash."""

    window: Window
    reason: Reason
    amount: int | None = None
    times: int | None = None
    cash: bool = False

    def passed_by(self, used: Used, minor: int, times: int) -> bool:
        """Say whether so much more, so many times more, is too much."""
        amount, before = (used.cash_amount, used.cash_times) if self.cash else (used.amount, used.times)
        too_much = self.amount is not None and minor > 0 and amount + minor > self.amount
        return too_much or (self.times is not None and times > 0 and before + times > self.times)


#: What the programme pays out in cash, per card, whatever its holder allows. The figures are assumptions: the agreement
#: with the National Bank is not public (law/regime.py).
CASH = (
    Limit(window=Period.DAY, amount=500_000_00, cash=True, reason=Reason.CASH_LIMIT),
    Limit(window=Period.MONTH, amount=3_000_000_00, cash=True, reason=Reason.CASH_LIMIT),
    Limit(window=DAY, times=10, cash=True, reason=Reason.CASH_LIMIT),
)
_OWN = (
    (Period.DAY, Reason.PER_DAY_LIMIT),
    (Period.WEEK, Reason.PER_WEEK_LIMIT),
    (Period.MONTH, Reason.PER_MONTH_LIMIT),
    (Period.YEAR, Reason.PER_YEAR_LIMIT),
)


def own(card: Card) -> Iterable[Limit]:
    """Go through the limits in windows that its holder set on a card."""
    limits = card.limits
    mosts = (limits.per_day, limits.per_week, limits.per_month, limits.per_year)
    for (period, reason), most in zip(_OWN, mosts, strict=True):
        if most is not None:
            yield Limit(window=period, amount=most.minor, reason=reason)


def for_children(on: date) -> tuple[Limit, ...]:
    """Answer what the regime of the day `on` lets a child's card spend, whatever the parent allows."""
    try:
        minors = PROGRAMME.at(on).policy.minors
    except NoRegime:  # cards/programme/programme.py refuses everything
        minors = None
    if minors is None:
        return ()
    return (
        Limit(window=Period.DAY, amount=minors.per_day.minor, reason=Reason.CHILD_LIMIT),
        Limit(window=Period.MONTH, amount=minors.per_month.minor, reason=Reason.CHILD_LIMIT),
    )


class Spent(NamedTuple):
    """What a card spent in a window, and the most it may, if anything bounds it."""

    period: Period
    begins_at: datetime
    ends_at: datetime
    used: Used
    most: int | None


async def spent(db: AsyncConnection, card: Card, now: datetime) -> list[Spent]:
    """Read what a card spent in the windows of the calendar that run `now`, as its holder sees it."""
    key = {"lane": card.lane, "card": card.id, "currency": str(card.currency)}
    kept = Histogram(await db.scalar(_OWN_BUCKETS, key))
    on = calendar.statutory_date(now)
    limits = [*own(card), *(for_children(on) if card.parent and card.currency is KZT else ())]
    return [_spent(kept, period, on, limits) for period in Period]


def _spent(kept: Histogram, period: Period, on: date, limits: Iterable[Limit]) -> Spent:
    begins, ends = bounds(period, on)
    mosts = [limit.amount for limit in limits if limit.window is period and limit.amount is not None]
    return Spent(period, instant(begins), instant(ends), kept.between(begins, ends), min(mosts, default=None))


class _Count:
    """The row of one card, one holder or one family, as the batch counts it up."""

    __slots__ = ("changed", "habits", "histogram", "key", "owner")

    def __init__(self, key: "_Key", owner: UUID, buckets: bytes | None, habits: Habits | None = None) -> None:
        self.key = key
        self.owner = owner
        self.histogram = Histogram(buckets)
        self.habits = habits
        self.changed = False


class _Key(NamedTuple):
    lane: int
    scope: str
    subject: UUID
    currency: str


class _Spender(NamedTuple):
    """A card with everything its spending is counted in; `family` is that of its parent, with the limits of it."""

    own: _Count
    holder: _Count
    family: _Count | None
    bounds: tuple[Limit, ...]

    @property
    def counts(self) -> tuple[_Count, ...]:
        return (self.own, self.holder) if self.family is None else (self.own, self.holder, self.family)


class _Asked(NamedTuple):
    """So much more, so many times more, of a payment opened in a minute of a day."""

    minor: int
    times: int
    opened: int
    on: date
    cash: bool


class Counters:
    """What the cards of one batch spent, at this point of it."""

    def __init__(self, desk: Desk, rows: Iterable[Sequence[Any]]) -> None:
        """Take the `rows` that the statement of `asks` answered."""
        self._desk = desk
        self._now = minute(desk.now)
        self._today = calendar.statutory_date(desk.now)
        self._shared: dict[_Key, _Count] = {}
        self._spenders: dict[UUID, _Spender] = {}
        for card, first, lane, holder, parent, currency, buckets, habits, of_holder, of_family, *limits in rows:
            self._spenders[card] = _Spender(
                own=self._share(_Key(lane, "card", first, currency), holder, buckets, Habits.decode(habits)),
                holder=self._share(_Key(lane, "holder", holder, currency), holder, of_holder),
                family=self._share(_Key(lane, "family", parent, currency), holder, of_family) if parent else None,
                bounds=_family(limits) if parent else (),
            )

    @staticmethod
    def asks(
        cards: Iterable[UUID], payments: Iterable[tuple[int, UUID]] = ()
    ) -> tuple[bytes, tuple[Packed, Packed, Packed]]:
        """Answer the statement that loads `cards` and the cards of `payments`, to be sent in binary."""
        named = list(payments)
        lanes, ids = packed.integers([lane for lane, _ in named]), packed.uuids(id_ for _, id_ in named)
        return _LOAD, (packed.uuids(cards), lanes, ids)

    @classmethod
    async def load(cls, desk: Desk, cards: Iterable[UUID], payments: Iterable[tuple[int, UUID]] = ()) -> Self:
        """Load what was spent with `cards` and the cards of `payments`, in one round trip."""
        statement, columns = cls.asks(cards, payments)
        wire = await ledger.wire(desk.db)
        answer = await wire.execute(statement, columns, prepare=True, binary=True)
        return cls(desk, await answer.fetchall())

    def room(self, card: Card) -> int | None:
        """Say how much more may be spent with a card now, by all limits that bound purchases; None where none does."""
        spender = self._spenders[card.id]
        limits = [*own(card), *(self._of_programme(card, cash=False) if card.currency is KZT else ())]
        counted = [(spender.own, limit) for limit in limits]
        if spender.family is not None:
            counted += [(spender.family, limit) for limit in spender.bounds]
        rooms = [
            limit.amount - self._used(count.histogram, limit.window, self._today).amount
            for count, limit in counted
            if limit.amount is not None and not limit.cash
        ]
        return min(rooms, default=None)

    def refusals(
        self, card: Card, more: Money, *, opened_at: datetime, cash: bool = False, counts: bool = True
    ) -> tuple[Reason, ...]:
        """Say which limits `more` of a payment would pass; `counts` where nothing was spent of it before."""
        limits = [*own(card), *(self._of_programme(card, cash=cash) if card.currency is KZT else ())]
        spender, on = self._spenders[card.id], calendar.statutory_date(opened_at)
        asked = _Asked(more.minor, int(counts and bool(more)), minute(opened_at), on, cash)
        found = [limit.reason for limit in limits if self._passes(limit, spender.own.histogram, asked)]
        if spender.family is not None:
            found += [each.reason for each in spender.bounds if self._passes(each, spender.family.histogram, asked)]
        return tuple(dict.fromkeys(found))

    def used(self, card: UUID, window: Window) -> Used:
        """Sum what the card spent in a window that has not ended."""
        return self._used(self._spenders[card].own.histogram, window, self._today)

    def used_by_holder(self, card: UUID, window: Window) -> Used:
        """Sum what the holder of the card spent with all cards in a window that has not ended."""
        return self._used(self._spenders[card].holder.histogram, window, self._today)

    def habits(self, card: UUID) -> Habits:
        """Say what is usual for a card; nobody but `note` changes it."""
        found = self._spenders[card].own.habits
        assert found is not None, "a card has habits"
        return found

    def count(self, card: UUID, before: Money, after: Money, opened_at: datetime, *, cash: bool = False) -> None:
        """Count what an element changed of what a payment spends, in the windows that the payment was opened in."""
        amount, times = after.minor - before.minor, (after.minor > 0) - (before.minor > 0)
        if amount or times:
            in_cash = (amount, times) if cash else (0, 0)
            self._add(self._spenders[card].counts, minute(opened_at), Used(amount, times, *in_cash))

    def note(self, card: UUID, asked: Authorization, *, approved: bool) -> None:
        """Remember how a question was answered: a decline is counted, an approval is what is usual for the card."""
        spender = self._spenders[card]
        if not approved:
            self._add(spender.counts, self._now, Used(declines=1))
        else:
            self.habits(card).note(asked, self._now)
            spender.own.changed = True

    def write(self) -> None:
        """Store what was counted, in one statement."""
        changed = sorted((each for each in self._shared.values() if each.changed), key=lambda each: each.key)
        if changed:
            self._desk.also(_WRITE, _columns(changed))

    def _share(self, key: _Key, owner: UUID, buckets: bytes | None, habits: Habits | None = None) -> _Count:
        if (found := self._shared.get(key)) is None:
            found = self._shared[key] = _Count(key, owner, buckets, habits)
        return found

    def _of_programme(self, card: Card, *, cash: bool) -> Iterable[Limit]:
        if cash:
            yield from CASH
        if card.parent is not None:
            yield from for_children(self._today)

    def _passes(self, limit: Limit, spent: Histogram, asked: _Asked) -> bool:
        if limit.cash and not asked.cash:
            return False
        if isinstance(limit.window, Trailing) and asked.opened <= self._now - limit.window.minutes:
            return False  # more of something older does not count in it
        return limit.passed_by(self._used(spent, limit.window, asked.on), asked.minor, asked.times)

    def _used(self, spent: Histogram, window: Window, on: date) -> Used:
        if isinstance(window, Trailing):
            return spent.between(self._now - window.minutes)
        return spent.between(*bounds(window, on))

    def _add(self, counts: Iterable[_Count], at: int, more: Used) -> None:
        for each in counts:
            each.histogram.add(at, self._now, more)
            each.changed = True


def _family(limits: Sequence[int | None]) -> tuple[Limit, ...]:
    """Answer what bounds children together: the limits of the card that they hang on."""
    return tuple(
        Limit(window=period, amount=most, reason=Reason.FAMILY_LIMIT)
        for (period, _), most in zip(_OWN, limits, strict=True)
        if most is not None
    )


def _columns(changed: Sequence[_Count]) -> tuple[Packed, ...]:
    keys = [each.key for each in changed]
    return (
        packed.integers([key.lane for key in keys]),
        packed.texts(key.scope for key in keys),
        packed.uuids(key.subject for key in keys),
        packed.texts(key.currency for key in keys),
        packed.uuids(each.owner for each in changed),
        packed.blobs([each.histogram.encode() for each in changed]),
        packed.blobs([b"" if each.habits is None else each.habits.encode() for each in changed]),
    )


_OWN_BUCKETS = text(
    """
    SELECT buckets FROM cards.velocity
    WHERE lane = :lane AND scope = 'card' AND subject = cards.first_of(:card) AND currency = :currency
    """
)
# OFFSET 0: one look-up in the index for each, however many there are and whatever the planner thinks of joining.
_LOAD = b"""
    SELECT card.id, line.first, card.lane, card.holder, line.parent, card.currency,
           own.buckets, own.habits, holders.buckets, family.buckets,
           bounds.per_day_max_minor, bounds.per_week_max_minor, bounds.per_month_max_minor, bounds.per_year_max_minor
    FROM (
        SELECT unnest(%s::uuid[]) AS id
        UNION
        SELECT paid.card FROM unnest(%s::integer[], %s::uuid[]) AS named (lane, id) CROSS JOIN LATERAL (
            SELECT card FROM cards.payment WHERE payment.lane = named.lane AND payment.id = named.id OFFSET 0
        ) AS paid
    ) AS asked
    CROSS JOIN LATERAL (
        SELECT id, lane, holder, currency, replaces FROM cards.card WHERE card.id = asked.id OFFSET 0
    ) AS card
    CROSS JOIN LATERAL (
        SELECT parent FROM cards.change WHERE change.card = card.id ORDER BY version DESC LIMIT 1
    ) AS latest
    CROSS JOIN LATERAL (
        SELECT coalesce(cards.first_of(card.replaces), card.id) AS first, cards.first_of(latest.parent) AS parent
        OFFSET 0
    ) AS line
    LEFT JOIN LATERAL (
        SELECT buckets, habits FROM cards.velocity
        WHERE (lane, scope, subject, currency) = (card.lane, 'card', line.first, card.currency) OFFSET 0
    ) AS own ON true
    LEFT JOIN LATERAL (
        SELECT buckets FROM cards.velocity
        WHERE (lane, scope, subject, currency) = (card.lane, 'holder', card.holder, card.currency) OFFSET 0
    ) AS holders ON true
    LEFT JOIN LATERAL (
        SELECT buckets FROM cards.velocity
        WHERE (lane, scope, subject, currency) = (card.lane, 'family', line.parent, card.currency) OFFSET 0
    ) AS family ON latest.parent IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT * FROM cards.change WHERE change.card = latest.parent ORDER BY version DESC LIMIT 1
    ) AS bounds ON latest.parent IS NOT NULL
"""
_WRITE = b"""
    INSERT INTO cards.velocity AS kept (lane, scope, subject, currency, holder, buckets, habits)
    SELECT * FROM unnest(%s::integer[], %s::text[], %s::uuid[], %s::text[], %s::uuid[], %s::bytea[], %s::bytea[])
    ON CONFLICT (lane, scope, subject, currency) DO UPDATE SET buckets = EXCLUDED.buckets, habits = EXCLUDED.habits
"""
