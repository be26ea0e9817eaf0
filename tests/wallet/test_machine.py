"""The ledger's laws over generated histories, on the real database against a model of it.

Goal: no history of posts, holds, captures, releases and replays makes the ledger differ from forty lines of arithmetic.
Method: each step does the same to both; after each step balances agree, and at the end the verifier finds nothing.
"""

import asyncio

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from app import db, ids, verify
from app.idempotency_key import Claim
from app.money import Money
from app.settings import Settings
from migrations import walls
from tests.wallet.ledgers import bank, fresh, kzt, move, opened, post
from wallet.transfer import AccountId, Answer, Capture, Hold, HoldId, Kind, Move, Posted, Release, TransferId

WALLETS = 4
amounts = st.integers(1, 50)


class Model:
    """What the ledger should hold, in tenge: balances by wallet, and what is left of each hold."""

    def __init__(self) -> None:
        self.posted = dict.fromkeys(range(WALLETS), 0)
        self.holds: dict[HoldId, tuple[int, int, int]] = {}

    def available(self, who: int) -> int:
        return self.posted[who] - sum(left for payer, _, left in self.holds.values() if payer == who)

    def send(self, payer: int, payee: int, amount: int) -> bool:
        if payer == payee or self.available(payer) < amount:
            return False
        self.posted[payer] -= amount
        self.posted[payee] += amount
        return True

    def place(self, hold: HoldId, payer: int, payee: int, amount: int) -> bool:
        if payer == payee or self.available(payer) < amount:
            return False
        self.holds[hold] = (payer, payee, amount)
        return True

    def capture(self, hold: HoldId, amount: int, *, final: bool) -> bool:
        payer, payee, left = self.holds[hold]
        if left == 0 or amount - min(amount, left) > self.available(payer):
            return False
        self.holds[hold] = (payer, payee, 0 if final else left - min(amount, left))
        self.posted[payer] -= amount
        self.posted[payee] += amount
        return True

    def release(self, hold: HoldId) -> bool:
        payer, payee, left = self.holds[hold]
        self.holds[hold] = (payer, payee, 0)
        return left > 0


class Ledger(RuleBasedStateMachine):
    """Generated histories; `told` is how each run finds its database."""

    told: Settings
    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.model = Model()
        self.past: list[tuple[Claim, tuple[Move, ...], list[Answer]]] = []

    @initialize()
    def open_wallets(self) -> None:
        self.loop.run(self._open())

    async def _open(self) -> None:
        self.api = db.engine(self.told, walls.API)
        self.posting = db.engine(self.told, walls.POSTING)
        self.money = Money(self.posting)
        self.source = await bank(self.posting)
        self.wallets: list[AccountId] = [await opened(self.api) for _ in range(WALLETS)]

    def teardown(self) -> None:
        self.loop.run(self.api.dispose())
        self.loop.run(self.posting.dispose())
        self.loop.close()

    def ask(self, *moves: Move) -> list[bool]:
        claim = fresh()
        answers = self.loop.run(move(self.money, *moves, named=claim))
        self.past.append((claim, moves, answers))
        return [isinstance(answer, Posted) for answer in answers]

    @rule(who=st.integers(0, WALLETS - 1), amount=amounts)
    def fund(self, who: int, amount: int) -> None:
        assert self.ask(post(self.source, self.wallets[who], kzt(amount))) == [True]
        self.model.posted[who] += amount

    @rule(
        asked=st.lists(
            st.tuples(st.integers(0, WALLETS - 1), st.integers(0, WALLETS - 1), amounts), min_size=1, max_size=6
        )
    )
    def send(self, asked: list[tuple[int, int, int]]) -> None:
        moves = [post(self.wallets[payer], self.wallets[payee], kzt(amount)) for payer, payee, amount in asked]
        assert self.ask(*moves) == [self.model.send(*each) for each in asked]

    @rule(target=holds, payer=st.integers(0, WALLETS - 1), payee=st.integers(0, WALLETS - 1), amount=amounts)
    def place(self, payer: int, payee: int, amount: int) -> HoldId | None:
        hold = Hold(
            id=HoldId(ids.new()), debit=self.wallets[payer], credit=self.wallets[payee], money=kzt(amount), code="test"
        )
        placed = self.model.place(hold.id, payer, payee, amount)
        assert self.ask(hold) == [placed]
        return hold.id if placed else None

    @rule(hold=holds, amount=amounts, final=st.booleans())
    def capture(self, hold: HoldId | None, amount: int, final: bool) -> None:
        if hold is not None:
            asked = Capture(id=TransferId(ids.new()), hold=hold, money=kzt(amount), code="test", final=final)
            assert self.ask(asked) == [self.model.capture(hold, amount, final=final)]

    @rule(hold=holds, kind=st.sampled_from([Kind.VOID, Kind.EXPIRE]))
    def release(self, hold: HoldId | None, kind: Kind) -> None:
        if hold is not None:
            asked = Release(id=TransferId(ids.new()), hold=hold, code="test", kind=kind)
            assert self.ask(asked) == [self.model.release(hold)]

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        if self.past:
            claim, moves, answers = data.draw(st.sampled_from(self.past))
            assert self.loop.run(move(self.money, *moves, named=claim)) == answers

    @invariant()
    def balances_are_the_models(self) -> None:
        if hasattr(self, "wallets"):
            found = self.loop.run(self._balances())
            assert found == [(self.model.posted[who] * 100, self.model.available(who) * 100) for who in range(WALLETS)]

    async def _balances(self) -> list[tuple[int, int]]:
        async with self.posting.connect() as connection:
            rows = await connection.execute(
                text("SELECT id, posted, posted - hold_out AS available FROM wallet.account WHERE id = ANY(:ids)"),
                {"ids": self.wallets},
            )
            found = {row.id: (row.posted, row.available) for row in rows}
        return [found[wallet] for wallet in self.wallets]


@pytest.mark.fresh
def test_no_history_breaks_the_ledger(settings: Settings, database: str) -> None:
    machine = type("LedgerHere", (Ledger,), {"told": settings})
    run_state_machine_as_test(machine, settings=_PROFILE)

    found = verify.ledger(database)
    assert found.sound, found


_PROFILE = settings(
    max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
