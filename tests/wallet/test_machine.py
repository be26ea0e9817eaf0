"""The ledger's laws over generated histories, on the real database against a model of it (tests/wallet/model.py).

Goal: no history of transfers, holds, captures, reversals, groups, crossings, exchanges, repeats and crashes, from two
engines at once, makes the ledger differ from the model. Method: each step does the same to both; after each step
balances agree, sums are zero, no floor is broken, and every running balance is the fold of its transfers; at the end
the verifier, which shares no code with what wrote, finds nothing.
"""

import asyncio
import functools
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from app import db, ids, verify
from app.idempotency_key import Claim, Reused
from app.money import Money, moves, plainly
from app.settings import Settings
from law.money import KZT, USD
from law.money import Money as Amount
from migrations import walls
from tests.wallet import exchanges, ledgers
from tests.wallet.ledgers import AT, fresh
from tests.wallet.model import Model
from wallet import account
from wallet.chart import Purpose
from wallet.desk import Desk
from wallet.transfer import (
    AccountId,
    Answer,
    Capture,
    Hold,
    HoldId,
    Kind,
    Move,
    Post,
    Posted,
    Reason,
    Refused,
    Release,
    Reverse,
    TransferId,
)

HERE, THERE = ("anna", "bolat"), ("carla", "daniyar")
WALLETS = (*HERE, *THERE)
PER_TENGE = Decimal("0.0019")
HOUR = timedelta(hours=1)

amounts = st.integers(1, 5_000)
wallets = st.sampled_from(WALLETS)
doors = st.integers(0, 1)


class Crash(Exception):
    """The process dies before it can commit."""


class Ledger(RuleBasedStateMachine):
    """Generated histories; `told` and `owner` are how each run finds its database."""

    told: Settings
    owner: str
    holds = Bundle("holds")
    transfers = Bundle("transfers")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.model = Model()
        self.past: list[tuple[Claim, tuple[Move, ...], list[Answer]]] = []

    @initialize()
    def open_wallets(self) -> None:
        self.loop.run(self._open())

    async def _open(self) -> None:
        self.api, self.worker = db.engine(self.told, walls.API), db.engine(self.told, walls.WORKER)
        self.engines = [db.engine(self.told, walls.POSTING) for _ in range(2)]
        self.doors = [Money(engine) for engine in self.engines]
        self.lanes = [1, await ledgers.second_lane(self.worker)]
        self.banks = {lane: await ledgers.bank(self.engines[0], lane=lane) for lane in self.lanes}
        self.places = await exchanges.places(self.engines[0], KZT, USD)
        self.holder = ids.new()
        self.accounts: dict[str, AccountId] = {
            name: await ledgers.opened(self.api, self.holder if name == "anna" else None, lane=self.lane(name))
            for name in WALLETS
        }
        async with db.transaction(self.api, holder=self.holder, audience="resident") as story:
            self.accounts["dollars"] = await account.open_account(
                await story(), holder=self.holder, purpose=Purpose.PARTNER_ACCOUNT, label="altai", currency=USD,
                account=ids.new(), actor="system:test", at=AT,
            )  # fmt: skip
            self.began = story.now

    def lane(self, name: str) -> int:
        return self.lanes[name in THERE]

    def teardown(self) -> None:
        for engine in (self.api, self.worker, *self.engines):
            self.loop.run(engine.dispose())
        self.loop.close()

    def ask(self, *asked: Move, door: int = 0) -> list[bool]:
        claim = fresh()
        answers = self.loop.run(ledgers.move(self.doors[door], *asked, named=claim, lanes=self.lanes))
        self.past.append((claim, asked, answers))
        return [isinstance(answer, Posted) for answer in answers]

    def post(self, payer: str, payee: str, amount: int) -> Post:
        return Post(
            id=TransferId(ids.new()),
            debit=self.accounts[payer],
            credit=self.accounts[payee],
            money=Amount(amount, KZT),
            code="test",
        )

    @rule(target=transfers, who=wallets, amount=amounts)
    def fund(self, who: str, amount: int) -> TransferId:
        asked = ledgers.post(self.banks[self.lane(who)], self.accounts[who], Amount(amount, KZT))
        assert self.ask(asked) == [self.model.send(asked.id, f"+bank{self.lane(who)}", who, amount)]
        return asked.id

    @rule(target=transfers, payer=wallets, payee=wallets, amount=amounts, door=doors)
    def send(self, payer: str, payee: str, amount: int, door: int) -> TransferId | None:
        asked = self.post(payer, payee, amount)
        sent = self.model.send(asked.id, payer, payee, amount)
        assert self.ask(asked, door=door) == [sent]
        return asked.id if sent else None

    @rule(steps=st.lists(st.tuples(wallets, wallets, amounts), min_size=2, max_size=4), linked=st.booleans())
    def send_many(self, steps: list[tuple[str, str, int]], linked: bool) -> None:
        asked = [self.post(*step) for step in steps]
        todo = [functools.partial(self.model.send, post.id, *step) for post, step in zip(asked, steps, strict=True)]
        if linked:
            answers = self.loop.run(ledgers.group(self.doors[0], *asked, lanes=self.lanes))
            assert all(isinstance(answer, Posted) for answer in answers) == self.model.together(*todo)
        else:
            assert self.ask(*asked) == [step() for step in todo]

    @rule(target=holds, payer=wallets, payee=wallets, amount=amounts, hours=st.integers(1, 3))
    def place(self, payer: str, payee: str, amount: int, hours: int) -> HoldId | None:
        due = self.model.now + hours
        hold = Hold(
            id=HoldId(ids.new()), debit=self.accounts[payer], credit=self.accounts[payee], money=Amount(amount, KZT),
            code="test", expires_at=self.began + due * HOUR,
        )  # fmt: skip
        placed = self.lane(payer) == self.lane(payee) and self.model.place(hold.id, payer, payee, amount, due=due)
        assert self.ask(hold) == [placed]
        return hold.id if placed else None

    @rule(target=transfers, hold=holds, amount=amounts, final=st.booleans(), door=doors)
    def capture(self, hold: HoldId | None, amount: int, final: bool, door: int) -> TransferId | None:
        if hold is None:
            return None
        asked = Capture(id=TransferId(ids.new()), hold=hold, money=Amount(amount, KZT), code="test", final=final)
        captured = self.model.capture(asked.id, hold, amount, final=final)
        assert self.ask(asked, door=door) == [captured]
        return asked.id if captured else None

    @rule(hold=holds, kind=st.sampled_from([Kind.VOID, Kind.EXPIRE]))
    def release(self, hold: HoldId | None, kind: Kind) -> None:
        if hold is not None:
            asked = Release(id=TransferId(ids.new()), hold=hold, code="test", kind=kind)
            assert self.ask(asked) == [self.model.release(hold, expire=kind is Kind.EXPIRE)]

    @rule(moved=transfers, amount=amounts)
    def reverse(self, moved: TransferId | None, amount: int) -> None:
        if moved is not None:
            money = Amount(amount, KZT)
            asked = Reverse(id=TransferId(ids.new()), of=moved, money=money, code="test")
            assert self.ask(asked) == [self.model.reverse(moved, amount)]

    @rule(given=st.integers(1, 50_000), tenth=st.integers(0, 10))
    def exchange(self, given: int, tenth: int) -> None:
        """Sell tenge, for as much as the rate says or, as a bank may round, for a cent more."""
        got = int(given * PER_TENGE) + (tenth == 0)
        if got == 0:
            return
        asked = exchanges.booking_of(
            self.places, self.holder, self.accounts["anna"], self.accounts["dollars"], Amount(given, KZT),
            Amount(got, USD), PER_TENGE,
        )  # fmt: skip
        exchanged = self.model.exchange(asked.order.id, given, got, PER_TENGE, "anna", "dollars")
        answers: list[Any] = []
        self.loop.run(self._submit(exchanges.book, [asked], answers))
        assert isinstance(answers[0], list) == exchanged

    async def _submit(self, verb: Any, asked: Sequence[Any], answers: list[Any]) -> None:  # noqa: ANN401  any verb
        async def heard(desk: Desk, items: Sequence[Any]) -> Sequence[Any]:
            answers[:] = await verb(desk, items)
            return [Refused(Reason.NOT_POSITIVE) for _ in items]

        await self.doors[0].submit(heard, asked, lanes=self.lanes, claim=fresh(), render=plainly)

    @rule(hours=st.integers(1, 2))
    def wait(self, hours: int) -> None:
        self.model.now += hours
        self.loop.run(ledgers.forward(self.owner, hours * HOUR))

    @rule(payer=wallets, payee=wallets, share=st.integers(1, 4), times=st.integers(2, 5))
    def race(self, payer: str, payee: str, share: int, times: int) -> None:
        """Let two engines spend the same money at once: as often as there is enough, whoever comes first."""
        amount = max(1, self.model.available(payer) // share)

        async def all_at_once() -> list[list[Answer]]:
            asked = [self.post(payer, payee, amount) for _ in range(times)]
            return await asyncio.gather(
                *(ledgers.move(self.doors[n % 2], each, lanes=self.lanes) for n, each in enumerate(asked))
            )

        won = [isinstance(answer, Posted) for [answer] in self.loop.run(all_at_once())]
        assert sum(won) == sum([self.model.send(object(), payer, payee, amount) for _ in range(times)])

    @rule(payer=wallets, payee=wallets, amount=amounts, loses=st.booleans())
    def crash(self, payer: str, payee: str, amount: int, loses: bool) -> None:
        """Let a batch die before its commit: of a fault of ours nothing happens; a lost connection is made good."""
        asked = self.post(payer, payee, amount)
        died: list[bool] = []

        async def dying(desk: Desk, items: Sequence[Move]) -> Sequence[Answer]:
            answers = await moves(desk, items)
            if not died:
                died.append(True)
                await desk.write()
                if loses:
                    await desk.db.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
                raise Crash
            return answers

        claim = fresh()
        submitted = self.doors[0].submit(dying, [asked], lanes=self.lanes, claim=claim, render=plainly)
        if loses:
            reply = self.loop.run(_awaited(submitted))
            [answer] = ledgers.read(reply.stored.body)
            assert isinstance(answer, Posted) == self.model.send(asked.id, payer, payee, amount)
        else:
            with pytest.raises(Crash):
                self.loop.run(_awaited(submitted))

    @rule(data=st.data(), door=doors)
    def replay(self, data: st.DataObject, door: int) -> None:
        """Ask again: under the same key, and for the same transfers under another one. Other content is refused."""
        if self.past:
            claim, asked, answers = data.draw(st.sampled_from(self.past))
            again = ledgers.move(self.doors[door], *asked, named=claim, lanes=self.lanes)
            assert self.loop.run(_awaited(again)) == answers
            other = Claim(claim.principal, claim.key, bytes(32))
            with pytest.raises(Reused):
                self.loop.run(_awaited(ledgers.move(self.doors[door], *asked, named=other, lanes=self.lanes)))
            done = [(each, answer) for each, answer in zip(asked, answers, strict=True) if isinstance(answer, Posted)]
            if done:
                repeated = ledgers.move(self.doors[door], *(each for each, _ in done), lanes=self.lanes)
                assert self.loop.run(_awaited(repeated)) == [answer for _, answer in done]

    @invariant()
    def balances_are_the_models(self) -> None:
        if hasattr(self, "accounts"):
            names = (*WALLETS, "dollars")
            found = self.loop.run(self._read(_BALANCES, {"ids": list(self.accounts.values())}))
            stands = {row.id: (row.posted, row.available) for row in found}
            assert {name: stands[self.accounts[name]] for name in names} == {
                name: (self.model.posted[name], self.model.available(name)) for name in names
            }

    @invariant()
    def the_laws_hold(self) -> None:
        if hasattr(self, "accounts"):
            for law, statement in LAWS.items():
                assert self.loop.run(self._read(statement, {})) == [], law

    async def _read(self, statement: str, values: dict[str, object]) -> list[Any]:
        async with self.engines[0].connect() as connection:
            return list(await connection.execute(text(statement), values))


async def _awaited(asked: Any) -> Any:  # noqa: ANN401  whatever is awaited
    return await asked


_BALANCES = "SELECT id, posted, posted - hold_out AS available FROM wallet.account WHERE id = ANY(:ids)"
#: Each selects what breaks it.
LAWS = {
    "sums are zero": "SELECT currency FROM wallet.account GROUP BY currency HAVING sum(posted) <> 0",
    "no floor is broken": "SELECT id FROM wallet.account WHERE posted - hold_out < floor",
    "a running balance is the fold": """
        SELECT account.id FROM wallet.account LEFT JOIN (
            SELECT leg.account, sum(leg.moved) AS folded, count(*) AS version FROM wallet.transfer
            CROSS JOIN LATERAL (VALUES (debit, -amount), (credit, amount)) AS side (account, amount)
            CROSS JOIN LATERAL (SELECT side.account, CASE WHEN kind IN ('post', 'capture', 'reversal') THEN side.amount
                                                          ELSE 0 END AS moved) AS leg
            GROUP BY leg.account
        ) AS fold ON fold.account = account.id
        WHERE account.posted <> coalesce(fold.folded, 0) OR account.version <> coalesce(fold.version, 0)
    """,
    "nothing stays in transit": """
        SELECT currency FROM wallet.account WHERE purpose = 'transit' GROUP BY currency HAVING sum(posted) <> 0
    """,
}


def run(told: Settings, database: str, *, examples: int, steps: int) -> None:
    machine = type("LedgerHere", (Ledger,), {"told": told, "owner": database})
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    run_state_machine_as_test(machine, settings=profile)

    found = verify.ledger(database)
    assert found.sound, found


@pytest.mark.fresh
def test_no_history_breaks_the_ledger(settings: Settings, database: str) -> None:
    run(settings, database, examples=5, steps=20)


@pytest.mark.nightly
@pytest.mark.fresh
def test_no_long_history_breaks_the_ledger(settings: Settings, database: str) -> None:
    run(settings, database, examples=200, steps=60)
