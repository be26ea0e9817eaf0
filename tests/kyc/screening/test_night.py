"""A night: everybody is looked up again, under hundreds of keys and not under everybody's, in a minute or two.

Goal: the keys that are unwrapped are as many as there are cohorts; erasing somebody leaves nothing to look up; a
hundred thousand people take two minutes of one core at most, whether all of the lists changed or little. Method: a Kms
that counts; people put where the worker puts them; the real lists, where they are, and processor time.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg
import pytest

from app import db, ids, monitoring
from app.house import House
from app.vault import Vault
from app.watchlist import Watchlist
from kyc.check import Finding, Verdict
from kyc.lists import edition, formats
from kyc.names.entity import Entity, Query
from kyc.screening import cohort, proof
from kyc.screening.subject import Subject
from proof import kms as kms_
from proof.kms import Kms, Wrapped
from tests import postgres
from tests.kyc.listing import entity, put_in_force, registered
from tests.kyc.screening.people import Thorough, said, show, somebody

pytestmark = pytest.mark.asyncio

PEOPLE = 100_000
FULL_S = 120.0
LISTED = [entity(str(number), f"Nobody{number} Nowhere") for number in range(10)]


class Counting:
    """A Kms that counts what it unwraps, by whose key it is."""

    def __init__(self, kms: Kms) -> None:
        self.kms = kms
        self.unwrapped: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.kms, name)

    def unwrap(self, wrapped: Wrapped, owner: str) -> bytes:
        self.unwrapped.append(owner)
        return self.kms.unwrap(wrapped, owner)


def counting(house: House) -> tuple[House, Counting]:
    kms = Counting(house.keys.kms)
    return msgspec.structs.replace(house, keys=msgspec.structs.replace(house.keys, kms=kms)), kms


async def night(house: House) -> int:
    looked = 0
    while found := await monitoring.step(house):
        looked += found
    return looked


async def due(house: House) -> tuple[int, int]:
    async with db.transaction(house.worker) as story:
        return await proof.people(await story(), await edition.number_in_force(await story()))


@pytest.mark.fresh
async def test_a_night_opens_a_key_for_each_cohort_and_nobodys_own(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cohort, "SIZE_MAX", 4)
    await put_in_force(house, *LISTED)
    for number in range(10):
        await show(house, somebody(), said(f"ODA{chr(65 + number)}", "LINDQVIST"))
    assert await due(house) == (10, 10)
    await night(house)
    counted, kms = counting(house)

    await put_in_force(house, *LISTED, entity("99", "Somebody New"))
    assert (await due(house), await night(counted), await due(house)) == ((10, 10), 10, (10, 0))

    assert sorted(map(kms.unwrapped.count, set(kms.unwrapped))) == [1, 1, 1], "ten people, three cohorts"
    assert all(owner.startswith("cohort:") for owner in kms.unwrapped)
    assert await night(counted) == 0


@pytest.mark.fresh
async def test_whoever_was_erased_is_looked_up_no_more(house: House, database: str) -> None:
    gone, stays = somebody(), somebody()
    for who in (gone, stays):
        await show(house, who, said("ODA", "LINDQVIST"))
    with psycopg.connect(postgres.libpq(database)) as owner:
        owner.execute("DELETE FROM app.resident_key WHERE holder = %s", [gone])
    await put_in_force(house, *LISTED)

    await night(house)

    assert await due(house) == (1, 0)


@pytest.mark.fresh
async def test_somebody_who_shows_another_document_keeps_the_place_and_is_asked_by_both(house: House) -> None:
    await put_in_force(house, *LISTED, entity("7", "Kaspar Vollmond"))
    who = somebody()
    await show(house, who, said("ODA", "LINDQVIST"))
    await night(house)
    await show(house, who, said("KASPAR", "VOLLMOND"))
    await night(house)

    with psycopg.connect(postgres.libpq(house.settings.database_url)) as owner:
        assert owner.execute("SELECT members FROM kyc.cohort").fetchall() == [(1,)]
        assert owner.execute("SELECT state, present FROM kyc.alert").fetchall() == [("open", True)]


@pytest.mark.fresh
async def test_a_thousand_people_are_looked_up_while_the_worker_does_other_things(house: House) -> None:
    await put_in_force(house, *LISTED)
    await crowd(house, 1_000, WORDS)
    await put_in_force(house, *LISTED, entity("99", "Ada Bee"))

    assert await night(house) == 1_000
    assert await due(house) == (1_000, 0)


@pytest.mark.nightly
@pytest.mark.fresh
async def test_a_hundred_thousand_people_take_two_minutes_of_a_core(house: House, reference: Path) -> None:
    listed = real(reference)
    words = sorted({word for one in listed["un"] for name in one.names for word in name.text.upper().split()})
    for source, found in listed.items():
        await put_in_force(house, *found, source=source)
    await crowd(house, PEOPLE, words)
    changed = [
        *listed["un"],
        *(entity(f"new-{number}", f"{word} ALTERED", source="un") for number, word in enumerate(words[:10])),
    ]
    took = {}
    for name, then, watchlist in (("changed", changed, Watchlist()), ("full", listed["un"], Thorough())):
        await put_in_force(house, *then, source="un")
        at = msgspec.structs.replace(house, watchlist=watchlist)
        began = time.process_time()
        assert await night(at) == PEOPLE
        took[name] = time.process_time() - began

    os.write(1, f"\n{PEOPLE} people in {sum(map(len, listed.values()))} entities: {took}\n".encode())
    assert took["full"] <= FULL_S
    assert took["changed"] < took["full"] / 2


WORDS = ["ADA", "BEN", "CID", "DOV", "EVA", "FAY", "GUS", "HAL", "IDA", "JON"]


def real(reference: Path) -> dict[str, tuple[Entity, ...]]:
    folder = reference / "sanctions"
    ofac = (folder / "ofac_sdn_2025-03.csv").read_bytes(), (folder / "ofac_alt.csv").read_bytes()
    return {
        "un": formats.read((folder / "un_consolidated_2026-02-27.xml").read_bytes(), "un"),
        "ofac": formats.read(ofac[0], "ofac", ofac[1]),
    }


async def crowd(house: House, count: int, words: list[str]) -> None:
    """Put people where the worker puts them, in the edition in force, past the documents they never showed."""
    chosen = random.Random(20261122)
    async with db.transaction(house.worker) as story:
        number = await edition.number_in_force(await story())
    with psycopg.connect(postgres.libpq(house.settings.database_url)) as owner:
        for start in range(0, count, cohort.SIZE_MAX):
            size, id_, key = min(cohort.SIZE_MAX, count - start), ids.new(), kms_.new_data_key()
            wrapped = house.keys.kms.wrap(key, f"cohort:{id_}")
            owner.execute("INSERT INTO kyc.cohort VALUES (%s, %s, %s, now())", [id_, size, number])
            owner.execute("INSERT INTO kyc.cohort_key VALUES (%s, %s, %s)", [id_, wrapped.version, wrapped.blob])
            copying = "COPY kyc.screened (resident, documents, cohort, person, asked, edition, stale, at) FROM STDIN"
            with owner.cursor().copy(copying) as copy:
                for row in _rows(house, chosen, size, id_, key, number, words):
                    copy.write_row(row)


def _rows(
    house: House, chosen: random.Random, size: int, id_: UUID, key: bytes, number: int, words: list[str]
) -> Iterator[tuple[object, ...]]:
    for _ in range(size):
        who, name = ids.new(), " ".join(chosen.sample(words, chosen.choice((2, 2, 3))))
        day = f"{chosen.randrange(1950, 2005)}-0{chosen.randrange(1, 10)}-1{chosen.randrange(10)}"
        subject = Subject((Query(name, born=day, nationalities=("DEU",), sex="M"),))
        sealed = Vault(key).seal(subject.written(), table="kyc.screened", column="person", row=who)
        asked = proof.asked(subject, house.keys.kms.blind)
        yield who, [ids.new()], id_, sealed, asked, number, False, "2026-11-22T00:00:00Z"


async def told(house: House, who: UUID) -> str:
    """Give what the person's case was told last of the lists."""
    last = "SELECT verdict FROM kyc.check WHERE resident = %s AND name = 'person.screening' ORDER BY seq DESC LIMIT 1"
    with psycopg.connect(postgres.libpq(house.settings.database_url)) as owner:
        [(verdict,)] = owner.execute(last, [who]).fetchall()
    return str(verdict)


@pytest.mark.fresh
async def test_a_look_without_an_answer_mends_itself_once_every_list_has_come(house: House) -> None:
    await put_in_force(house, *LISTED)
    member, new = somebody(), somebody()
    await show(house, member, said("ADA", "LINDQVIST"))
    await night(house)
    async with db.transaction(house.worker) as story:
        connection = await story()
        await registered(connection, "un")
        silent = Finding("person.screening", Verdict.ERROR, {"reason": "no_list"})
        await monitoring.report(connection, member, silent, asked=bytes(32), at=story.now)
    await show(house, new, said("ODA", "LINDQVIST"))
    await put_in_force(house, *LISTED, entity("99", "Somebody New"))
    await night(house)
    assert [await told(house, who) for who in (member, new)] == ["error", "error"]
    assert await due(house) == (2, 1), "who was never looked up is not taken for somebody who was"

    await put_in_force(house, *[entity(str(n), f"Nobody{n} Elsewhere", source="un") for n in range(3)], source="un")
    await night(house)

    assert [await told(house, who) for who in (member, new)] == ["pass", "pass"]
    assert await due(house) == (2, 0)
