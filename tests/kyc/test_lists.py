"""Lists: read, recognised by their content, replaced as a whole, never by a fragment."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from app import db
from kyc import lists, screening
from kyc.lists import BadList, Entry, ListCutShort
from kyc.mrz import Birth
from tests.conftest import Engines
from tests.kyc.passports import AT
from tests.kyc.scans import put_in_force

KASPAR = Entry("1", ("Kaspar Vollmond", "Каспар Фольмонд"), ("1961",))
PERPETUA = Entry("2", ("Perpetua von Nirgendwo",))
UNKNOWN = Birth(None, None, None)


def test_a_list_is_read_from_json_and_from_csv_alike() -> None:
    json = """[{"id": "1", "names": ["Kaspar Vollmond", "Каспар Фольмонд"], "born": ["1961"]},
               {"id": "2", "names": ["Perpetua von Nirgendwo"]}]"""
    table = "id,name,born\r\n1,Kaspar Vollmond,1961\r\n1,Каспар Фольмонд,\r\n2,Perpetua von Nirgendwo,\r\n"

    assert lists.from_json(json.encode()) == (KASPAR, PERPETUA)
    assert lists.from_csv(table.encode()) == (KASPAR, PERPETUA)
    assert lists.from_csv(b"\xef\xbb\xbf" + table.encode()) == (KASPAR, PERPETUA)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"null",
        b'[{"id": "1"}]',
        b'[{"id": 1, "names": ["A"]}]',
        b'[{"id": "", "names": ["A"]}]',
        b'[{"id": "1", "names": []}]',
        b'[{"id": "1", "names": ["--"]}]',
        b'[{"id": "1", "names": ["A B"]}, {"id": "1", "names": ["C D"]}]',
        b'[{"id": "1", "names": ["A B"]}',
        b'[{"id": "1", "names": ["\xff"]}]',
        b'[{"id": "1", "names": ["A\\u0000B"]}]',
        b'[{"id": "1", "names": ["A\\ud800B"]}]',
    ],
)
def test_what_is_no_list_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(BadList):
        lists.from_json(content)


@pytest.mark.parametrize(
    "content", [b"id,born\n1,2", b"\xff", b'id,name,born\n1,"Kaspar', b"id,name,born\n,Kaspar,", b"id,name,born\n1"]
)
def test_a_table_without_its_columns_is_refused(content: bytes) -> None:
    with pytest.raises(BadList):
        lists.from_csv(content)


async def found(engines: Engines, name: str) -> str:
    async with db.transaction(engines.api, audience="service") as story:
        return (await screening.screen(await story(), name, UNKNOWN)).params.get("count", "0")


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_a_list_is_in_force_as_a_whole_from_the_moment_it_is_replaced(engines: Engines) -> None:
    assert await put_in_force(engines, KASPAR)
    before = await found(engines, "KASPAR VOLLMOND"), await found(engines, "PERPETUA NIRGENDWO")

    assert await put_in_force(engines, PERPETUA)
    after = await found(engines, "KASPAR VOLLMOND"), await found(engines, "PERPETUA NIRGENDWO")

    assert (before, after) == (("1", "0"), ("0", "1"))


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_the_same_content_is_stored_once_and_changes_nothing(engines: Engines) -> None:
    assert await put_in_force(engines, KASPAR, PERPETUA)

    assert not await put_in_force(engines, PERPETUA, KASPAR, etag='"other"')
    assert await put_in_force(engines, PERPETUA)
    assert await put_in_force(engines, KASPAR, PERPETUA), "back to what was known before"

    async with db.transaction(engines.worker) as story:
        connection = await story()
        assert await connection.scalar(text("SELECT count(*) FROM kyc.list_snapshot")) == 2
        replaced = await connection.scalar(text("SELECT count(*) FROM kyc.event WHERE kind = 'list.replaced'"))
        assert replaced == 3


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_half_a_list_does_not_replace_a_whole_one(engines: Engines) -> None:
    many = [Entry(str(number), (f"Nobody Number {chr(87 + number)}",)) for number in range(10, 19)]
    await put_in_force(engines, *many, KASPAR)

    with pytest.raises(ListCutShort) as refused:
        await put_in_force(engines, *many[:4])

    assert (refused.value.before, refused.value.after) == (10, 4)
    assert await found(engines, "KASPAR VOLLMOND") == "1"
    assert await put_in_force(engines, *many[:5])


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_every_source_counts(engines: Engines) -> None:
    await put_in_force(engines, KASPAR, source="agency")
    await put_in_force(engines, Entry("9", ("Kaspar Vollmond",)), source="other", at=AT + timedelta(days=1))

    async with db.transaction(engines.api, audience="service") as story:
        finding = await screening.screen(await story(), "KASPAR VOLLMOND", UNKNOWN)

    assert finding.params["hits"] == "agency/1 100 unknown; other/9 100 unknown"
    assert [part.partition("@")[0] for part in finding.params["lists"].split(", ")] == ["agency", "other"]


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_a_list_of_thousands_is_stored_and_searched(engines: Engines) -> None:
    letters = "abcdefghijklmnopqrst"
    many = [
        Entry(f"{first}{second}{third}", (f"Name{first}{second} Of{third}{first}{second}",))
        for first in letters
        for second in letters
        for third in letters
    ]
    await put_in_force(engines, *many, KASPAR)

    assert await found(engines, "KASPAR VOLMOND") == "1"
    async with db.transaction(engines.worker) as story:
        assert await (await story()).scalar(text("SELECT count(*) FROM kyc.listed_name")) == len(many) + 2
