"""A dispute: what a cardholder says is not right about a payment, where it stands, and whose the money is meanwhile.

opens      cards/disputes/dispute.py     open_()         <- you are here
shows      cards/disputes/evidence.py    add()
moves      cards/disputes/acting.py      act()           every hop, in a batch
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables as cards_tables
from cards.disputes import events, tables
from cards.disputes.life import State, Turn
from cards.disputes.reason import LATEST_DAYS, REMIND_BEFORE, RULES, Reason, Rule, Since
from cards.payments.payment import Kind, Payment
from law import calendar
from law.money import Currency, Money
from proof import journal


class UnknownDispute(Exception):
    """There is no such dispute, or it is somebody else's, which looks the same."""


class NotDisputable(Exception):
    """Nothing of the payment can be disputed under this reason: `why` says what stands against it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class TooLate(Exception):
    """The last day for this reason was `until`."""

    def __init__(self, until: date) -> None:
        super().__init__(until)
        self.until = until


class MoreThanTaken(Exception):
    """More is disputed than the network took and nobody gave back, other disputes counted."""


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """A dispute as its row says.

    Of the money, in minor units: `credited` to the person and not taken back, of which `parked` is in suspense because
    the wallet is closed; `recovered` from the network; `lost` for good; `take_back` is announced, `owed` could not be.
    """

    id: UUID
    lane: int
    holder: UUID
    card: UUID
    payment: UUID
    account: UUID
    network: str
    reason: Reason
    amount_minor: int
    currency: Currency
    since_on: date
    state: State
    turn: Turn
    version: int
    opened_at: datetime
    words: bytes | None = None
    submitted_at: datetime | None = None
    due_at: datetime | None = None
    remind_at: datetime | None = None
    credited_minor: int = 0
    recovered_minor: int = 0
    lost_minor: int = 0
    parked_minor: int = 0
    owed_minor: int = 0
    take_back_minor: int = 0
    take_back_at: datetime | None = None
    reversible: bool = True
    reversible_until: datetime | None = None
    credit_due_at: datetime | None = None
    ended_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def rule(self) -> Rule:
        """What goes with its reason."""
        return RULES[self.reason]

    @property
    def amount(self) -> Money:
        """How much is disputed."""
        return self.money(self.amount_minor)

    @property
    def contested_minor(self) -> int:
        """What the person has and the network has not given, or has taken again."""
        return self.credited_minor - self.recovered_minor - self.lost_minor - self.take_back_minor

    def money(self, minor: int) -> Money:
        """Give an amount in its currency."""
        return Money(minor, self.currency)


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a dispute: by whom, to where, about how much, and which evidence came with it."""

    dispute: UUID
    number: int
    holder: UUID
    act: str
    state: State
    amount_minor: int
    evidence: tuple[UUID, ...]
    source: str | None
    why: str | None
    actor: str
    at: datetime
    due_at: datetime | None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody disputes: how much of the payment, why, and the day something was due where the reason asks."""

    id: UUID
    reason: Reason
    amount: Money
    expected_on: date | None = None
    words: bytes | None = None


async def open_(db: AsyncConnection, payment: Payment, wanted: Wanted, *, actor: str, at: datetime) -> Dispute:
    """Begin a dispute as a draft; raises NotDisputable, TooLate, MoreThanTaken, law.money.CurrencyMismatch."""
    rule = RULES[wanted.reason]
    since_on = check(payment, wanted.reason, expected_on=wanted.expected_on, today=calendar.statutory_date(at))
    card, holder, account = payment.card, payment.holder, payment.account
    assert card is not None, "checked"
    assert holder is not None, "with the card"
    assert account is not None, "with the card"
    if wanted.amount > taken(payment):
        raise MoreThanTaken
    due_at = ends(rule.claim_until(since_on))
    made = Dispute(
        id=wanted.id,
        lane=payment.lane,
        holder=holder,
        card=card,
        payment=payment.id,
        account=account,
        network=payment.network,
        reason=wanted.reason,
        amount_minor=wanted.amount.minor,
        currency=wanted.amount.currency,
        since_on=since_on,
        words=wanted.words,
        state=State.DRAFT,
        turn=Turn.PERSON,
        version=1,
        opened_at=at,
        due_at=due_at,
        remind_at=due_at - REMIND_BEFORE,
    )
    try:
        await db.execute(insert(tables.dispute).values(msgspec.structs.asdict(made) | {"currency": str(made.currency)}))
    except IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "constraint_name", None) == "dispute_within_captured":
            raise MoreThanTaken from error
        raise
    event = events.DisputeOpened(
        dispute=made.id,
        payment=made.payment,
        reason=made.reason,
        amount_minor=made.amount_minor,
        currency=str(made.currency),
        due_on=rule.claim_until(since_on),
    )
    fact = journal.Fact(aggregate=made.id, holder=made.holder, at=at, actor=actor, event=event)
    await journal.append(db, cards_tables.event, fact)
    return made


def check(payment: Payment, reason: Reason, *, expected_on: date | None, today: date) -> date:
    """Answer the day from which the terms run; raises NotDisputable, TooLate."""
    rule = RULES[reason]
    taken_at = max((element.at for element in payment.elements if element.kind is Kind.CLEARING), default=None)
    if taken_at is None or payment.card is None or not taken(payment):
        raise NotDisputable("nothing_taken")
    if rule.cash is not (payment.merchant.category in CASH):
        raise NotDisputable("not_cash" if rule.cash else "is_cash")
    taken_on = calendar.statutory_date(taken_at)
    since_on = taken_on
    if rule.since is Since.EXPECTED:
        if expected_on is None:
            raise NotDisputable("names_no_day")
        if expected_on > today:
            raise NotDisputable("not_due_yet")
        since_on = max(taken_on, expected_on)
    until = min(rule.claim_until(since_on), taken_on + timedelta(days=LATEST_DAYS))
    if today > until:
        raise TooLate(until)
    return since_on


def taken(payment: Payment) -> Money:
    """Answer what the network has of a payment: taken, less refunded. The database counts other disputes as well."""
    sums = payment.sums()
    return sums.taken - Money(min(sums.refunded, sums.taken.minor), payment.currency)


def ends(day: date) -> datetime:
    """Answer when a day in Kazakhstan is over: what is due on it is in time before."""
    return calendar.day_starts(day + timedelta(days=1))


async def find(db: AsyncConnection, wanted: UUID) -> Dispute:
    """Load a dispute that the story may see; raises UnknownDispute."""
    found = await _read(db, tables.dispute.c.id == wanted, limit=1)
    if not found:
        raise UnknownDispute
    return found[0]


async def of_holder(db: AsyncConnection, holder: UUID, *, before: UUID | None, limit: int) -> list[Dispute]:
    """List somebody's disputes, the newest first."""
    mine = tables.dispute.c.holder == holder
    return await _read(db, mine if before is None else mine & (tables.dispute.c.id < before), limit=limit)


async def of_payment(db: AsyncConnection, payment: Payment) -> list[Dispute]:
    """List the disputes of a payment, the newest first."""
    columns = tables.dispute.c
    return await _read(db, (columns.lane == payment.lane) & (columns.payment == payment.id), limit=100)


async def of_payments(db: AsyncConnection, payments: Sequence[Payment]) -> dict[UUID, list[Dispute]]:
    """List the disputes of many payments that the story may see, by payment, the newest first."""
    found: dict[UUID, list[Dispute]] = {payment.id: [] for payment in payments}
    if payments:
        columns = tables.dispute.c
        wanted = columns.lane.in_({each.lane for each in payments}) & columns.payment.in_(found)
        for each in await _read(db, wanted, limit=None):
            found[each.payment].append(each)
    return found


async def queue(
    db: AsyncConnection, *, states: Collection[State], turn: Turn | None, after: UUID | None, limit: int
) -> list[Dispute]:
    """List disputes whose money is not settled, the one that is due first before the others."""
    asked = {"states": list(states), "turn": turn, "after": after, "limit": limit}
    return [_dispute(row) for row in (await db.execute(_QUEUE, asked))]


async def hops(db: AsyncConnection, dispute: UUID) -> list[Hop]:
    """List the hops of a dispute, the first one first."""
    query = select(tables.hop).where(tables.hop.c.dispute == dispute).order_by(tables.hop.c.number)
    return [msgspec.convert(row, Hop, from_attributes=True) for row in (await db.execute(query))]


async def lock(db: AsyncConnection, wanted: Sequence[UUID]) -> dict[UUID, Dispute]:
    """Load disputes in the order of their ids, and keep them until the transaction ends."""
    query = select(tables.dispute).where(tables.dispute.c.id.in_(wanted)).order_by(tables.dispute.c.id)
    return {row.id: _dispute(row) for row in (await db.execute(query.with_for_update()))}


async def _read(db: AsyncConnection, wanted: ColumnElement[bool], *, limit: int | None) -> list[Dispute]:
    query = select(tables.dispute).where(wanted).order_by(tables.dispute.c.id.desc()).limit(limit)
    return [_dispute(row) for row in (await db.execute(query))]


def _dispute(row: Row[Any]) -> Dispute:
    return msgspec.convert(row, Dispute, from_attributes=True)


#: Cash of a machine or a counter (ISO 18245).
CASH = frozenset({"6010", "6011"})

_QUEUE = text(
    """
    SELECT dispute.* FROM cards.dispute
    LEFT JOIN cards.dispute AS last ON last.id = :after
    WHERE dispute.closed_at IS NULL AND dispute.state = ANY (:states)
      AND (CAST(:turn AS text) IS NULL OR dispute.turn = :turn)
      AND (last.id IS NULL OR (coalesce(dispute.due_at, 'infinity'), dispute.id)
                              > (coalesce(last.due_at, 'infinity'), last.id))
    ORDER BY coalesce(dispute.due_at, 'infinity'), dispute.id LIMIT :limit
    """
)
