"""A KEK changes while people read and write: nobody notices, and the old one goes when nothing needs it any more."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import insert, text

from app import clock, db, ids, rotation, rowkey, vault
from app import house as house_
from app.auth import message
from app.auth.message import Address
from app.cards.keys import CardKeys
from app.credentials import deferral, presentations
from app.credentials.deferral import Waiting
from app.house import House
from app.language import Language
from app.partners import registry
from app.partners.registry import Kind, Partner
from app.payments import note, payee, tables
from app.rotation import SETTLES, InUse, KekAdded, KekRetired, Stuck
from app.settings import Settings
from app.wrapped import WRAPPED
from cards.hsm.material import Key
from cards.proofs import pan
from kyc.screening import cohort
from proof.kms import FileKms, Kms, Wrapped
from proof.versions import Newest, UnknownKeyVersion
from residency.credential import dataset
from residency.credential.configuration import CONFIGURATIONS
from residency.credential.showing import code
from residency.credential.showing.code import Showing
from residency.credential.wallets.grade import Grade
from tests import postgres
from tests.kyc.listing import put_in_force

pytestmark = pytest.mark.asyncio

BODY = b"Anna Maria"
PLACE = {"table": "kyc.document", "column": "person"}


class Person(msgspec.Struct, frozen=True):
    """Somebody with one sealed field."""

    id: UUID
    sealed: bytes


@pytest_asyncio.fixture
async def house(settings: Settings, server: str, template: str, tmp_path: Path) -> AsyncIterator[House]:
    """Give an installation of its own: what is counted here, others must not add to."""
    with postgres.copied(server, template) as url:
        async with house_.opened(msgspec.structs.replace(settings, database_url=url, keys=tmp_path)) as opened:
            yield opened


async def arrive(house: House, kms: Kms) -> Person:
    """Let somebody come who has no key yet, as a handler of a process that holds `kms` does."""
    who = ids.new()
    async with db.transaction(house.api, holder=who, audience="resident") as story:
        safe = await vault.of(await story(), kms, who, clock.real())
    return Person(who, safe.seal(BODY, row=who, **PLACE))


async def read(house: House, kms: Kms, person: Person) -> bytes:
    async with db.transaction(house.api, holder=person.id, audience="resident") as story:
        safe = await vault.existing(await story(), kms, person.id)
    return safe.open(person.sealed, row=person.id, **PLACE)


async def many(house: House, count: int) -> list[Person]:
    """Let many come at once: one statement, and to each a key of their own."""
    people, rows = [], []
    for _ in range(count):
        who, safe = ids.new(), vault.Vault(uuid.uuid4().bytes * 2)
        wrapped = house.keys.kms.wrap(safe.key, str(who))
        rows.append((who, wrapped.version, wrapped.blob, clock.real()))
        people.append(Person(who, safe.seal(BODY, row=who, **PLACE)))
    insert = "INSERT INTO app.resident_key (holder, kek_version, wrapped, created_at) VALUES (%s, %s, %s, %s)"
    async with owner(house) as connection, connection.cursor() as cursor:
        await cursor.executemany(insert, rows)
    return people


@asynccontextmanager
async def owner(house: House, options: str = "") -> AsyncIterator[psycopg.AsyncConnection]:
    address = postgres.libpq(house.settings.database_url)
    async with await psycopg.AsyncConnection.connect(address, options=options) as connection:
        yield connection


async def finish(house: House) -> int:
    done = 0
    while made := await rotation.step(house):
        done += made
    return done


# -- under load --------------------------------------------------------------------------------------------------------


async def rotated_under_load(
    house: House, residents: int, readers: int, process: Callable[[Path], Kms] = FileKms.open
) -> tuple[int, int]:
    """Rotate while others read and write without a pause; gives how many times they did, and how many failed.

    Each of them is a process of its own: it opened the keys before the rotation, and nobody tells it of it.
    """
    people, over = await many(house, residents), asyncio.Event()
    processes = [process(house.settings.keys / "kms") for _ in range(readers)]
    done, failed = 0, 0

    async def use(number: int) -> None:
        nonlocal done, failed
        kms, turn = processes[number], number
        while not over.is_set() or turn < len(people):
            try:
                assert await read(house, kms, people[turn % len(people)]) == BODY
                if turn % 10 == 0:
                    assert await read(house, processes[-1], await arrive(house, kms)) == BODY
            except Exception:  # noqa: BLE001  whatever it is, it is counted
                failed += 1
            done, turn = done + 1, turn + readers

    users = [asyncio.create_task(use(number)) for number in range(readers)]
    await rotation.rotate(house)
    for _ in range(residents):
        await rotation.step(house)
        if not (await rotation.progress(house)).by(1):
            break
    over.set()
    await asyncio.gather(*users)
    return done, failed


async def test_nobody_fails_to_read_or_to_write_while_the_kek_changes(house: House) -> None:
    done, failed = await rotated_under_load(house, residents=300, readers=4)

    progress = await rotation.progress(house)
    assert (failed, done >= 300) == (0, True)
    assert (progress.newest, set(progress.wrapped["app.resident_key"])) == (2, {2})


@pytest.mark.nightly
async def test_nor_when_there_are_ten_thousand_of_them(house: House) -> None:
    done, failed = await rotated_under_load(house, residents=10_000, readers=6)

    assert (failed, done >= 10_000) == (0, True)


async def test_a_process_that_does_not_look_for_the_new_kek_fails(house: House, tmp_path: Path) -> None:
    """Planted: what a process would do that reads its keys once."""

    def blind(folder: Path) -> Kms:
        return FileKms(tmp_path / "none", {1: (folder / "kek-1.key").read_bytes()}, bytes(32))

    _, failed = await rotated_under_load(house, residents=60, readers=2, process=blind)

    assert failed > 0


# -- everything that is wrapped ----------------------------------------------------------------------------------------


async def test_whatever_is_wrapped_is_wrapped_anew_and_opens_as_before(house: House) -> None:
    person, card = await arrive(house, house.keys.kms), ids.new()
    partner, number = await _partner(house), await _card(house, card, person.id)
    await _message(house, person.id)
    await _told(house, person.id)
    await _asked(house)
    await _shown(house, person.id)
    await _waiting(house, person.id)
    await _cohort(house)
    keys = await _card_keys(house)
    before = await rotation.progress(house)
    await rotation.rotate(house)

    done = await asyncio.gather(rotation.step(house), rotation.step(house))

    after = await rotation.progress(house)
    assert all(set(versions) == {1} for versions in before.wrapped.values()), "no table of the list is empty"
    assert before.wrapped.keys() == {wrap.table for wrap in WRAPPED}
    assert sum(done) == before.by(1) == after.by(2)
    assert await read(house, house.keys.kms, person) == BODY
    assert await _read_card(house, card, person.id) == number
    assert await _card_keys(house) == keys
    async with db.transaction(house.worker) as story:
        assert len(await registry.keys(await story(), house.keys.kms, partner, clock.real())) == 1
        row = (await (await story()).execute(text("SELECT id, kek_version, wrapped, sealed FROM app.message"))).one()
    letter = message.opened(house.keys.kms, row.id, Wrapped(row.kek_version, row.wrapped), row.sealed)
    assert letter.to == "anna@example.kz"
    async with db.transaction(house.api, holder=person.id, audience="resident") as story:
        words = await note.read(await story(), house.keys.kms, [person.id])
        shown = await payee.publish(await story(), house.keys.kms, person.id, on=story.now)
    assert (words[person.id].text, shown) == ("Hello", payee.Settings("ANNA M.", by_account=True))


async def _partner(house: House) -> Partner:
    async with db.transaction(house.worker) as story:
        connection, at = await story(), clock.real()
        made = await registry.enrol(
            connection,
            house.keys.kms,
            partner=ids.new(),
            code="bank-one",
            name="Bank One",
            kind=Kind.BANK,
            base_url=None,
            at=at,
        )
        secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        await registry.add_key(connection, house.keys.kms, made, kid="1", key=secret, valid_from=at)
    return await _loaded(house, made.id)


async def _loaded(house: House, partner: UUID) -> Partner:
    async with db.transaction(house.worker) as story:
        return await registry.find(await story(), partner)


async def _card(house: House, card: UUID, holder: UUID) -> str:
    async with db.transaction(house.api, holder=holder, audience="resident") as story:
        return (await pan.keep(await story(), house.keys.kms, card=card, holder=holder)).digits


async def _card_keys(house: House) -> list[tuple[Key, str]]:
    """Read the keys of the cards as a process does that has just begun."""
    fresh = CardKeys(house.worker, house.keys.kms)
    async with db.transaction(house.api) as story:
        await fresh.machine(await story())
    return await fresh.listed()


async def _read_card(house: House, card: UUID, holder: UUID) -> str | None:
    async with db.transaction(house.api, holder=holder, audience="resident") as story:
        number = await pan.read(await story(), house.keys.kms, card)
    return number.number.digits if number else None


async def _message(house: House, subject: UUID) -> None:
    to = Address("email", "anna@example.kz", Language.EN)
    async with db.transaction(house.api, holder=subject, audience="resident") as story:
        connection = await story()
        await message.notify(connection, house.keys.kms, "contact_added", [to], subject=subject, now=clock.real())


async def _cohort(house: House) -> None:
    """Let there be a key of some hundred people."""
    await put_in_force(house)
    async with db.transaction(house.worker, operation="screening") as story:
        made = ids.new()
        wrapped = house.keys.kms.wrap(bytes(32), f"cohort:{made}")
        begun = cohort.Cohort(made, 1, wrapped.version, wrapped.blob)
        await cohort.make(await story(), begun, at=story.now)


async def _told(house: House, holder: UUID) -> None:
    """Let somebody write to a payee, and have a name that payers are told."""
    kms, at = house.keys.kms, clock.real()
    cell = rowkey.seal(kms, "app.payee", holder, payee.Card("ANNA M.", "anna maria"))
    async with db.transaction(house.api, holder=holder, audience="resident") as story:
        connection = await story()
        await note.store(connection, note.seal(kms, holder, note.Words(text="Hello"), holder=holder), at)
        row = {"holder": holder, "document": ids.new(), "by_account": True, "at": at, **msgspec.structs.asdict(cell)}
        await connection.execute(insert(tables.payee).values(row))


async def _asked(house: House) -> None:
    """Let a verifier ask something."""
    wanted, now = presentations.Wanted(question="over_18"), clock.real()
    async with db.transaction(house.api, audience="service", actor="service:1") as story:
        kms, by = house.keys.kms, presentations.Verifier("service:1", "A bank")
        await presentations.ask(await story(), kms, house.credentials, wanted, verifier=by, now=now)


async def _shown(house: House, resident: UUID) -> None:
    """Let a resident show a code, and somebody scan it."""
    kms, id_, now = house.keys.kms, ids.new(), clock.real()
    agreed, noted = (
        code.Cell(*msgspec.structs.astuple(rowkey.seal(kms, f"credential.{table}", id_, [])))
        for table in ("shown_code", "showing")
    )
    new = code.New(id=id_, holder=resident, kind=dataset.Kind.E_RESIDENT, question=None, cell=agreed)
    seen = Showing(id=id_, kind=dataset.Kind.E_RESIDENT, question=None, fields=(), verifier=None, cell=noted, at=now)
    async with db.transaction(house.api, holder=resident, audience="resident") as story:
        connection = await story()
        await code.open_(connection, new, actor="resident:1", at=now, now=now)
        await code.record(connection, resident, seen)


async def _waiting(house: House, resident: UUID) -> None:
    """Let a wallet ask before it is decided whether its holder may have the document."""
    asked = Waiting(
        holder=resident,
        configuration=CONFIGURATIONS["e_resident_mdoc"],
        device="wallet",
        grade=Grade.BASIC,
        keys=({"kty": "EC"},),
    )
    async with db.transaction(house.api, holder=resident, audience="resident") as story:
        now = clock.real()
        await deferral.keep(await story(), house.keys.kms, asked, actor="resident:1", at=now, now=now)


async def test_a_key_that_was_tampered_with_stops_nobody_else_and_is_told(house: House) -> None:
    people = await many(house, 3)
    async with owner(house) as connection:
        await connection.execute("UPDATE app.resident_key SET wrapped = 'damaged' WHERE holder = %s", [people[1].id])
    await rotation.rotate(house)

    assert await rotation.step(house) == 2
    with pytest.raises(Stuck) as stuck:
        await rotation.step(house)

    assert stuck.value.owners == [str(people[1].id)]
    assert await read(house, house.keys.kms, people[2]) == BODY


# -- an old one goes ---------------------------------------------------------------------------------------------------


async def test_a_kek_is_retired_when_nothing_is_wrapped_by_it_and_nothing_under_way_can_be(house: House) -> None:
    person = await arrive(house, house.keys.kms)
    with pytest.raises(Newest):
        await rotation.retire(house, 1)
    await rotation.rotate(house)

    with pytest.raises(InUse) as wrapped:
        await rotation.retire(house, 1)
    await finish(house)
    with pytest.raises(InUse) as young:
        await rotation.retire(house, 1)
    await _later(house, SETTLES + timedelta(minutes=1))
    await rotation.retire(house, 1)

    assert (wrapped.value.keys, young.value.keys) == (1, 0)
    assert await read(house, house.keys.kms, person) == BODY
    assert await read(house, FileKms.open(house.settings.keys / "kms"), person) == BODY
    with pytest.raises(UnknownKeyVersion):
        await rotation.retire(house, 1)
    assert await _journal(house) == [KekAdded(version=2), KekRetired(version=1)]


async def _later(house: House, by: timedelta) -> None:
    """Let the rotations have been longer ago: past the journal's own walls."""
    async with owner(house, "-c session_replication_role=replica") as connection:
        await connection.execute("UPDATE app.event SET at = at - %s WHERE kind = 'kek.added'", [by])


async def _journal(house: House) -> list[KekAdded | KekRetired]:
    async with db.transaction(house.worker) as story:
        query = text("SELECT kind, body FROM app.event WHERE kind LIKE 'kek.%' ORDER BY seq")
        rows = (await (await story()).execute(query)).all()
    return [msgspec.convert({"type": row.kind, **row.body}, KekAdded | KekRetired) for row in rows]
