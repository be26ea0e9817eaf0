"""How a scenario of test_scenarios.py is played: what a network can say of one purchase, and what time does to it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import text

from app import clock, ids
from app.money import FIRST_LANE, Money
from cards.card import Card
from cards.payments import archive
from cards.payments.message import (
    Authorization,
    Clearing,
    Confirmation,
    FeeCharge,
    Lapse,
    Message,
    NetworkMessage,
    Recovery,
    Refund,
    WriteOff,
)
from cards.payments.payment import Cause, Kind, Payment, Status, Sums
from cards.payments.reason import Reason
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

    def advise(self, tenge: int, question_: str = "ask", **other: object) -> Message:
        more = {"advice": True, "subject": question_, **other}
        return question(self.card, tenge, self.lifecycle, f"advice of {question_}", **more)

    def clear(self, tenge: int, element: str = "clear", *, of_question: str | None = None, **other: object) -> Message:
        return cleared(self.card, tenge, self.lifecycle, element, subject=of_question, **other)

    def give_up(self, tenge: int, element: str = "give up", *, remaining: int = 0, of: str | None = None) -> Message:
        return taken_back(self.card, tenge, self.lifecycle, element, remaining=kzt(remaining), subject=of)

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


async def plays(engines: Engines, money: Money, database: str, scenario: Scenario) -> None:
    """Play a scenario on a card of its own; told a second time, in one batch, it changes nothing."""
    play = Play(await made.spender(engines, money, scenario.has), f"L-{ids.new()}")

    heard = await told(engines, money, database, play, scenario.told)

    assert heard == scenario.hears.split()
    await check(engines, play, scenario)

    again = [step(play) for step in scenario.told if not isinstance(step, Over | Evening | Lost)]
    assert [answer.code for answer in await tell(money, *again)] == heard
    await check(engines, play, scenario)


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
        sums.captured, sums.confirmed,
    )  # fmt: skip


def advice(asked: NetworkMessage, name: str) -> NetworkMessage:
    """Tell the answer to a question, given in our place: as a promise or, of what is taken at once, as a clearing."""
    assert isinstance(asked, Authorization)
    about: dict[str, Any] = {"element": name, "subject": asked.subject or asked.element}
    if not asked.single:
        return msgspec.structs.replace(asked, advice=True, partial_ok=False, **about)
    said = {
        each: getattr(asked, each) for each in ("network", "lifecycle", "lane", "card", "payment", "amount", "merchant")
    }
    return Clearing(**said, **about, operation=asked.operation)


class Standing(NamedTuple):
    """Where a payment stands by its elements alone: added up once more, thing by thing, by the words of the docs.

    `moved` is what the network has in the end, `left` what is promised, `gone` what is no more of what was `asked`.
    """

    asked: int
    gone: int
    left: int
    moved: int
    at_once: bool


def standing(payment: Payment) -> Standing:
    """Add up what each thing that was said came to, less what was taken back of it; said twice, it is said once."""
    said: defaultdict[str, Counter[Kind]] = defaultdict(Counter)
    most: Counter[tuple[str, Kind]] = Counter()
    back: Counter[str | None] = Counter()
    of_house: Counter[Kind] = Counter()
    for each in payment.elements:
        kind = Kind.AUTHORIZATION if each.kind is Kind.INCREMENT else each.kind
        if kind is Kind.REVERSAL:
            back[each.subject] += each.amount.minor
        elif each.about is None:
            of_house[kind] += each.amount.minor
        else:
            if kind is Kind.DECLINE and each.reasons == (Reason.PURCHASE_OVER,):
                most[each.about, Kind.AUTHORIZATION] = max(most[each.about, Kind.AUTHORIZATION], each.amount.minor)
            said[each.about][kind] += each.amount.minor
            most[each.about, kind] = max(most[each.about, kind], (each.asked or each.amount).minor)
    single = {each.about for each in payment.elements if each.single}
    confirmed = max((of[Kind.CONFIRMATION] for of in said.values()), default=0)
    asked = given = claimed = at_once = refunded = 0
    for name, of in said.items():
        promised = min(of[Kind.AUTHORIZATION], most[name, Kind.AUTHORIZATION]) if name not in single else 0
        taken = of[Kind.CLEARING] if name not in single else min(of[Kind.CLEARING], most[name, Kind.CLEARING])
        more, left = max(back[name] - taken, 0), max(taken - back[name], 0)
        asked += promised
        refunded += max(of[Kind.REFUND] - back[name], 0)
        claimed, at_once = (claimed, at_once + left) if name in single else (claimed + left, at_once)
        of_all = 0 if name in single else max(most[name, Kind.AUTHORIZATION], of[Kind.CONFIRMATION])
        given += min(more, of_all if confirmed else promised)
    nameless = max(back[None] - at_once, 0)
    gone = (given + nameless if confirmed else min(given + nameless, asked)) + claimed + of_house[Kind.MATCH]
    final = any(each.final and each.about not in single for each in payment.elements)
    return Standing(
        asked=asked,
        gone=gone,
        left=0 if final else max((confirmed or asked) - gone - of_house[Kind.EXPIRY], 0),
        moved=claimed + max(at_once - back[None], 0) - refunded,
        at_once=bool(single),
    )


def overtook(payment: Payment | None, question: str) -> int:
    """Say what was there before a question: taken of no other, or said of this one by its name."""
    if payment is None:
        return 0
    was = standing(payment)
    confirmed = max((each.amount.minor for each in payment.elements if each.kind is Kind.CONFIRMATION), default=0)
    of_it = sum(each.amount.minor for each in payment.elements if each.about == question and each.kind in _BEFORE_IT)
    first = was.asked or was.at_once or confirmed
    nameless = sum(e.amount.minor for e in payment.elements if e.kind is Kind.REVERSAL and e.subject is None)
    return max(was.gone, confirmed, was.asked) - was.asked + of_it + (0 if first else nameless)


#: What may be said of a question before it comes.
_BEFORE_IT = {Kind.REVERSAL, Kind.CLEARING, Kind.AUTHORIZATION, Kind.INCREMENT}


_WENT = text(
    """
    SELECT account.purpose, sum(CASE WHEN account.id = transfer.credit THEN amount ELSE -amount END)::bigint AS minor
    FROM wallet.transfer JOIN wallet.account
         ON account.lane = transfer.lane AND account.id IN (transfer.debit, transfer.credit)
    WHERE transfer.reference = :reference AND transfer.kind IN ('post', 'capture', 'reversal')
    GROUP BY account.purpose
    """
)
