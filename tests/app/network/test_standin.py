"""While the books can't be asked, little is promised; when they are back they are told of it, each promise once."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import text

from app import clock, ids
from app import house as house_
from app.house import House
from app.idempotency_key import Reused
from app.network import journal, share, snapshot
from app.network.books import Books
from app.network.meters import Meters
from app.network.standin import StandIn
from app.settings import Settings
from cards.payments.message import Answer, Authorization, NetworkMessage
from cards.payments.payment import PaymentId
from cards.payments.standin import Terms
from cards.proofs.presented import NOTHING
from simulators.patience import until
from tests.app.network import lines, outage
from tests.app.network.lines import LINE, Cardholder
from tests.app.network.outage import Gate
from tests.cards import made
from tests.wallet.ledgers import kzt

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(autouse=True)
async def alone(settings: Settings) -> None:
    """Let nobody wait for the parts of processes of other tests, some of which ended while the books were away."""
    async with made.owner(settings.database_url) as connection:
        await connection.execute(text("DELETE FROM cards.standin_share"))


@pytest_asyncio.fixture
async def gated(settings: Settings) -> AsyncIterator[tuple[House, Gate]]:
    """Give a house whose database can be lost."""
    async with (
        outage.gated(settings.database_url) as (url, gate),
        house_.opened(msgspec.structs.replace(settings, database_url=url)) as house,
    ):
        yield house, gate


async def test_a_chip_pays_for_bread_while_nobody_can_be_asked_and_the_books_hear_of_it_once(
    gated: tuple[House, Gate], tmp_path: Path
) -> None:
    house, gate = gated
    who = await lines.cardholder(house)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        await opened.learn()
        await outage.lost(opened, gate)

        bread = who.till(network, 5_000)
        asked = bread.asks(more=who.inserted(5_000))
        promised = await bread.say("0100", asked)
        assert (promised.code, bool(promised.approval)) == ("00", True)
        assert await bread.say("0101", asked) == msgspec.structs.replace(promised, mti="0101")
        assert (await who.till(network, 5_000).say("0100", who.till(network, 5_000).asks())).code == "91"  # no chip
        dear = who.till(network, 20_001)
        assert (await dear.say("0100", dear.asks(more=who.inserted(20_001)))).code == "91"
        replayed = who.till(network, 5_000)
        assert (await replayed.say("0100", replayed.asks(more={**who.inserted(5_000), 55: asked[55]}))).code == "91"

        await outage.back(opened, gate)
        assert await lines.elements(house, who) == [("authorization", "ours", 5_000)]
        assert await lines.balance(house, who) == (1_000_000, 5_000)
        copied = who.till(network, 5_000)
        assert (await copied.say("0100", copied.asks(more={**who.inserted(5_000), 55: asked[55]}))).code == "59"
        assert await bread.say("0101", asked) == msgspec.structs.replace(promised, mti="0101")
        assert (await bread.say("0220", bread.takes())).code == "00"
        assert await lines.balance(house, who) == (995_000, 0)


async def test_what_is_promised_is_small_and_seldom_and_counts_over_outages_and_restarts(
    gated: tuple[House, Gate], tmp_path: Path
) -> None:
    house, gate = gated
    who = await lines.cardholder(house)
    heard = []
    for _ in range(2):
        async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
            await opened.learn()
            await outage.lost(opened, gate)
            for _ in range(2):
                till = who.till(network, 1_000)
                heard.append((await till.say("0100", till.asks(more=who.inserted(1_000)))).code)
            await outage.back(opened, gate)

    assert heard == ["00", "00", "00", "91"]
    assert await lines.balance(house, who) == (1_000_000, 3_000)


async def test_a_process_that_starts_while_the_books_are_away_knows_what_it_promised(
    gated: tuple[House, Gate], tmp_path: Path
) -> None:
    house, gate = gated
    who = await lines.cardholder(house)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        await opened.learn()
        await outage.lost(opened, gate)
        till = who.till(network, 2_000)
        asked = till.asks(more=who.inserted(2_000))
        first = await till.say("0100", asked)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        await outage.lost(opened, gate)
        again = who.till(network, 2_000)
        assert await again.say("0101", asked) == msgspec.structs.replace(first, mti="0101")
        another = who.till(network, 2_000)
        # The keys of the cards are in the database: what started without it believes no chip.
        assert (await another.say("0100", another.asks(more=who.inserted(2_000)))).code == "91"
        await outage.back(opened, gate)

    assert await lines.balance(house, who) == (1_000_000, 2_000)


async def test_a_number_that_nobody_can_look_up_is_not_a_number_of_nobodys(
    gated: tuple[House, Gate], tmp_path: Path
) -> None:
    house, gate = gated
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        await opened.learn()
        who = await lines.cardholder(house)
        till = who.till(network, 1_000)
        asked = till.asks(more=who.inserted(1_000))
        gate.shut()
        assert (await till.say("0100", asked)).code == "91"  # the first to find out
        await outage.lost(opened, gate)
        assert (await till.say("0101", asked)).code == "91"
        await outage.back(opened, gate)
        assert (await till.say("0101", asked)).code == "00"


async def test_what_the_books_have_still_to_hear_of_is_promised_by_nobody_else(
    gated: tuple[House, Gate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (house, gate), newcomer, who = gated, ids.new(), await lines.cardholder(gated[0])
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        await opened.learn()
        await outage.lost(opened, gate)
        till = who.till(network, 5_000)
        assert (await till.say("0100", till.asks(more=who.inserted(5_000)))).code == "00"
        monkeypatch.setattr(opened.books, "book", None)  # a promise that they do not take
        gate.open()
        await until(opened.books.answer, bool)
    before = await share.take(house.posting, newcomer, timedelta(minutes=15), told=True)
    async with lines.opened(house, tmp_path) as again:
        await outage.back(again)
    after = await share.take(house.posting, newcomer, timedelta(minutes=15), told=True)
    assert (before.parts, after.parts) == (0, share.WHOLE)


class Killed(BaseException):
    """The process ends."""


async def test_who_is_killed_while_telling_begins_again_and_nothing_happens_twice(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house)
    asked = [question(who, f"killed-{number}") for number in range(3)]
    stand_in, books = standing_in(tmp_path, house), Books(house)
    for each in asked:
        await written(stand_in, each, approved=True, in_vain=False)
    await stand_in.close()

    for calls, after in itertools.product(range(3), (False, True)):
        with pytest.raises(Killed):
            await standing_in(tmp_path, house).tell(killing(books.book, calls, after=after))
    await standing_in(tmp_path, house).tell(books.book)

    assert [kind for kind, _, _ in await lines.elements(house, who)] == ["authorization"] * 3
    assert not journal.waiting(tmp_path)
    assert not standing_in(tmp_path, house).owes


async def test_a_yes_that_the_books_refused_is_told_under_its_own_name(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house)
    stand_in, books = standing_in(tmp_path, house), Books(house)
    late = msgspec.structs.replace(question(who, "late"), deadline=clock.real() - timedelta(seconds=1))
    await written(stand_in, late, approved=True, in_vain=True)

    await stand_in.tell(books.book)

    assert [(kind, who_) for kind, who_, _ in await lines.elements(house, who)] == [
        ("decline", None),
        ("authorization", "ours"),
    ]
    assert await lines.balance(house, who) == (1_000_000, 1_000)


async def test_a_no_that_the_books_had_approved_is_given_up(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house)
    stand_in, books = standing_in(tmp_path, house), Books(house)
    asked = question(who, "approved")
    assert (await books.book(asked)).approved
    await written(stand_in, asked, approved=False, in_vain=True)

    await stand_in.tell(books.book)
    await standing_in(tmp_path, house).tell(books.book)

    assert [kind for kind, _, _ in await lines.elements(house, who)] == ["authorization", "reversal"]
    assert await lines.balance(house, who) == (1_000_000, 0)


async def test_where_the_books_promised_less_they_are_told_of_the_rest(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house, tenge=600)
    stand_in, books = standing_in(tmp_path, house), Books(house)
    asked = msgspec.structs.replace(question(who, "less"), partial_ok=True)
    assert (await books.book(asked)).code == "10"
    await written(stand_in, asked, approved=True, in_vain=True)

    await stand_in.tell(books.book)
    await standing_in(tmp_path, house).tell(books.book)

    assert await lines.elements(house, who) == [("authorization", None, 600), ("increment", "ours", 400)]


async def test_another_question_under_a_known_name_is_not_answered(house: House, tmp_path: Path) -> None:
    who, stand_in = await lines.cardholder(house), standing_in(tmp_path, house)
    asked = question(who, "named")
    first = await stand_in.answer(asked, b"", Terms(), None, in_vain=False)

    assert await stand_in.said(asked) == first
    with pytest.raises(Reused):
        await stand_in.said(msgspec.structs.replace(asked, amount=kzt(1_001)))


class Broken(Meters):
    """Meters that fail while they are told to."""

    broken = True

    def count(self, network: str, name: str, of: str = "") -> None:
        """Count, or fail."""
        if self.broken:
            raise LookupError
        super().count(network, name, of)


async def test_who_waits_for_an_answer_that_failed_hears_so_and_may_ask_again(house: House, tmp_path: Path) -> None:
    meters = Broken()
    who, stand_in = await lines.cardholder(house), StandIn(tmp_path, house.keys.kms, meters)
    asked = question(who, "failed")

    with pytest.raises(LookupError):
        await stand_in.answer(asked, b"", Terms(), None, in_vain=False)
    meters.broken = False

    async with asyncio.timeout(5):
        assert await stand_in.said(asked) is None
        assert (await stand_in.answer(asked, b"", Terms(), None, in_vain=False)).code == "91"


async def test_two_cards_of_one_wallet_are_not_promised_the_same_money(
    gated: tuple[House, Gate], tmp_path: Path
) -> None:
    house, gate = gated
    who = await lines.cardholder(house, tenge=3_000)
    other = await lines.another_card(house, who)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        await opened.learn()
        await outage.lost(opened, gate)
        heard = []
        for each in (who, other):
            till = each.till(network, 2_000)
            heard.append((await till.say("0100", till.asks(more=each.inserted(2_000)))).code)
        await outage.back(opened, gate)

    assert heard == ["00", "91"]


async def test_what_was_promised_yesterday_counts_today_as_well(gated: tuple[House, Gate], tmp_path: Path) -> None:
    (house, gate), yesterday = gated, clock.real() - timedelta(days=1)
    who = await lines.cardholder(house, tenge=3_000)
    stand_in = standing_in(tmp_path, house)
    await written(stand_in, question(who, "yesterday"), approved=True, in_vain=False, at=yesterday, of=who)
    await stand_in.close()
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        await outage.back(opened)
        await opened.learn()
        await outage.lost(opened, gate)
        heard = []
        for tenge in (1_500, 1_000):
            till = who.till(network, tenge)
            heard.append((await till.say("0100", till.asks(more=who.inserted(tenge)))).code)
        await outage.back(opened, gate)

    assert heard == ["91", "00"], "for all that is known, the two thousand that are left are not told of the promise"


async def test_what_the_programme_may_turn_over_this_month_bounds_what_is_promised(
    house: House, tmp_path: Path
) -> None:
    payer, other = await lines.cardholder(house), await lines.cardholder(house)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        await opened.learn()
        before = snapshot.read(tmp_path / "snapshot", house.keys.kms, house.keys.message.ever())
        till = payer.till(network, 5_000)
        assert (await till.say("0100", till.asks(more=payer.inserted(5_000)))).code == "00"
        await opened.learn()
        after = snapshot.read(tmp_path / "snapshot", house.keys.kms, house.keys.message.ever())
        assert before is not None
        assert after is not None
        assert before.turnover_left - after.turnover_left == kzt(5_000)

        opened.stand_in.snapshot = msgspec.structs.replace(after, turnover_left=kzt(1_500))
        opened.books.away = True
        heard = []
        for each in (payer, other):
            till = each.till(network, 1_000)
            heard.append((await till.say("0100", till.asks(more=each.inserted(1_000)))).code)
        opened.books.doubt()
        await outage.back(opened)

    assert heard == ["00", "91"]


async def test_a_line_whose_deadline_passes_answers_in_time_and_leaves_no_hold_behind(
    house: House, tmp_path: Path
) -> None:
    who = await lines.cardholder(house)
    hurried = msgspec.structs.replace(LINE, deadline_ms=150)
    async with lines.opened(house, tmp_path, hurried) as opened, lines.acquirer(opened) as network:
        async with house.posting.connect() as busy:
            await busy.execute(text("SELECT FROM wallet.lane WHERE lane = 1 FOR UPDATE"))
            asked = who.till(network, 3_000)
            telegram = asked.asks(f48=f"9203{who.cvv2}")
            assert (await asked.say("0100", telegram)).code == "91"
            await busy.rollback()
        await outage.back(opened)
        assert await lines.balance(house, who) == (1_000_000, 0)
        assert (await asked.say("0101", telegram)).code == "91"


def standing_in(folder: Path, house: House) -> StandIn:
    return StandIn(folder, house.keys.kms, Meters())


def question(who: Cardholder, lifecycle: str) -> Authorization:
    """Ask for a thousand tenge."""
    return made.question(
        who.card,
        1_000,
        lifecycle,
        network="mspk",
        expiry=who.card.expires_on,
        payment=PaymentId(ids.new()),
        presented=who.plastic.typed(who.cvv2),
    )


async def written(
    stand_in: StandIn,
    asked: Authorization,
    *,
    approved: bool,
    in_vain: bool,
    at: datetime | None = None,
    of: Cardholder | None = None,
) -> None:
    """Journal an answer as if it had been given; with `of` it says whose money it promised."""
    answer = Answer(
        payment=asked.payment, approved=approved, code="00" if approved else "91", reason=None, amount=asked.amount
    )
    asked = msgspec.structs.replace(asked, presented=NOTHING)
    promise = journal.Promise(asked=asked, answer=answer, at=at or clock.real(), in_vain=in_vain)
    if of is not None:
        promise = msgspec.structs.replace(promise, wallet=of.card.account, holder=of.card.holder)
    await stand_in.write(promise)


def killing(
    book: Callable[[NetworkMessage], Awaitable[Answer]], calls: int, *, after: bool
) -> Callable[[NetworkMessage], Awaitable[Answer]]:
    """Book, and end the process at one of the calls, before it or after."""
    left = calls

    async def booking(told: NetworkMessage) -> Answer:
        nonlocal left
        if left == 0:
            if after:
                await book(told)
            raise Killed
        left -= 1
        return await book(told)

    return booking
