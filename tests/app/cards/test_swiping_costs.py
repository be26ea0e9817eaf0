"""What a swipe costs the database: two round trips, and so many statements, however many are decided together.

A batch of few pays mostly for its statements (docs/performance.md), so one more is a decision and not an accident.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec
import pytest
import pytest_asyncio

from app import clock, db, ids
from app.cards import swiping
from app.cards.swiping import Till
from app.idempotency_key import Stored
from app.money import FIRST_LANE, Money, claim
from app.settings import Settings
from cards.hsm.soft import SoftHsm
from cards.payments.message import Authorization
from cards.payments.payment import Channel
from migrations import walls
from tests.app.wire_cutter import Cutter, cutting
from tests.cards import made, plates
from tests.cards.plates import Plastic
from tests.conftest import Engines
from tests.planted import planted
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio

#: BEGIN, lock, known keys and twelve questions; the ledger, the payments, events, counters, answers, COMMIT.
STATEMENTS_MAX = 25
ROUND_TRIPS = 2


class Front(NamedTuple):
    """A process whose words to the database are counted, and cards that chips and pages of shops read in turns."""

    money: Money
    cutter: Cutter
    machine: SoftHsm
    cards: list[Plastic]
    questions: Iterator[Authorization]

    async def books(self, till: Till, count: int) -> tuple[int, int]:
        """Have so many swipes decided in one batch; answers how many round trips and statements that took."""
        asked = [next(self.questions) for _ in range(count)]
        before = self.cutter.round_trips, self.cutter.statements
        approved: list[bool] = []

        def render(answers: Sequence[object]) -> Stored:
            approved[:] = [answer.approved for answer in answers]  # type: ignore[attr-defined]  # each is an Answer
            return Stored(200, b"")

        named = claim("test", str(ids.new()), None)
        await self.money.submit(till.book, asked, lanes=[FIRST_LANE], claim=named, render=render)
        assert approved == [True] * count
        return self.cutter.round_trips - before[0], self.cutter.statements - before[1]

    async def look(self, _: object) -> SoftHsm:
        return self.machine


def _questions(cards: list[Plastic], holders: list[dict[str, object]]) -> Iterator[Authorization]:
    while True:
        for number, (plastic, said) in enumerate(zip(cards, holders, strict=True)):
            channel = Channel.CHIP if number % 2 else Channel.ECOMMERCE
            presented = plastic.inserted(kzt(1)) if number % 2 else plastic.of_now(clock.real())
            deadline = clock.real() + timedelta(seconds=60)
            yield made.question(presented=presented, channel=channel, deadline=deadline, **said)  # type: ignore[arg-type]  # as there


@pytest_asyncio.fixture
async def front(engines: Engines, settings: Settings) -> AsyncIterator[Front]:
    money, machine = Money(engines.posting), plates.hsm()
    cards = [await made.spender(engines, money, 1_000) for _ in range(4)]
    plastics = [Plastic(machine, each, await plates.number(engines, each)) for each in cards]
    said: list[dict[str, object]] = [{"used": each, "tenge": 1, "expiry": each.expires_on} for each in cards]
    async with cutting(settings.database_url) as (address, cutter):
        engine = db.engine(msgspec.structs.replace(settings, database_url=address), walls.POSTING)
        yield Front(Money(engine), cutter, machine, plastics, _questions(plastics, said))
        await engine.dispose()


async def cost(front: Front, till: Till, count: int) -> tuple[int, int]:
    """Say what a batch costs a process that has seen its cards before."""
    for _ in range(2):
        await front.books(till, len(front.cards))
    return await front.books(till, count)


@pytest.mark.parametrize("count", [1, 4])
async def test_a_batch_of_swipes_takes_two_round_trips_and_few_statements(front: Front, count: int) -> None:
    trips, statements = await cost(front, Till(front.look), count)

    assert trips == ROUND_TRIPS
    assert statements <= STATEMENTS_MAX


async def test_who_asks_after_the_lock_is_noticed(front: Front) -> None:
    defect = planted(swiping, "naming(lambda _: (), self._asks)(functools.partial(self.decide))", "self.decide")

    trips, _ = await cost(front, defect.Till(front.look), 1)

    assert trips > ROUND_TRIPS
