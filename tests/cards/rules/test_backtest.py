"""A rule tried on the past: what it says it would have done is what it does, and says it again to the byte."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text

from app import clock, db, ids
from app.cards import backtests
from app.house import House
from app.money import Money
from cards.card import Card
from cards.payments.message import Answer
from cards.payments.payment import Merchant
from cards.rules import backtest
from cards.rules.backtest import BadPeriod, Report, Sum, UnknownBacktest
from cards.rules.rule import State, UnknownRule, Version
from tests.cards import made
from tests.cards.disputes import disputed
from tests.cards.made import cleared, question, tell
from tests.cards.rules import lives
from tests.cards.rules.lives import ANN, DEAR, active, body, drafted, moved
from tests.conftest import Engines

pytestmark = pytest.mark.asyncio

#: Applies to purchases of more than 100 tenge with one merchant.
ELSEWHERE: dict[str, Any] = {"on": "text", "feature": "merchant", "values": ["M-ELSEWHERE"]}


class Past(NamedTuple):
    """What was asked in a time: the answers by name, and the rule that was in force meanwhile."""

    began: datetime
    ended: datetime
    answers: dict[str, Answer]
    in_force: Version


async def lived(engines: Engines, money: Money) -> Past:
    """Let a card be used: paid, disputed, never claimed, declined for money, stopped by another rule, and cheap."""
    in_force = await active(engines.api, body(DEAR, ELSEWHERE))
    card, poor, began = await made.spender(engines, money, 2_000), await made.spender(engines, money, 100), clock.real()
    answers = {
        "paid": await ask(money, card, 200, taken=True),
        "disputed": await ask(money, card, 300, taken=True),
        "unclaimed": await ask(money, card, 400),
        "poor": await ask(money, poor, 500),
        "stopped": await ask(money, card, 600, shop="M-ELSEWHERE"),
        "cheap": await ask(money, card, 50),
    }
    about = await disputed.payment(engines, answers["disputed"].payment)
    await disputed.opened(engines, about, 300)
    await moved(engines.api, in_force, State.RETIRED)
    return Past(began, clock.real(), answers, in_force)


async def ask(money: Money, card: Card, tenge: int, *, taken: bool = False, shop: str = "M-DEAR") -> Answer:
    """Ask with a card, and take what was approved where it is `taken`."""
    merchant = Merchant(name="Dear", id=shop, category="5942", country="KZ")
    asked = question(card, tenge, merchant=merchant)
    [answer] = await tell(money, asked)
    if taken:
        await tell(money, cleared(card, tenge, asked.lifecycle, merchant=merchant))
    return answer


async def tried(
    engines: Engines, version: Version, past: Past, *, as_of: datetime | None = None, size: int = 100
) -> tuple[Report, bytes]:
    """Try a version on what was asked then; the officer's clock is ahead, so that it is settled."""
    async with db.transaction(engines.api, audience="officer") as story:
        wanted = await backtest.ask(
            await story(),
            version.id,
            backtest=ids.new(),
            since=past.began,
            until=past.ended,
            as_of=as_of or past.ended,
            actor=ANN,
            at=clock.real() + 2 * backtest.SETTLED,
        )
    async with db.transaction(engines.worker) as story:
        report = await backtest.tried(await story(), wanted, version, size=size)
    return report, backtest.digest(wanted, version, report)


def of(tenge: int, decisions: int = 1) -> Sum:
    return Sum(decisions=decisions, amounts={"KZT": tenge * 100})


@pytest.mark.parametrize("size", [1, 4, 1_000])
async def test_it_tells_whom_it_would_have_declined_and_whether_that_was_right(
    engines: Engines, money: Money, size: int
) -> None:
    past = await lived(engines, money)

    report, _ = await tried(engines, await drafted(engines.api, body(DEAR)), past, size=size)

    assert (report.decisions, report.applied, report.declined_anyway) == (6, of(2_000, 5), of(1_100, 2))
    assert (report.newly, report.honest, report.disputed) == (of(900, 3), of(200), of(300))
    assert [(each.version, each.decisions) for each in report.overlaps] == [(past.in_force.id, 1)]
    assert list(report.examples) == [past.answers[name].payment for name in ("paid", "disputed", "unclaimed")]


async def test_in_force_it_does_what_its_backtest_said(engines: Engines, money: Money) -> None:
    """The same questions, asked again with the rule in force, are those it declines."""
    past = await lived(engines, money)
    here = {"on": "text", "feature": "merchant", "values": ["M-DEAR"]}
    version = await active(engines.api, body(DEAR, here))
    said, _ = await tried(engines, version, past)
    card = await made.spender(engines, money, 2_000)

    again = [await ask(money, card, tenge) for tenge in (200, 300, 400, 50)]
    await moved(engines.api, version, State.RETIRED)

    assert [answer.approved for answer in again].count(False) == said.newly.decisions == 3


async def test_asked_again_as_of_then_it_is_the_same_to_the_byte(engines: Engines, money: Money) -> None:
    past = await lived(engines, money)
    version = await drafted(engines.api, body(DEAR))
    first, before = await tried(engines, version, past)

    about = await disputed.payment(engines, past.answers["paid"].payment)
    await disputed.opened(engines, about, 200)
    again, after = await tried(engines, version, past)
    later, other = await tried(engines, version, past, as_of=clock.real() + backtest.SETTLED)

    assert (again, after) == (first, before)
    assert (later.honest.decisions, later.disputed.decisions) == (0, 2)
    assert other != before


async def test_of_whom_too_little_was_known_is_told_apart(engines: Engines, money: Money, database: str) -> None:
    past = await lived(engines, money)
    async with made.owner(database) as owner:
        await owner.execute(text("ALTER TABLE cards.decision DISABLE TRIGGER append_only"))
        await owner.execute(_LESS, {"payment": past.answers["paid"].payment})
        await owner.execute(text("ALTER TABLE cards.decision ENABLE TRIGGER append_only"))

    report, _ = await tried(engines, await drafted(engines.api, body(DEAR)), past)

    assert (report.decisions, report.unreadable, report.newly) == (6, 1, of(700, 2))


_LESS = text("UPDATE cards.decision SET features = features - 'hour' WHERE payment = :payment")


async def test_another_rule_that_finds_the_same_has_another_hash(engines: Engines, money: Money) -> None:
    past = await lived(engines, money)
    twins = [
        await drafted(engines.api, said)
        for said in (body(DEAR), body(DEAR), body(DEAR, do="alert"), body({**DEAR, "to": 101_00}))
    ]

    hashes = [(await tried(engines, each, past))[1] for each in twins]

    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


async def test_the_worker_runs_it_and_an_officer_reads_it(engines: Engines, house: House) -> None:
    version = await drafted(engines.api, body(DEAR, {"on": "text", "feature": "merchant", "values": ["M-NOBODY"]}))
    async with db.transaction(engines.api, audience="officer") as story:
        connection, now = await story(), story.now
        period = {"since": now - timedelta(days=2), "until": now - timedelta(days=1), "as_of": None, "actor": ANN}
        wanted = [
            await backtest.ask(connection, version.id, backtest=ids.new(), **period, at=now)  # type: ignore[arg-type]  # fields by name
            for _ in range(2)
        ]

    assert [await backtests.step(house) for _ in range(3)] == [1, 1, 0]

    async with db.transaction(engines.api, audience="officer") as story:
        connection = await story()
        done = [await backtest.find(connection, each.id) for each in wanted]
        listed = await backtest.of(connection, version.id, limit=10)
    assert done[0].hash == done[1].hash
    assert done[0].report == Report(
        decisions=0, unreadable=0, applied=Sum(), declined_anyway=Sum(), newly=Sum(), honest=Sum(), disputed=Sum(),
        overlaps=(), examples=(),
    )  # fmt: skip
    assert [each.id for each in listed] == [done[1].id, done[0].id]
    assert await lives.told(engines.report, done[0].id) == ["card_rule.backtested"]


@pytest.mark.parametrize(
    ("since", "until", "as_of"),
    [
        (2, 2, None),  # of no time
        (2, 3, None),  # backwards
        (2, 0, None),  # not over
        (93 * 24 * 60, 2, None),  # too long
        (10, 5, 6),  # known before it was over
        (10, 5, 0),  # as of a time that is not settled
    ],
)
async def test_a_period_is_over_and_settled(engines: Engines, since: int, until: int, as_of: int | None) -> None:
    version = await drafted(engines.api)

    async def ask(connection: object, now: datetime, ago: Sequence[int | None]) -> None:
        instants = [None if minutes is None else now - timedelta(minutes=minutes) for minutes in ago]
        names = dict(zip(("since", "until", "as_of"), instants, strict=True))
        await backtest.ask(connection, version.id, backtest=ids.new(), actor=ANN, at=now, **names)  # type: ignore[arg-type]  # fields by name

    async with db.transaction(engines.api, audience="officer") as story:
        connection = await story()
        with pytest.raises(BadPeriod):
            await ask(connection, story.now, (since, until, as_of))


async def test_what_is_unknown_is_refused(engines: Engines) -> None:
    now = clock.real()
    async with db.transaction(engines.api, audience="officer") as story:
        connection = await story()
        with pytest.raises(UnknownBacktest):
            await backtest.find(connection, ids.new())
        with pytest.raises(UnknownRule):
            await backtest.ask(
                connection, ids.new(), backtest=ids.new(), since=now, until=now, as_of=None, actor=ANN, at=now
            )
