"""Whoever stands in for the books promises a part of what is left: all places together never promise more than it."""

import random
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app import db, ids
from app.house import House
from app.network import share
from app.network.share import WHOLE, Part
from law.money import KZT, Money
from tests.app.network import lines
from tests.cards import made
from tests.wallet.ledgers import kzt

pytestmark = [pytest.mark.asyncio, pytest.mark.fresh]

LASTS = timedelta(minutes=15)


async def test_whoever_comes_later_waits_until_what_the_first_goes_by_has_ended(house: House) -> None:
    first, second = ids.new(), ids.new()
    seen = [await parts(house, each) for each in (first, second, first, second)]
    await ended(house, first)
    seen += [await parts(house, each) for each in (second, first, second)]
    await gone(house, first)
    await ended(house, second)

    assert seen == [WHOLE, 0, WHOLE // 2, 0, 0, WHOLE // 2, WHOLE // 2]
    assert await parts(house, second) == WHOLE


async def test_what_somebody_may_have_promised_is_nobody_elses_until_the_books_know_it(house: House) -> None:
    first, second = ids.new(), ids.new()
    await parts(house, first)
    await ended(house, first, all_of_it=True)  # an outage, longer than what is known may be used

    seen = [await parts(house, second)]
    await parts(house, first, told=False)
    seen.append(await parts(house, second))
    await parts(house, first)
    seen.append(await parts(house, second))

    assert seen == [0, 0, WHOLE // 2]


async def test_whoever_never_comes_back_is_waited_for_a_week(house: House) -> None:
    first, second = ids.new(), ids.new()
    await parts(house, first)
    await ended(house, first, since=timedelta(days=6, hours=23), all_of_it=True)
    before = await parts(house, second)
    await ended(house, first, since=timedelta(days=7), all_of_it=True)
    await gone(house, second)

    assert (before, await parts(house, second)) == (0, WHOLE)


@pytest.mark.parametrize("seed", range(3))
async def test_what_holds_at_once_is_never_more_than_the_whole(house: House, seed: int) -> None:
    luck, places = random.Random(seed), [ids.new() for _ in range(4)]
    by_the_last_alone = 0
    for _ in range(40):
        place, act = luck.choice(places), luck.choice((parts, parts, parts, ended, gone))
        await act(house, place)
        held = await holding(house)
        assert sum(map(max, held.values())) <= WHOLE
        by_the_last_alone = max(by_the_last_alone, sum(each[-1] for each in held.values()))

    assert by_the_last_alone == WHOLE, "and nothing is kept back for nobody"


async def test_two_processes_promise_no_more_than_one_would(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house)
    async with lines.opened(house, tmp_path / "one") as one:
        await one.learn()
        async with lines.opened(house, tmp_path / "other") as other:
            await other.learn()
            known = [each.stand_in.snapshot for each in (one, other)]
            left = [[card.left for card in each.cards.values()] for each in known if each]
            turnover = [each.turnover_left for each in known if each]
        await one.learn()
    async with lines.opened(house, tmp_path / "other") as other:
        await other.learn()
        alone = other.stand_in.snapshot

    assert [len(each) for each in left] == [1, 1], who
    assert left[0][0] > left[1][0] == kzt(0)
    assert turnover[0] > turnover[1] == kzt(0)
    assert alone is not None
    assert alone.turnover_left == turnover[0], "who ended left it to the other"


async def test_who_does_not_hear_that_a_part_was_given_back_goes_by_it_no_more(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = db.Story.commit

    async def unheard(story: db.Story) -> None:
        await commit(story)
        raise OperationalError("COMMIT", None, ConnectionError())

    async with lines.opened(house, tmp_path) as opened:
        await opened.learn()
        known = (tmp_path / "snapshot").exists()
        monkeypatch.setattr(db.Story, "commit", unheard)

    assert await holding(house) == {}
    assert (known, (tmp_path / "snapshot").exists()) == (True, False)


async def test_a_part_is_rounded_down_and_a_debt_is_everybodys() -> None:
    third = Part(WHOLE // 3)

    assert third.of(Money(100, KZT)) == Money(33, KZT)
    assert third.of(Money(-100, KZT)) == Money(-100, KZT)
    assert Part(WHOLE).of(kzt(7)) == kzt(7)
    assert Part(0).of(kzt(7)) == kzt(0)


async def parts(house: House, place: UUID, *, told: bool = True) -> int:
    """Let a place take its part, and say whether the books know what it promised."""
    return (await share.take(house.posting, place, LASTS, told=told)).parts


async def gone(house: House, place: UUID) -> None:
    """Let a place end in order."""
    await share.give_back(house.posting, place, Path(__file__).with_name("nothing is known"))


async def ended(house: House, place: UUID, *, since: timedelta = timedelta(hours=1), all_of_it: bool = False) -> None:
    """Let what a place took before its last part be over, or that as well."""
    async with made.owner(house.settings.database_url) as connection:
        await connection.execute(_ENDED, {"place": place, "since": since, "all": all_of_it})


async def holding(house: House) -> dict[UUID, list[int]]:
    """Say by which parts each place may still go, the oldest first."""
    held = defaultdict(list)
    async with house.report.connect() as connection:
        for row in await connection.execute(_HOLDING):
            held[row.place].append(row.part)
    return held


_ENDED = text(
    """
    UPDATE cards.standin_share SET ends_at = now() - CAST(:since AS interval) WHERE place = :place
        AND (:all OR id < (SELECT max(id) FROM cards.standin_share AS last WHERE last.place = :place))
    """
)
_HOLDING = text("SELECT place, part FROM cards.standin_share WHERE ends_at > clock_timestamp() ORDER BY id")
