"""Card payments over generated histories, on the real database: whatever a network says, in any order, however often.

Goal: no permutation and no replay of what a network tells of purchases ends in other sums or another ledger, and no
wallet goes below zero. Method: generated messages are told to one card as they come, and at the end to a twin of it in
another order, in batches, many of them twice; after each step the ledger's own rows must say what the payments' sums
say, and what a wallet could not pay must have one of the listed causes. The rich twins have money for everything, so
questions are asked, and only what is over is refused; the poor ones have next to none, so all is told that can't be
refused, and they are compared when every promise is over and every loan was asked back. Who has a little hears yes, in
part and no: that depends on the order, so there is no twin.

A yes implies that what is held for it, or taken with it, together with what overtook it or took it back before, is the
amount or more: what is given up of one question is no part of another's. A network takes back what it names, also more
than that came to, and tells what it answered to a question in our place; what it gives up of nothing that it names has
no twin, since nobody knows of what it is. Where promises ran out on the way, all do before the twins are compared.
"""

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db
from app.money import FIRST_LANE, Money
from app.settings import Settings
from cards.card import Card
from cards.payments import (
    archive,
    matching,
)
from cards.payments.matching import Confidence
from cards.payments.message import (
    Authorization,
    Clearing,
    Confirmation,
    FeeCharge,
    Lapse,
    Match,
    NetworkMessage,
    Recovery,
    Refund,
)
from cards.payments.payment import Channel, Operation, Payment
from cards.payments.reason import Reason
from law.money import EUR
from law.money import Money as Amount
from migrations import walls
from tests.cards import made
from tests.cards.made import question, taken_back, tell
from tests.cards.played import advice, comes_to, overtook, standing
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

RICH, SOME, POOR = 1_000_000, 700, 100
NOES = {
    RICH: {Reason.PURCHASE_OVER},
    SOME: {Reason.PURCHASE_OVER, Reason.INSUFFICIENT_FUNDS},
}
Tells = Callable[[Card], NetworkMessage]

DUAL, SINGLE, ELSEWHERE = ("L-1", "L-2", "L-3"), ("S-1", "S-2"), ("T-1", "T-2")
dual, single = st.sampled_from(DUAL), st.sampled_from((*SINGLE, *DUAL))
purchases = st.sampled_from((*DUAL, *SINGLE))
amounts = st.integers(1, 400)


class Network(RuleBasedStateMachine):
    """Generated histories; `told`, `owner` and `has` (tenge in the wallet) are what a run is about."""

    told: Settings
    owner: str
    has: int

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.said: list[Tells] = []
        self.purchases: list[str] = []
        self.questions: list[int] = []
        self.ran_out = False

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.loop.run(self._open())

    async def _open(self) -> None:
        self.engines = Engines(*(db.engine(self.told, role) for role in walls.ROLES))
        self.money = Money(self.engines.posting)
        self.card, self.twin = [await made.spender(self.engines, self.money, self.has) for _ in range(2)]

    @property
    def rich(self) -> bool:
        return self.has == RICH

    @property
    def told_only(self) -> bool:
        return self.has == POOR

    @rule(
        purchase=dual, tenge=amounts, estimated=st.booleans(), increment=st.booleans(), abroad=st.booleans(),
        partial=st.booleans(),
    )  # fmt: skip
    def ask(self, *, purchase: str, tenge: int, estimated: bool, increment: bool, abroad: bool, partial: bool) -> None:
        more: dict[str, Any] = {"original": Amount(tenge, EUR)} if abroad else {}
        more |= {"estimated": estimated, "increment": increment, "partial_ok": partial}
        self.questions.append(len(self.said))
        self._say(purchase, lambda card, name: question(card, tenge, purchase, name, advice=self.told_only, **more))

    @rule(purchase=single, tenge=amounts, cash=st.booleans(), partial=st.booleans())
    def ask_and_take(self, *, purchase: str, tenge: int, cash: bool, partial: bool) -> None:
        # How often cash may be asked for is limited, so that is told and not asked.
        more: dict[str, Any] = {"operation": Operation.CASH, "channel": Channel.CHIP} if cash else {}
        self.questions.append(len(self.said))
        self._say(purchase, lambda card, name: question(
            card, tenge, purchase, name, single=True, partial_ok=partial, advice=cash or self.told_only, **more,
        ))  # fmt: skip

    @rule(purchase=dual, tenge=amounts)
    def confirm(self, purchase: str, tenge: int) -> None:
        self._say(purchase, lambda card, name: _as(Confirmation, card, tenge, purchase, name))

    @rule(which=st.integers(0, 99))
    def stand_in(self, which: int) -> None:
        if self.questions:
            number = self.questions[which % len(self.questions)]
            asked = self.said[number]
            self._say(self.purchases[number], lambda card, name: advice(asked(card), name))

    @rule(which=st.integers(0, 99), tenge=st.integers(1, 2_000), remaining=st.integers(0, 100))
    def take_back(self, which: int, tenge: int, remaining: int) -> None:
        if self.said:
            about = self.questions if self.questions and tenge % 2 else range(len(self.said))
            number = about[which % len(about)]
            purchase, left = self.purchases[number], kzt(min(remaining, tenge))
            self._say(purchase, lambda card, name: taken_back(
                card, tenge, purchase, name, subject=f"E-{number}", remaining=left
            ))  # fmt: skip

    @rule(purchase=purchases, tenge=st.integers(1, 2_000))
    def give_up(self, purchase: str, tenge: int) -> None:
        if self.has == SOME:
            self._say(purchase, lambda card, name: taken_back(card, tenge, purchase, name))

    @rule()
    def run_out(self) -> None:
        self.ran_out = True
        self.loop.run(self._let(self.card, "promise", Lapse))

    @rule(purchase=purchases, tenge=amounts, final=st.booleans(), abroad=st.booleans())
    def clear(self, *, purchase: str, tenge: int, final: bool, abroad: bool) -> None:
        more: dict[str, Any] = {"original": Amount(tenge, EUR)} if abroad else {}
        self._say(purchase, lambda card, name: _as(Clearing, card, tenge, purchase, name, final=final, **more))

    @rule(purchase=st.sampled_from(ELSEWHERE), of=dual, tenge=amounts, final=st.booleans())
    def clear_elsewhere(self, *, purchase: str, of: str, tenge: int, final: bool) -> None:
        # Each name belongs to one promise: what is named twice is not about two.
        purchase = f"{purchase}-{of}"
        self._say(purchase, lambda card, name: _as(
            Clearing, card, tenge, purchase, name, final=final, of=f"{of}/{card.id}",
        ))  # fmt: skip

    @rule()
    def match(self) -> None:
        self.loop.run(self._match(self.card))

    @rule(purchase=purchases, tenge=amounts)
    def give_back(self, purchase: str, tenge: int) -> None:
        self._say(purchase, lambda card, name: _as(Refund, card, tenge, purchase, name))

    @rule(purchase=purchases, tenge=amounts, ours=st.booleans())
    def charge(self, *, purchase: str, tenge: int, ours: bool) -> None:
        self._say(purchase, lambda card, name: _as(FeeCharge, card, tenge, purchase, name, ours=ours))

    @rule(which=st.integers(0, 99))
    def repeat(self, which: int) -> None:
        if self.said:
            before = self.loop.run(self._standing(self.card))
            self.loop.run(tell(self.money, self.said[which % len(self.said)](self.card)))
            assert self.loop.run(self._standing(self.card)) == before

    def _say(self, purchase: str, made_of: Callable[[Card, str], NetworkMessage]) -> None:
        name = f"E-{len(self.said)}"

        def told(card: Card) -> NetworkMessage:
            return msgspec.structs.replace(made_of(card, name), lifecycle=f"{purchase}/{card.id}")

        self.said.append(told)
        self.purchases.append(purchase)
        self.loop.run(self._hear(told(self.card)))

    async def _hear(self, message: NetworkMessage) -> None:
        """Tell the card's own history, and hold the answer against what it promises."""
        before, held = await self._purchase(message)
        [answer] = await tell(self.money, message)
        if not isinstance(message, Authorization) or message.advice:
            assert answer.approved, answer.reasons
        elif not answer.approved:
            assert set(answer.reasons) <= NOES[self.has]
        else:
            after, holds = await self._purchase(message)
            assert after is not None
            assert answer.amount is not None
            was, now = before.sums() if before else made.payment().sums(), after.sums()
            taken = now.taken.minor - was.taken.minor
            assert max(holds - held, 0) + taken + overtook(before, message.element) >= answer.amount.minor
            assert answer.amount <= message.amount

    async def _purchase(self, message: NetworkMessage) -> tuple[Payment | None, int]:
        async with self.engines.report.connect() as connection:
            payments, held = await _payments(connection, self.card)
        found = next((each for each in payments if each.lifecycle == message.lifecycle), None)
        return found, held.get(found.id, 0) if found else 0

    async def _match(self, card: Card) -> None:
        """Let the worker find what names a promise; what else looks alike is a guess of its own."""
        async with self.engines.report.connect() as connection:
            rows = await connection.execute(_LOOSE, {"card": card.id})
            found = await matching.find(connection, [(FIRST_LANE, row.payment) for row in rows])
        named = [each for each in found if each.confidence is Confidence.NAMED]
        matches = [
            Match(lane=FIRST_LANE, payment=each.about, taken=each.loose.payment, confidence=each.confidence)
            for each in named
        ]
        await tell(self.money, *matches, *matches)

    @invariant()
    def the_ledger_says_what_the_sums_say(self) -> None:
        if hasattr(self, "card"):
            self.loop.run(self._compare(self.card))

    def teardown(self) -> None:
        try:
            if hasattr(self, "card"):
                self.loop.run(self._end())
        finally:
            self.loop.run(self._close())
            self.loop.close()

    async def _close(self) -> None:
        for engine in (self.engines.api, self.engines.posting, self.engines.worker, self.engines.report):
            await engine.dispose()

    async def _end(self) -> None:
        if self.has == SOME:
            before = await self._standing(self.card)
            await self._tell_shuffled([told(self.card) for told in self.said])
            assert await self._standing(self.card) == before
            return
        messages = [told(self.twin) for told in self.said]
        await self._tell_shuffled(messages + [told for told in messages if self.random.random() < 0.5])
        for card in (self.card, self.twin):
            await self._match(card)
            await self._compare(card)
        for card in (self.card, self.twin):
            if self.ran_out or not self.rich:
                await self._let(card, "promise", Lapse)
            if not self.rich:
                await self._let(card, "loan", Recovery)
        assert await self._standing(self.card) == await self._standing(self.twin)

    async def _tell_shuffled(self, messages: list[NetworkMessage]) -> None:
        self.random.shuffle(messages)
        while messages:
            size = self.random.randint(1, 6)
            await tell(self.money, *messages[:size])
            del messages[:size]

    async def _compare(self, card: Card) -> None:
        """Hold the ledger's rows against the payments' sums; and no law of either is broken."""
        async with self.engines.report.connect() as connection:
            payments, held = await _payments(connection, card)
            wallet = (await connection.execute(_WALLET, {"id": card.account})).one()
            rows = await connection.execute(_WENT, {"ids": [f"card_payment:{payment.id}" for payment in payments]})
            went = {(row.reference.removeprefix("card_payment:"), row.purpose): row.minor for row in rows}
            assert await connection.scalar(_IMBALANCE) == 0
        assert 0 <= wallet.hold_out <= wallet.posted
        assert wallet.hold_out == sum(held.values())
        for payment in payments:
            sums, id_ = payment.sums(), str(payment.id)
            assert held.get(payment.id, 0) <= sums.wanted.minor
            assert went.get((id_, "fx_income"), 0) == sums.markup.minor
            assert went.get((id_, "card_receivable"), 0) == -sums.owed.minor
            ours = sum(element.amount.minor for element in payment.elements if element.ours)
            assert went.get((id_, "fees"), 0) == sums.fee.minor + ours
            stands = standing(payment)
            assert went.get((id_, "card_clearing"), 0) == stands.moved + sums.charged - ours
            assert sums.promised.minor == stands.left
            name = payment.lifecycle.partition("/")[0]
            assert sums.matched <= sum(each.sums().captured for each in payments if f"-{name}/" in each.lifecycle)
            assert all(bool(element.short) == bool(element.cause) for element in payment.elements)
            if self.rich:
                assert held.get(payment.id, 0) == sums.wanted.minor
                assert not sums.short

    async def _standing(self, card: Card) -> dict[str, object]:
        """Say where a card stands: what its payments come to, in any order of them, and what its wallet has.

        Which payment something was lent for depends on when the wallet had money, so of loans only the total.
        """
        async with self.engines.report.connect() as connection:
            payments, _ = await _payments(connection, card)
            wallet = (await connection.execute(_WALLET, {"id": card.account})).one()
        found: dict[str, object] = {
            payment.lifecycle.partition("/")[0]: comes_to(payment.sums()) for payment in payments
        }
        owed = sum(payment.sums().owed.minor for payment in payments)
        return found | {"posted": wallet.posted, "held": wallet.hold_out, "owed": owed}

    async def _let(self, card: Card, table: str, message: type[Lapse | Recovery]) -> None:
        """Let every promise be over, or every loan be asked back."""
        now = clock.real()
        async with made.owner(self.owner) as connection:
            rows = await connection.execute(
                text(_DUE.format(table=table)), {"now": now - timedelta(minutes=1), "card": card.id}
            )
            due = [message(lane=FIRST_LANE, payment=row.payment, due_at=now) for row in rows]
        await tell(self.money, *due)


def _as(
    kind: type[Clearing | Confirmation | FeeCharge | Refund], card: Card, tenge: int, purchase: str, element: str,
    **more: Any,  # noqa: ANN401  its fields
) -> NetworkMessage:  # fmt: skip
    told = msgspec.structs.asdict(taken_back(card, tenge, purchase, element))
    del told["remaining"]
    return kind(**told, **more)


async def _payments(connection: AsyncConnection, card: Card) -> tuple[list[Payment], dict[object, int]]:
    ids = [(FIRST_LANE, row.id) for row in await connection.execute(_OF_CARD, {"card": card.id})]
    held = await connection.execute(_HELD, {"card": card.id})
    kept = await archive.find(connection, ids=ids)
    return [each.payment for each in kept], {row.payment: row.remaining for row in held}


_OF_CARD = text("SELECT id FROM cards.payment WHERE card = :card")
_LOOSE = text(
    "SELECT loose.payment FROM cards.loose JOIN cards.payment ON payment.id = loose.payment WHERE payment.card = :card"
)
_HELD = text(
    """
    SELECT promise.payment, hold.remaining FROM cards.promise JOIN cards.payment ON payment.id = promise.payment
    JOIN wallet.hold ON hold.lane = promise.lane AND hold.id = promise.hold WHERE payment.card = :card
    """
)
_WALLET = text("SELECT posted, hold_out FROM wallet.account WHERE id = :id")
_IMBALANCE = text("SELECT sum(posted)::bigint FROM wallet.account")
_WENT = text(
    """
    SELECT transfer.reference, account.purpose,
           sum(CASE WHEN account.id = transfer.credit THEN amount ELSE -amount END)::bigint AS minor
    FROM wallet.transfer JOIN wallet.account
         ON account.lane = transfer.lane AND account.id IN (transfer.debit, transfer.credit)
    WHERE transfer.reference = ANY(:ids) AND transfer.kind IN ('post', 'capture')
    GROUP BY transfer.reference, account.purpose
    """
)
_DUE = """
UPDATE cards.{table} SET due_at = :now FROM cards.payment
WHERE payment.id = {table}.payment AND payment.card = :card RETURNING {table}.payment
"""


def run(told: Settings, database: str, *, has: int, examples: int, steps: int) -> None:
    machine = type("NetworkHere", (Network,), {"told": told, "owner": database, "has": has})
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        print_blob=False,
        phases=(Phase.generate,),
        database=None,
    )
    run_state_machine_as_test(machine, settings=profile)


@pytest.mark.parametrize("has", [RICH, SOME, POOR])
def test_whatever_a_network_says_in_whatever_order_the_same_money_moves(
    settings: Settings, database: str, has: int
) -> None:
    run(settings, database, has=has, examples=2, steps=10)


@pytest.mark.nightly
@pytest.mark.parametrize("has", [RICH, SOME, POOR])
def test_the_same_over_long_histories(settings: Settings, database: str, has: int) -> None:
    run(settings, database, has=has, examples=150, steps=40)
