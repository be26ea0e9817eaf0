"""Planted defects: code that is wrong in one place, and who stops it. Nothing on this list passes unseen.

REFUSED  the database does not take it: the batch fails and nothing is stored
FOUND    it is stored, and `eresidency verify ledger` says what is wrong
BOTH     the database would not take it; where its check is taken out, the verifier says what is wrong
"""
# ruff: noqa: ANN401  what is planted takes what the code it replaces takes, inside of it too

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import psycopg
import pytest

from app import ids, verify
from app.money import Money
from law.money import KZT, USD
from law.money import Money as Amount
from proof import journal, merkle
from tests import postgres
from tests.conftest import Engines
from tests.wallet import test_exchange
from tests.wallet.ledgers import REFUSED as REFUSED_BY_DATABASE
from tests.wallet.ledgers import funded, group, kzt, move, opened, post, second_lane
from wallet import crossing, exchange, leaf, ledger, packed, sheet
from wallet.desk import Desk
from wallet.events import Exchanged
from wallet.ledger import Account, OpenHold, Question
from wallet.sheet import Moved, Sheet
from wallet.transfer import AccountId, Capture, Hold, HoldId, Kind, Release, Reverse, TransferId

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


class World(msgspec.Struct, frozen=True):
    """What the scenarios of the defects have: money in a wallet here, an empty one there."""

    engines: Engines
    money: Money
    payer: AccountId
    payee: AccountId
    there: AccountId
    lanes: list[int]


Scenario = Callable[[World], Any]


# -- what is done ------------------------------------------------------------------------------------------------------


async def sending(world: World) -> None:
    await move(world.money, post(world.payer, world.payee, kzt(10)), post(world.payer, world.payee, kzt(5)))


async def overspending(world: World) -> None:
    await move(world.money, post(world.payer, world.payee, kzt(101)))


async def holding(world: World) -> None:
    hold = Hold(id=HoldId(ids.new()), debit=world.payer, credit=world.payee, money=kzt(10), code="test")
    await move(world.money, hold)
    await move(world.money, Capture(id=TransferId(ids.new()), hold=hold.id, money=kzt(4), code="test", final=False))
    await move(world.money, Release(id=TransferId(ids.new()), hold=hold.id, code="test"))


async def reversing(world: World) -> None:
    sent = post(world.payer, world.payee, kzt(10))
    await move(world.money, sent)
    for _ in range(2):
        await move(world.money, Reverse(id=TransferId(ids.new()), of=sent.id, money=kzt(10), code="test"))


async def linking(world: World) -> None:
    await group(world.money, post(world.payer, world.payee, kzt(2)), post(world.payee, world.payer, kzt(1)))


async def crossing_over(world: World) -> None:
    await move(world.money, post(world.payer, world.there, kzt(10)), lanes=world.lanes)


async def exchanging(world: World) -> None:
    mine = await test_exchange.resident(world.engines, world.money, 100)
    asked = await test_exchange.booking(world.engines, mine, Amount(18_43, KZT), Amount(4, USD))
    await test_exchange.book(world.money, asked)


# -- what is wrong -----------------------------------------------------------------------------------------------------


def skip_the_chain(patch: Patch) -> None:
    patch.setattr(leaf.BLOCKS.__class__, "extend", lambda _, head, __: head)


def forget_a_leaf(patch: Patch) -> None:
    whole = merkle.root
    patch.setattr(merkle, "root", lambda leaves: whole(leaves[:-1]))


def sign_another_amount(patch: Patch) -> None:
    whole = leaf.of
    patch.setattr(leaf, "of", lambda row: whole(row._replace(amount=row.amount + 1)))


def drop_a_leg(patch: Patch) -> None:
    _posting(patch, lambda rows: rows[:-1])


def post_twice(patch: Patch) -> None:
    _posting(patch, lambda rows: [*rows, rows[-1]._replace(id=ids.new(), seq=rows[-1].seq + 1)])


def post_another_currency(patch: Patch) -> None:
    whole = ledger.posting

    def wrong(at: Any, blocks: Any, rows: Any, expiries: Any, accounts: Any) -> Question:
        row = rows[-1]
        versions = {"debit_version": row.debit_version + 1, "credit_version": row.credit_version + 1}
        beside = row._replace(id=ids.new(), seq=row.seq + 1, currency="USD", **versions)
        blocks[-1].lane.seq += 1
        return whole(at, blocks, [*rows, beside], [*expiries, None], accounts)

    patch.setattr(ledger, "posting", wrong)


def name_another_lane(patch: Patch) -> None:
    whole = ledger.posting

    def wrong(at: Any, blocks: Any, rows: Any, expiries: Any, accounts: Any) -> Question:
        accounts[0].lane += 1
        return whole(at, blocks, rows, expiries, accounts)

    patch.setattr(ledger, "posting", wrong)


def _posting(patch: Patch, change: Callable[[Sequence[leaf.Row]], Sequence[leaf.Row]]) -> None:
    whole = ledger.posting

    def wrong(at: Any, blocks: Any, rows: Any, _: Any, accounts: Any) -> Question:
        changed = change(rows)
        return whole(at, blocks, changed, [None] * len(changed), accounts)

    patch.setattr(ledger, "posting", wrong)


def make_money(patch: Patch) -> None:
    whole = Account.change
    patch.setattr(
        Account, "change", lambda self, *, posted, **holding: whole(self, posted=posted + (posted > 0), **holding)
    )


def leave_a_version_out(patch: Patch) -> None:
    whole = Account.change

    def twice(self: Account, **by: int) -> None:
        whole(self, **by)
        self.version += 1

    patch.setattr(Account, "change", twice)


def leave_a_number_out(patch: Patch) -> None:
    whole = Sheet.record

    def skipping(self: Sheet, asked: Any, kind: Any, debit: Account, *others: Any, **named: Any) -> Any:
        self.lanes[debit.lane].seq += 1
        return whole(self, asked, kind, debit, *others, **named)

    patch.setattr(Sheet, "record", skipping)


def show_another_balance(patch: Patch) -> None:
    _posting(patch, lambda rows: [row._replace(debit_posted=row.debit_posted + 1) for row in rows])


def forget_the_floor(patch: Patch) -> None:
    patch.setattr(Account, "can_spend", lambda *_: True)


def release_too_much(patch: Patch) -> None:
    whole = OpenHold.__init__

    def more(self: OpenHold, *columns: Any) -> None:
        changed: list[Any] = [*columns[:5], columns[5] + 1, *columns[6:]]
        whole(self, *changed)

    patch.setattr(OpenHold, "__init__", more)


def keep_the_hold(patch: Patch) -> None:
    whole = Sheet.record
    patch.setattr(
        Sheet, "record",
        lambda *sides, held=0, **named: whole(*sides, held=0 if named.get("of") else held, **named),
    )  # fmt: skip


def forget_what_came_back(patch: Patch) -> None:
    whole = Moved.__init__

    def blank(self: Moved, row: leaf.Row, *, back: int, crossed: bool) -> None:
        whole(self, row, back=back * 0, crossed=crossed)

    patch.setattr(Moved, "__init__", blank)


def count_a_group_wrong(patch: Patch) -> None:
    whole = sheet.Linked
    patch.setattr(sheet, "Linked", lambda lane, id_, count, total: whole(lane, id_, count, total + 1))


def forget_the_group(patch: Patch) -> None:
    patch.setattr(
        Desk, "_groups", lambda desk: (packed.integers([]), packed.uuids([]), *[packed.integers([])] * 2, desk.now)
    )


def cross_without_a_group(patch: Patch) -> None:
    patch.setattr(Sheet, "_link", lambda *_: None)


def leave_it_in_transit(patch: Patch) -> None:
    def carry(desk: Sheet, asked: Any, debit: Account, credit: Account) -> Any:
        transit = desk.accounts[desk.transit[debit.lane, credit.lane, debit.currency]]
        return desk.record(asked, Kind.POST, debit, transit, amount=asked.money.minor)

    patch.setattr(crossing, "carry", carry)


def round_another_way(patch: Patch) -> None:
    def wrong(*asked: Any) -> Any:
        found = exchange.quoted(*asked)
        return msgspec.structs.replace(found, remainder=found.remainder + Amount(1, KZT))

    patch.setattr("app.banking.booking.quoted", wrong)


def keep_the_remainder(patch: Patch) -> None:
    def wrong(*asked: Any) -> Any:
        return [leg for leg in exchange.legs(*asked) if leg.name != "rounding"]

    patch.setattr("app.banking.booking.legs", wrong)


def tell_nobody(patch: Patch) -> None:
    whole = journal.append

    async def silent(db: Any, events: Any, *facts: journal.Fact) -> None:
        await whole(db, events, *(fact for fact in facts if not isinstance(fact.event, Exchanged)))

    patch.setattr(journal, "append", silent)


REFUSED: dict[Plant, Scenario] = {
    drop_a_leg: sending,
    post_twice: sending,
    post_another_currency: sending,
    name_another_lane: sending,
    leave_a_number_out: sending,
    make_money: sending,
    forget_the_floor: overspending,
    release_too_much: holding,
    forget_what_came_back: reversing,
    count_a_group_wrong: linking,
    forget_the_group: linking,
}
#: With a word of what the verifier says.
FOUND: dict[Plant, tuple[Scenario, str]] = {
    skip_the_chain: (sending, "hash"),
    forget_a_leaf: (sending, "vouches"),
    sign_another_amount: (sending, "vouches"),
    leave_a_version_out: (sending, "version"),
    show_another_balance: (sending, "another balance"),
    keep_the_hold: (holding, "frees what was not held"),
    cross_without_a_group: (crossing_over, "outside of a group"),
    leave_it_in_transit: (crossing_over, "outside of a group"),
    round_another_way: (exchanging, "another remainder"),
    keep_the_remainder: (exchanging, "not the exchange"),
    tell_nobody: (exchanging, "does not tell of the exchange"),
}


#: What the database is stopped from saying, and what the verifier says then: either net holds without the other.
BOTH: dict[Plant, tuple[str, str]] = {
    leave_a_number_out: ("numbers differ", "comes after a gap"),
    make_money: ("balances differ", "is not the sum of its transfers"),
    forget_what_came_back: ("this was not moved", "moves back more than was moved"),
    count_a_group_wrong: ("a group is torn", "other transfers than belong together"),
    forget_the_group: ("names a group", "is not the group of its transfers"),
}


async def world(engines: Engines) -> World:
    money = Money(engines.posting)
    lanes = [1, await second_lane(engines.worker)]
    payer, payee = await funded(engines.api, engines.posting, money, [100, 100])
    return World(engines, money, payer, payee, await opened(engines.api, lane=lanes[1]), lanes)


@pytest.mark.asyncio
@pytest.mark.parametrize("plant", REFUSED, ids=lambda plant: plant.__name__)
async def test_the_database_refuses(engines: Engines, database: str, monkeypatch: Patch, plant: Plant) -> None:
    there = await world(engines)
    plant(monkeypatch)

    with pytest.raises(REFUSED_BY_DATABASE):
        await REFUSED[plant](there)

    monkeypatch.undo()
    assert verify.ledger(database).sound


@pytest.mark.asyncio
@pytest.mark.fresh
@pytest.mark.parametrize("plant", FOUND, ids=lambda plant: plant.__name__)
async def test_the_verifier_finds(engines: Engines, database: str, monkeypatch: Patch, plant: Plant) -> None:
    scenario, word = FOUND[plant]
    there = await world(engines)
    plant(monkeypatch)

    await scenario(there)

    monkeypatch.undo()
    said = [found.what for found in verify.ledger(database).findings]
    assert any(word in what for what in said), said


@pytest.mark.asyncio
@pytest.mark.fresh
@pytest.mark.parametrize("plant", BOTH, ids=lambda plant: plant.__name__)
async def test_what_the_database_would_let_pass_the_verifier_finds(
    engines: Engines, database: str, monkeypatch: Patch, plant: Plant
) -> None:
    refusal, word = BOTH[plant]
    there = await world(engines)
    silence(database, refusal)
    plant(monkeypatch)

    await REFUSED[plant](there)

    monkeypatch.undo()
    said = [found.what for found in verify.ledger(database).findings]
    assert any(word in what for what in said), said


def silence(database: str, refusal: str) -> None:
    """Take the check that says `refusal` out of the database's functions."""
    with psycopg.connect(postgres.libpq(database), autocommit=True) as owner:
        [(source,)] = owner.execute(
            """
            SELECT pg_get_functiondef(pg_proc.oid) FROM pg_proc WHERE pronamespace = 'wallet'::regnamespace
            AND strpos(prosrc, %s) > 0
            """,
            [refusal],
        ).fetchall()
        changed, count = re.subn(rf"IF [^;]* THEN(?=\s+RAISE EXCEPTION '[^']*{refusal})", "IF false THEN", source)
        assert count == 1
        owner.execute(changed.encode())


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_without_a_defect_nothing_is_refused_or_found(engines: Engines, database: str) -> None:
    there = await world(engines)

    for scenario in {*REFUSED.values(), *(scenario for scenario, _ in FOUND.values())}:
        await scenario(there)

    assert verify.ledger(database).sound
