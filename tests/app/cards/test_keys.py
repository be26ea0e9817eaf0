"""The keys of the cards: made once for all processes, changed without a pause, exchanged with a network."""

import asyncio

import pytest
import sqlalchemy
from sqlalchemy import pool, text

from app import db
from app.cards import work
from app.cards.keys import CardKeys
from app.house import House
from cards.hsm import material
from cards.hsm.keyblock import BadKeyBlock
from cards.hsm.material import Key, Material, WrongCheckValue
from cards.hsm.port import OWN, UnknownKey, Usage
from cards.hsm.soft import SoftHsm
from tests.cards import made

pytestmark = pytest.mark.asyncio
PARTS = [b"\1" * 32, b"\2" * 32]
CHECK = Material(Key(Usage.ZONE_KEYS, "z", 1), "A", b"\3" * 32, made.AT).check_value


async def begun(house: House) -> tuple[CardKeys, SoftHsm]:
    """Open the keys as a process does that has just begun."""
    keys = CardKeys(house.worker, house.keys.kms)
    async with db.transaction(house.api) as story:
        return keys, await keys.machine(await story())


async def test_processes_that_begin_together_have_the_same_keys(house: House) -> None:
    machines = [hsm for _, hsm in await asyncio.gather(*(begun(house) for _ in range(4)))]

    for usage in OWN:
        assert len({hsm.check_value(usage, 1) for hsm in machines}) == 1
    assert {hsm.last(usage) for hsm in machines for usage in OWN if usage is not Usage.LETTERS} == {1}


async def test_a_new_version_verifies_everywhere_before_it_makes_anything(house: House) -> None:
    keys, _ = await begun(house)
    new = await keys.rotate(Usage.PIN_VALUES)

    _, other = await begun(house)

    assert (other.last(Usage.PIN_VALUES), other.newest(Usage.PIN_VALUES)) == (new.key.version, new.key.version - 1)
    assert other.check_value(Usage.PIN_VALUES, new.key.version) == new.check_value


async def test_two_who_rotate_at_once_make_two_versions(house: House) -> None:
    (one, _), (other, _) = await begun(house), await begun(house)

    found = await asyncio.gather(one.rotate(Usage.AUTHENTICATIONS), other.rotate(Usage.AUTHENTICATIONS))

    assert len({each.key.version for each in found}) == 2


async def test_a_network_sends_its_keys_under_the_one_it_shares(house: House) -> None:
    keys, hsm = await begun(house)
    with pytest.raises(UnknownKey):
        await keys.rotate(Usage.ZONE_PIN, "narodnaya")
    with pytest.raises(WrongCheckValue):
        await keys.enter("narodnaya", PARTS, "000000")
    shared = await keys.enter("narodnaya", PARTS, CHECK)
    sent = material.make(Key(Usage.ZONE_MAC, "narodnaya", 9), made.AT)
    block = material.send(shared, sent)

    taken = await keys.take("narodnaya", block)
    given = await keys.rotate(Usage.ZONE_PIN, "narodnaya")

    assert (taken.key, taken.check_value) == (Key(Usage.ZONE_MAC, "narodnaya", 1), sent.check_value)
    assert len(hsm.mac("narodnaya", b"0800")) == 8
    assert material.receive(shared, material.send(shared, given), lambda _: 1, made.AT).value == given.value
    with pytest.raises(BadKeyBlock):
        await keys.take("narodnaya", block[:-1] + ("0" if block[-1] != "0" else "1"))


@pytest.mark.fresh
async def test_the_key_of_letters_is_replaced_every_month(house: House, database: str) -> None:
    assert await work.renew_letter_keys(house) == 0
    owner = sqlalchemy.create_engine(database, poolclass=pool.NullPool)
    with owner.begin() as connection:
        connection.execute(text("UPDATE card_vault.key SET made_at = made_at - interval '31 days'"))
    owner.dispose()
    _, before = await begun(house)
    old = before.letter_keys()

    fresh, _ = await begun(house)
    assert await fresh.renew() == 1
    assert await fresh.renew() == 0

    _, after = await begun(house)
    assert after.last(Usage.LETTERS) == 2
    assert after.letter_keys() == old  # until everybody had a minute to find it


async def test_what_is_stored_is_of_no_use_without_the_kek(house: House, database: str) -> None:
    _, hsm = await begun(house)
    owner = sqlalchemy.create_engine(database, poolclass=pool.NullPool)
    with owner.begin() as connection:
        rows = connection.execute(text("SELECT usage, version, sealed, wrapped_key FROM card_vault.key")).all()
    owner.dispose()

    for row in rows:
        if row.usage in set(OWN) and row.version <= hsm.last(Usage(row.usage)):
            value = hsm.material(Usage(row.usage), row.version).value
            assert value not in bytes(row.sealed) + bytes(row.wrapped_key)
    assert len(rows) >= len(OWN)
