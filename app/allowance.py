"""What somebody may spend in this batch: limits and restrictions, looked at and counted under the lane's lock.

asks     the verb of a payment          Allowances.load(), claim(), give_back(), write()
counts   app/allowance.py               Allowances      <- you are here
limits   wallet/limit.py                which there are, and which rule bounds each
stops    app/restrictions/reason.py     the matrix: reason class × operation

A verb loads the allowances of all items in one round trip, claims for each before the desk decides it, gives back where
the desk refuses, and writes once. Rows are counted by Kazakhstan's day, so that what is returned later is given back to
the day it was counted on; whatever is at work in other processes waits for the lane, so N payments at the edge get
exactly what fits.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.restrictions.reason import CLASSES, Reason
from law import calendar
from law.money import KZT, Money
from wallet import ledger, limit, packed
from wallet.desk import Desk
from wallet.ledger import Question
from wallet.limit import Ceiling, Level, Measure, Operation, Profile, Used
from wallet.packed import Packed

__all__ = ["Allowances", "LimitReached", "Operation", "Restricted", "Spend"]


class Spend(NamedTuple):
    """Somebody's money, about to move.

    That a RECEIVE was refused is the payee's matter: their payer hears `app.standing.PayeeUnavailable` and no more.
    `stopped_as` is the operation whose restrictions it meets, where that is not the one it is counted as.
    """

    holder: UUID
    operation: Operation
    money: Money
    stopped_as: Operation | None = None


class Restricted(Exception):
    """A restriction stops the operation: `reason` is its public class, `review_due` when it is looked at again."""

    def __init__(self, restriction: UUID, public: Reason, review_due: datetime) -> None:
        super().__init__(restriction, public, review_due)
        self.restriction = restriction
        self.reason = public
        self.review_due = review_due.isoformat(timespec="seconds")


class LimitReached(Exception):
    """The payment is more than is `left` of the limit; `most` and `left` are in tiyn, `resets_at` is when it is whole.

    `own` says that the person set it themselves.
    """

    def __init__(self, name: str, *, most: int, left: int, own: bool, resets_at: datetime | None) -> None:
        super().__init__(name, most, left)
        self.limit = name
        self.most = most
        self.left = left
        self.own = own
        self.resets_at = resets_at.isoformat(timespec="seconds") if resets_at else ""


class Restriction(NamedTuple):
    """A restriction in force, as far as deciding goes; `age` is how long it has stood."""

    id: UUID
    reason: Reason
    review_due: datetime
    age: timedelta


class Facts:
    """One person's allowance on a day: loaded once, counted up as the batch goes."""

    __slots__ = ("day", "month", "own", "profile", "restrictions", "room", "stored")

    def __init__(self, row: "_Row", on: date) -> None:
        self.profile = Profile(level(row.identified_until, on), row.e_resident)
        self.restrictions = [
            Restriction(id_, Reason(name), due, row.at - since)
            for id_, name, due, since in zip(
                row.restrictions or (), row.reasons or (), row.reviews or (), row.imposed or (), strict=True
            )
        ]
        self.own: Mapping[str, int] = dict(zip(row.own_names or (), row.own_minors or (), strict=True))
        operations = [Operation(name) for name in row.operations or ()]
        self.day: dict[Operation, int] = dict(zip(operations, row.days or (), strict=True))
        self.month: dict[Operation, int] = dict(zip(operations, row.months or (), strict=True))
        self.stored: int = row.stored or 0
        #: At least this much of an operation passes every limit: what most payments are compared with.
        self.room: dict[Operation, int] = {}

    def stopping(self, operation: Operation) -> Iterator[Restriction]:
        """Go through the restrictions that stop `operation`, whatever the amount."""
        return (each for each in self.restrictions if not CLASSES[each.reason].allows(operation, each.age))

    def refusal(self, operation: Operation, minor: int, on: date) -> LimitReached | None:
        """Say which limit `minor` more would pass, the first of them."""
        if minor <= self.room.get(operation, -1):
            return None
        self.room[operation] = min((left for _, _, left in self._left(operation, on)), default=minor)
        return None if minor <= self.room[operation] else next(self.reached(operation, minor, on))

    def reached(self, operation: Operation, minor: int, on: date) -> Iterator[LimitReached]:
        """Go through the limits that `minor` more would pass."""
        for ceiling, most, left in self._left(operation, on):
            if minor > left:
                asked = ceiling.limit
                resets_at = limit.ends(asked.measure, on)
                yield LimitReached(
                    asked.name, most=most, left=max(left, 0), own=most != ceiling.most, resets_at=resets_at
                )

    def _left(self, operation: Operation, on: date) -> Iterator[tuple[Ceiling, int, int]]:
        """Go through the limits of an operation: each with the most that may be spent, and what is left of it."""
        used = Used(self.day, self.month)
        for ceiling in limit.over(self.profile, on, operation):
            asked = ceiling.limit
            own = self.own.get(asked.name)
            most = ceiling.most if own is None or own > ceiling.most else own
            yield ceiling, most, most - (self.stored if asked.measure is Measure.BALANCE else limit.spent(asked, used))


def level(identified_until: date | None, on: date) -> Level:
    """Say how surely somebody is known: by a document in force, by one that has run out, or by none."""
    if identified_until is None:
        return Level.UNIDENTIFIED
    return Level.IDENTIFIED if identified_until >= on else Level.SIMPLIFIED


class _Row(NamedTuple):
    """A row of _LOAD: what is known of one person; `on` is the Kazakhstan day of `at` that it was asked for."""

    on: date
    at: datetime
    holder: UUID
    identified_until: date | None
    e_resident: bool
    restrictions: list[UUID] | None
    reasons: list[str] | None
    reviews: list[datetime] | None
    imposed: list[datetime] | None
    own_names: list[str] | None
    own_minors: list[int] | None
    operations: list[str] | None
    days: list[int] | None
    months: list[int] | None
    stored: int | None


class _Side(NamedTuple):
    """Somebody who may spend or receive, named by themselves or by one of their accounts."""

    holder: UUID | None
    account: UUID | None
    receives: bool


def question(sides: Iterable[tuple[UUID, Operation]]) -> Question:
    """Ask with a batch's lock what the holders of accounts may do; `Allowances.load` finds the answer on the desk."""
    asked = {_Side(None, account, receives=operation is Operation.RECEIVE) for account, operation in sides}
    return _question(asked, clock.real(), moved=True)


def question_of(holders: Iterable[UUID], now: datetime) -> Question:
    """Ask with a batch's other questions what people may spend at the instant `now` of its desk."""
    return _question({_Side(each, None, receives=False) for each in holders}, now, moved=False)


def _question(sides: Collection[_Side], now: datetime, *, moved: bool) -> Question:
    # `moved`: the installation's clock may be ahead, which only the row that is read with the lock says.
    columns = (
        now,
        packed.integers([moved]),
        packed.uuids(each.holder for each in sides),
        packed.uuids(each.account for each in sides),
        packed.integers([not each.receives for each in sides]),
    )
    return Question(_LOAD, columns)


async def facts(
    db: AsyncConnection, now: datetime, *, spenders: Collection[UUID] = (), receivers: Collection[UUID] = ()
) -> dict[UUID, Facts]:
    """Load what allowances of people follow from, in one round trip; without the lane's lock it is a forecast.

    Of those who only receive, what they spent is not looked up; of those who only spend, what they have.
    """
    sides = [_Side(each, None, receives=False) for each in spenders]
    sides += [_Side(each, None, receives=True) for each in receivers]
    if not sides:
        return {}
    found = await ledger.ask(await ledger.wire(db), _question(sides, now, moved=False))
    return _facts(await found.fetchall(), calendar.statutory_date(now))


def _facts(rows: Iterable[Sequence[Any]], on: date) -> dict[UUID, Facts]:
    return {row.holder: Facts(row, on) for row in map(_Row._make, rows) if row.on == on}


class Allowances:
    """The allowances of one batch. Its lanes are locked, so nothing here changes before it commits."""

    def __init__(self, desk: Desk, found: dict[UUID, Facts]) -> None:
        self._desk = desk
        self._today = calendar.statutory_date(desk.now)
        self._month = self._today.replace(day=1)
        self._found = found
        self._changes: defaultdict[tuple[UUID, date, Operation], int] = defaultdict(int)

    @classmethod
    async def load(cls, desk: Desk, spends: Iterable[Spend]) -> Self:
        """Load what the batch needs to decide about `spends`."""
        spenders, receivers = set[UUID](), set[UUID]()
        for holder, operation, *_ in spends:
            (receivers if operation is Operation.RECEIVE else spenders).add(holder)
        # Asked for another day, when the clock was moved or midnight passed, it is no answer.
        heard = _facts(desk.heard.get(_LOAD, ()), calendar.statutory_date(desk.now))
        if not spenders | receivers <= heard.keys():
            heard = await facts(desk.db, desk.now, spenders=spenders, receivers=receivers)
        return cls(desk, heard)

    def e_resident(self, holder: UUID) -> bool:
        """Say whether `holder`, whom `load` was told of, is an e-resident now."""
        return self._found[holder].profile.e_resident

    def may_store_all(self, holder: UUID) -> bool:
        """Say whether no limit bounds what `holder`, whom `load` was told of, stores."""
        return not limit.over(self._found[holder].profile, self._today, Operation.RECEIVE)

    def refusal(self, spend: Spend) -> Restricted | LimitReached | None:
        """Say what stands against a spend; nothing is counted.

        What is no amount of tenge is stopped by restrictions alone: the ledger has its own word for it.
        """
        mine, (_, operation, money, stopped_as) = self._found[spend.holder], spend
        if mine.restrictions and (stop := next(mine.stopping(stopped_as or operation), None)) is not None:
            return Restricted(stop.id, stop.reason, stop.review_due)
        return mine.refusal(operation, money.minor, self._today) if _counts(money) else None

    def claim(self, spend: Spend) -> Restricted | LimitReached | None:
        """Say what stands against a spend; None lets it pass and counts it."""
        refused = self.refusal(spend)
        if refused is None and _counts(spend.money):
            self._count(spend, self._today, spend.money.minor)
        return refused

    def claim_all(self, spends: Sequence[Spend]) -> Restricted | LimitReached | None:
        """Claim all of `spends` or none: the first that something stands against gives the answer."""
        for place, spend in enumerate(spends):
            if (refused := self.claim(spend)) is not None:
                for claimed in spends[:place]:
                    self.give_back(claimed)
                return refused
        return None

    def count(self, spend: Spend, counted_at: datetime) -> None:
        """Count what nobody can refuse any more, on the day of `counted_at`; an amount below zero is given back."""
        if spend.money.currency is KZT:
            self._count(spend, calendar.statutory_date(counted_at), spend.money.minor)

    def give_back(self, spend: Spend, counted_at: datetime | None = None) -> None:
        """Take back what was claimed: now, where the desk refuses, or at `counted_at`, of what comes back later."""
        if _counts(spend.money):
            on = self._today if counted_at is None else calendar.statutory_date(counted_at)
            self._count(spend, on, -spend.money.minor)

    def _count(self, spend: Spend, on: date, minor: int) -> None:
        mine, operation = self._found[spend.holder], spend.operation
        for each in mine.room if minor > 0 else ():  # what is given back is found when the room is measured anew
            mine.room[each] -= minor
        if operation is Operation.RECEIVE:
            mine.stored += minor
            return
        if operation is Operation.TRANSFER:  # others may only be held until they leave
            mine.stored -= minor
        if on == self._today:
            mine.day[operation] = max(mine.day.get(operation, 0) + minor, 0)
        if on >= self._month and on.replace(day=1) == self._month:
            mine.month[operation] = max(mine.month.get(operation, 0) + minor, 0)
        self._changes[spend.holder, on, operation] += minor

    def write(self) -> None:
        """Store what was counted, in one statement."""
        changes = sorted((key, minor) for key, minor in self._changes.items() if minor)
        if changes:
            self._desk.also(_WRITE, _columns(changes))


def _counts(money: Money) -> bool:
    return money.currency is KZT and money.minor > 0


def _columns(changes: Sequence[tuple[tuple[UUID, date, Operation], int]]) -> tuple[Packed, ...]:
    return (
        packed.uuids(holder for (holder, _, _), _ in changes),
        packed.texts(day.isoformat() for (_, day, _), _ in changes),
        packed.texts(operation.value for (_, _, operation), _ in changes),
        packed.bigints([minor for _, minor in changes]),
    )


# A document that identified somebody does so until it is refused; which one lasts longest is what counts. That it is
# looked at again lowers nothing by itself: what a match on a list stops, two officers stop, and say so (restrictions).
_LOAD = b"""
    WITH moment AS (
        SELECT at, CAST(at AT TIME ZONE 'Asia/Almaty' AS date) AS day FROM (
            SELECT %s::timestamptz + CASE WHEN 1 = ANY(%s::integer[]) THEN (SELECT advanced_by FROM app.clock)
                                     ELSE interval '0' END AS at
        ) AS moved
    )
    SELECT moment.day AS on, moment.at, asked.holder, known.identified_until,
           EXISTS (
               SELECT FROM residency.status
               WHERE status.resident = asked.holder AND status.kind = 'e_resident' AND status.state = 'active'
           ) AS e_resident,
           stopped.ids, stopped.reasons, stopped.reviews, stopped.imposed, own.names, own.minors,
           used.operations, used.days, used.months,
           CASE WHEN asked.receives THEN (
               SELECT posted FROM wallet.account WHERE account.holder = asked.holder AND account.purpose = 'wallet'
           ) END AS stored
    FROM moment CROSS JOIN (
        SELECT coalesce(side.holder, account.holder) AS holder, bool_or(spends = 1) AS spends,
               bool_or(spends = 0) AS receives
        FROM (
            SELECT unnest(%s::uuid[]) AS holder, unnest(%s::uuid[]) AS account, unnest(%s::integer[]) AS spends
        ) AS side
        LEFT JOIN wallet.account
             ON account.lane = ANY(ARRAY(SELECT lane FROM wallet.lane)) AND account.id = side.account
        WHERE coalesce(side.holder, account.holder) IS NOT NULL
        GROUP BY 1
    ) AS asked
    LEFT JOIN LATERAL (
        SELECT max(document.expires) AS identified_until FROM kyc.document CROSS JOIN LATERAL (
            SELECT (array_agg(decision.outcome ORDER BY decision.version DESC))[1] AS latest,
                   bool_or(decision.outcome = 'identified') AS identified
            FROM kyc.decision WHERE decision.document = document.id
        ) AS decided
        WHERE document.resident = asked.holder AND decided.identified AND decided.latest <> 'refused'
    ) AS known ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(id ORDER BY id) AS ids, array_agg(reason ORDER BY id) AS reasons,
               array_agg(review_due ORDER BY id) AS reviews, array_agg(imposed_at ORDER BY id) AS imposed
        FROM app.restriction WHERE restriction.holder = asked.holder AND restriction.state = 'in_force'
    ) AS stopped ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(name) AS names, array_agg(standing) AS minors
        FROM app.own_limit
        CROSS JOIN LATERAL (
            SELECT CASE WHEN raised_from <= moment.at THEN raised_to ELSE minor END AS standing
        ) AS now_
        WHERE asked.spends AND own_limit.holder = asked.holder AND standing IS NOT NULL
    ) AS own ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(operation) AS operations, array_agg(of_day) AS days, array_agg(of_month) AS months
        FROM (
            SELECT operation, coalesce(sum(minor) FILTER (WHERE day = moment.day), 0)::bigint AS of_day,
                   sum(minor)::bigint AS of_month
            FROM app.allowance_use
            WHERE asked.spends AND allowance_use.holder = asked.holder
              AND allowance_use.day >= date_trunc('month', moment.day)
              AND allowance_use.day < date_trunc('month', moment.day) + interval '1 month'
            GROUP BY operation
        ) AS by_operation
    ) AS used ON true
"""
# Of a day that is counted no more (app/limiting/forgetting.py) nothing can come back.
_WRITE = b"""
    WITH change AS MATERIALIZED (
        SELECT * FROM unnest(
            %s::uuid[], %s::text[]::date[], %s::text[], %s::bigint[]
        ) AS each (holder, day, operation, minor)
    ), back AS (
        UPDATE app.allowance_use SET minor = greatest(allowance_use.minor + change.minor, 0)
        FROM change WHERE change.minor < 0 AND allowance_use.holder = change.holder
          AND allowance_use.day = change.day AND allowance_use.operation = change.operation
    )
    INSERT INTO app.allowance_use AS counted (holder, day, operation, minor)
    SELECT holder, day, operation, minor FROM change WHERE minor > 0
    ON CONFLICT (holder, day, operation) DO UPDATE SET minor = counted.minor + EXCLUDED.minor
    """
