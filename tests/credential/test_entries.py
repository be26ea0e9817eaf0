"""Entries of the status lists: random, never given twice, in a list that is closed about half full."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.db import transaction
from residency.credential import entries
from residency.credential.entries import Entry
from residency.credential.tables import entry, status_list
from tests.conftest import Engines
from tests.credential import made

pytestmark = [pytest.mark.asyncio, pytest.mark.fresh]


async def take(engines: Engines, count: int, *, size: int = entries.SIZE) -> list[Entry]:
    async with transaction(engines.api, audience="resident") as story:
        return await entries.take(await story(), count, at=made.AT, size=size)


async def used(engines: Engines) -> dict[UUID, int]:
    async with transaction(engines.report) as story:
        rows = await (await story()).execute(select(entry.c.list, func.count()).group_by(entry.c.list))
        return {row[0]: row[1] for row in rows}


async def test_no_entry_is_given_twice_to_whoever_comes_at_once(engines: Engines) -> None:
    # So small a list that most draws collide, with others and with what is there already.
    given = await asyncio.gather(*(take(engines, 5, size=64) for _ in range(10)))

    taken = [one for batch in given for one in batch]
    assert len(taken) == len(set(taken)) == 50
    assert all(0 <= one.idx < 64 for one in taken)


async def test_a_list_is_closed_when_about_half_of_it_is_taken(engines: Engines) -> None:
    for _ in range(40):
        await take(engines, 1, size=32)

    counts = await used(engines)
    async with transaction(engines.report) as story:
        open_lists = await (await story()).scalars(select(status_list.c.id).where(status_list.c.closed_at.is_(None)))
        still_open = list(open_lists)
    assert sum(counts.values()) == 40
    assert len(counts) >= 2
    assert len(still_open) == 1
    # A sample decides; that it errs by so much happens once in 10^12.
    assert all(count >= 8 for list_id, count in counts.items() if list_id not in still_open)


async def test_entries_are_drawn_from_the_whole_list(engines: Engines) -> None:
    taken = await take(engines, 200)

    places = sorted(one.idx for one in taken)
    assert [one.idx for one in taken] != places
    # 200 draws from 2^20: that all of them fall into one half happens once in 2^199.
    assert places[0] < entries.SIZE // 2 < places[-1]


async def test_of_many_who_find_no_list_one_opens_it(engines: Engines) -> None:
    await asyncio.gather(*(take(engines, 1) for _ in range(8)))

    assert len(await used(engines)) == 1
