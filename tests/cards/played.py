"""How a scenario of test_scenarios.py is played: what a network can say of one purchase, and what time does to it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import text

from app import clock
from app.money import FIRST_LANE, Money
from cards.card import Card
from cards.payments import archive
from cards.payments.message import Confirmation, FeeCharge, Lapse, Message, Recovery, Refund, WriteOff
from cards.payments.payment import Cause, Kind, Payment, Status, Sums
from law.money import EUR
from law.money import Money as Amount
from tests.cards import made
from tests.cards.made import cleared, question, taken_back, tell
from tests.conftest import Engines
from tests.wallet.ledgers import kzt


@dataclass
class Play:
    """One card and one purchase of it, as the network speaks of them."""

    card: Card
    lifecycle: str

    def ask(self, tenge: int, element: str = "ask", **other: object) -> Message:
        return question(self.card, tenge, self.lifecycle, element, **other)

    def clear(self, tenge: int, element: str = "clear", **other: object) -> Message:
        return cleared(self.card, tenge, self.lifecycle, element, **other)

    def give_up(self, tenge: int, element: str = "give up", *, remaining: int = 0) -> Message:
        told = taken_back(self.card, tenge, self.lifecycle, element)
        return msgspec.structs.replace(told, remaining=kzt(remaining))

    def confirm(self, tenge: int, element: str = "confirm") -> Message:
        return self._as(Confirmation, tenge, element)

    def refund(self, tenge: int, element: str = "refund", **other: object) -> Message:
        return self._as(Refund, tenge, element, **other)

    def charge(self, tenge: int, element: str = "charge", **other: object) -> Message:
        return self._as(FeeCharge, tenge, element, **other)

    def _as(self, kind: type[Confirmation | Refund | FeeCharge], tenge: int, element: str, **other: Any) -> Message:  # noqa: ANN401  its fields
        told = msgspec.structs.asdict(taken_back(self.card, tenge, self.lifecycle, element))
        del told["remaining"]
        return kind(**{**told, **other})


class Over(msgspec.Struct, frozen=True):
    """The promise's time is over; nothing is heard of it."""


class Evening(msgspec.Struct, frozen=True):
    """The day ends: what was lent is asked back. `funded` tenge came in before."""

    funded: int = 0


class Lost(msgspec.Struct, frozen=True):
    """Two officers gave up what is owed."""


Tells = Callable[[Play], Message]


@dataclass(frozen=True)
class Scenario:
    """`told` leads to `hears` (field 39 of each answer), and the wallet of `has` tenge to `left`, of which `held`.

    `went` is where money went by the ledger, in tenge; `owed` is what the wallet owes, for `cause`.
    """

    name: str
    has: int
    told: Sequence[Tells | Over | Evening | Lost]
    hears: str
    left: int
    status: Status
    held: int = 0
    went: dict[str, int] = field(default_factory=dict)
    owed: int = 0
    cause: Cause | None = None


def eur(cents: int) -> Amount:
    return Amount(cents, EUR)


async def told(
    engines: Engines, money: Money, database: str, play: Play, told: Sequence[Tells | Over | Evening | Lost]
) -> list[str]:
    heard = []
    for step in told:
        if isinstance(step, Over | Evening | Lost):
            await _pass_time(engines, money, database, play, step)
        else:
            heard += [answer.code for answer in await tell(money, step(play))]
    return heard


async def _pass_time(engines: Engines, money: Money, database: str, play: Play, step: Over | Evening | Lost) -> None:
    payment = await _payment(engines, play)
    now = clock.real()
    async with made.owner(database) as connection:
        for table in ("promise", "loan"):
            await connection.execute(
                text(f"UPDATE cards.{table} SET due_at = :now WHERE payment = :id"),  # noqa: S608  two literals
                {"now": now - timedelta(minutes=1), "id": payment.id},
            )
    match step:
        case Over():
            await tell(money, Lapse(lane=FIRST_LANE, payment=payment.id, due_at=now))
        case Evening(funded):
            if funded:
                await made.fund(engines, money, play.card.account, funded)
            await tell(money, Recovery(lane=FIRST_LANE, payment=payment.id, due_at=now))
        case Lost():
            owed = payment.sums().owed
            await tell(money, WriteOff(lane=FIRST_LANE, payment=payment.id, amount=owed, by="officer:two"))


async def check(engines: Engines, play: Play, scenario: Scenario) -> None:
    payment = await _payment(engines, play)
    sums = payment.sums()

    assert await made.balance(engines, play.card) == (kzt(scenario.left), kzt(scenario.held))
    assert sums.status is scenario.status
    assert sums.wanted >= kzt(scenario.held)
    assert sums.owed == kzt(scenario.owed)
    causes = {element.cause for element in payment.elements if element.cause}
    assert causes == {scenario.cause} if scenario.cause else not sums.owed or causes
    went = await _went(engines, payment)
    assert went.pop("wallet", 0) == -sum(went.values())
    assert went == scenario.went


async def _payment(engines: Engines, play: Play) -> Payment:
    async with engines.worker.connect() as connection:
        found = await archive.find(connection, names={(FIRST_LANE, "narodnaya", play.lifecycle)})
    [kept] = [kept for kept in found if kept.payment.card == play.card.id]
    return kept.payment


async def _went(engines: Engines, payment: Payment) -> dict[str, int]:
    """Add up by purpose, in tenge, what the ledger says moved for a payment."""
    async with engines.report.connect() as connection:
        rows = await connection.execute(_WENT, {"reference": f"card_payment:{payment.id}"})
        return {row.purpose: row.minor // 100 for row in rows if row.minor}


def comes_to(sums: Sums) -> tuple[object, ...]:
    """Say what a payment comes to, whichever of its questions were answered with yes."""
    return (
        sums.promised, sums.wanted, sums.taken, sums.fee, sums.markup, sums.refunded, sums.charged, sums.spent,
        sums.captured, sums.reversed, sums.confirmed,
    )  # fmt: skip


def overtook(payment: Payment | None) -> int:
    """Add up by the elements what was there before the question for it."""
    minor: Counter[Kind] = Counter()
    for element in payment.elements if payment else ():
        # Of what was taken at once the promise and the clearing are one, and a reversal gives it back first.
        if not element.single:
            minor[element.kind] += element.amount.minor
        elif element.kind is Kind.CLEARING:
            minor[Kind.REVERSAL] -= element.amount.minor
    confirmed = (
        max((each.amount.minor for each in payment.elements if each.kind is Kind.CONFIRMATION), default=0)
        if payment
        else 0
    )
    asked = minor[Kind.AUTHORIZATION] + minor[Kind.INCREMENT]
    gone = max(minor[Kind.REVERSAL], 0) + minor[Kind.CLEARING] + minor[Kind.MATCH]
    return max(gone, confirmed, asked) - asked


_WENT = text(
    """
    SELECT account.purpose, sum(CASE WHEN account.id = transfer.credit THEN amount ELSE -amount END)::bigint AS minor
    FROM wallet.transfer JOIN wallet.account
         ON account.lane = transfer.lane AND account.id IN (transfer.debit, transfer.credit)
    WHERE transfer.reference = :reference AND transfer.kind IN ('post', 'capture', 'reversal')
    GROUP BY account.purpose
    """
)
