"""Lists: recognised by their content, replaced as a whole, never by a fragment; each entity stored once."""

import hashlib
from datetime import timedelta

import msgspec
import psycopg
import pytest
from sqlalchemy import text

from app import db
from app.house import House
from app.watchlist import Watchlist
from kyc.lists import edition, snapshot
from kyc.lists.snapshot import ListCutShort
from kyc.screening import matching
from kyc.screening.subject import called
from tests import postgres
from tests.conftest import Engines
from tests.kyc.listing import entity, in_force, put_in_force
from tests.kyc.passports import AT

pytestmark = pytest.mark.asyncio

KASPAR = entity("1", "Kaspar Vollmond", "Каспар Фольмонд", born=("1961",))
PERPETUA = entity("2", "Perpetua von Nirgendwo")


async def found(engines: Engines, name: str) -> bool:
    lists = await in_force(engines)
    return lists is not None and matching.hits(lists, called(name))


async def count(engines: Engines, rows: str) -> int:
    async with db.transaction(engines.worker) as story:
        return await (await story()).scalar(text(f"SELECT count(*) FROM {rows}")) or 0  # noqa: S608  of this file


@pytest.mark.fresh
async def test_a_list_is_in_force_as_a_whole_from_the_moment_it_is_replaced(engines: Engines) -> None:
    assert await put_in_force(engines, KASPAR)
    before = await found(engines, "KASPAR VOLLMOND"), await found(engines, "PERPETUA NIRGENDWO")

    assert await put_in_force(engines, PERPETUA)
    after = await found(engines, "KASPAR VOLLMOND"), await found(engines, "PERPETUA NIRGENDWO")

    assert (before, after) == ((True, False), (False, True))


@pytest.mark.fresh
async def test_the_same_content_is_stored_once_and_changes_nothing(engines: Engines) -> None:
    assert await put_in_force(engines, KASPAR, PERPETUA)

    assert not await put_in_force(engines, PERPETUA, KASPAR, etag='"other"')
    assert await put_in_force(engines, PERPETUA)
    assert await put_in_force(engines, KASPAR, PERPETUA), "back to what was known before"

    assert await count(engines, "kyc.list_snapshot") == 2
    assert await count(engines, "kyc.listed_entity") == 2
    assert await count(engines, "kyc.list_edition") == 3
    assert await count(engines, "kyc.event WHERE kind = 'list.replaced'") == 3


@pytest.mark.fresh
async def test_a_version_tells_what_is_new_in_it_and_keeps_what_was_before(engines: Engines) -> None:
    await put_in_force(engines, KASPAR, PERPETUA)
    changed = entity("1", "Kaspar Vollmond", born=("1962",))
    await put_in_force(engines, changed, PERPETUA, entity("3", "Oda Lindqvist"))

    async with db.transaction(engines.worker) as story:
        connection = await story()
        told = await connection.scalar(
            text("SELECT body FROM kyc.event WHERE kind = 'list.replaced' ORDER BY seq DESC")
        )
        first = await edition.find(connection, 1)
        then = await snapshot.load(connection, await snapshot.members(connection, first.parts["agency"]))

    assert {name: told[name] for name in ("entries", "added", "removed", "edition")} == {
        "entries": 3,
        "added": 2,
        "removed": 1,
        "edition": 2,
    }
    assert {each.entity.id: each.entity.born for each in then} == {"1": ("1961",), "2": ()}


@pytest.mark.fresh
async def test_half_a_list_does_not_replace_a_whole_one(engines: Engines) -> None:
    many = [entity(str(number), f"Nobody Number {chr(87 + number)}") for number in range(10, 19)]
    await put_in_force(engines, *many, KASPAR)

    with pytest.raises(ListCutShort) as refused:
        await put_in_force(engines, *many[:4])

    assert (refused.value.before, refused.value.after) == (10, 4)
    assert await found(engines, "KASPAR VOLLMOND")
    assert await put_in_force(engines, *many[:5])


@pytest.mark.fresh
async def test_a_long_list_loses_few_names_at_once(engines: Engines) -> None:
    many = [entity(str(number), f"Nobody {number}", f"Noone {number}") for number in range(1_000)]
    bare = [entity(str(number), f"Nobody {number}") for number in range(1_000)]
    await put_in_force(engines, *many)

    for fewer, what in ((many[:899], "entries"), (bare[:201] + many[201:], "names")):
        with pytest.raises(ListCutShort) as refused:
            await put_in_force(engines, *fewer)
        assert refused.value.what == what
    assert await put_in_force(engines, *bare[:200], *many[200:])


@pytest.mark.fresh
async def test_what_changed_since_an_edition_is_told_of_the_lists_that_were_asked_of(engines: Engines) -> None:
    many = [entity(str(number), f"Nobody Number {chr(75 + number)}") for number in range(10)]
    listed, watchlist = list(many), Watchlist()
    async with db.transaction(engines.worker) as story:
        connection = await story()
        held = []
        for more in (KASPAR, PERPETUA, entity("3", "Oda Lindqvist")):
            await put_in_force(engines, *listed)
            held.append(await watchlist.current(connection))
            listed.append(msgspec.structs.replace(more, id=f"new {more.id}"))
        _, earlier, newest = held
        assert earlier is not None
        assert newest is not None

        behind = await watchlist.since(connection, 1, earlier)
        now = await watchlist.since(connection, 1, newest)

    assert behind is not None
    assert now is not None
    assert {entity_ for _, entity_ in behind.touched} == {"new 1"}
    assert {entity_ for _, entity_ in now.touched} == {"new 1", "new 2"}


@pytest.mark.fresh
async def test_every_source_counts_and_is_named(engines: Engines) -> None:
    await put_in_force(engines, KASPAR)
    await put_in_force(engines, entity("9", "Kaspar Vollmond", source="un"), source="un", at=AT + timedelta(days=1))

    lists = await in_force(engines)

    assert lists is not None
    assert [part.partition("@")[0] for part in lists.edition.named().split(", ")] == ["agency", "un"]
    matches = matching.search(
        lists, called("KASPAR VOLLMOND"), lambda _, value: hashlib.sha256(value.encode()).digest()
    )
    assert [(each.source, each.entity) for each in matches] == [("agency", "1"), ("un", "9")]


async def test_what_is_stored_under_a_digest_is_nothing_else(house: House) -> None:
    await put_in_force(house, KASPAR)
    lies = {
        "listed_entity_addressed": "INSERT INTO kyc.listed_entity VALUES (sha256('a'), 'agency', '1', 'b')",
        "list_snapshot_addressed": "INSERT INTO kyc.list_snapshot VALUES (sha256('a'), 1, sha256('b'), now())",
        "list_snapshot_whole": "INSERT INTO kyc.list_snapshot VALUES (sha256('b'), 1, 'b', now())",
    }
    with psycopg.connect(postgres.libpq(house.settings.database_url), autocommit=True) as owner:
        for name, lie in lies.items():
            with pytest.raises(psycopg.errors.CheckViolation, match=name):
                owner.execute(lie.encode())


@pytest.mark.fresh
async def test_a_process_asks_in_every_story_which_edition_is_in_force(house: House) -> None:
    holding = Watchlist()
    numbers = []
    for listed in ((KASPAR,), (KASPAR, PERPETUA), (KASPAR, PERPETUA)):
        await put_in_force(house, *listed)
        async with db.transaction(house.api, audience="service") as story:
            lists = await holding.current(await story())
            assert lists is not None
            numbers.append((lists.edition.number, len(lists.known), lists))

    assert [each[:2] for each in numbers] == [(1, 1), (2, 2), (2, 2)]
    assert numbers[1][2] is numbers[2][2], "built once for each edition"
