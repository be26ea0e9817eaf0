"""Card numbers: drawn well, never printed, kept where no login role can read them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy.exc
from pkcs11 import Attribute
from pkcs11.exceptions import AttributeSensitive
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db, ids
from cards.proofs import pan
from cards.proofs.pan import IIN, NotAPan, Pan, check_digit, draw
from proof import hsm
from proof.hsm import HsmKms
from proof.kms import FileKms, Unopenable, Wrapped
from tests import tokens
from tests.cards import made
from tests.conftest import Engines

# ISO/IEC 7812-1's algorithm on numbers that card schemes publish for tests.
KNOWN = ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "30569309025904"]


@pytest.mark.parametrize("digits", KNOWN)
def test_the_check_digit_is_that_of_the_standard(digits: str) -> None:
    assert check_digit(digits[:-1]) == digits[-1]


@pytest.mark.parametrize("digits", KNOWN)
def test_one_wrong_digit_is_always_found(digits: str) -> None:
    for place, digit in enumerate(digits):
        for other in set("0123456789") - {digit}:
            with pytest.raises(NotAPan):
                Pan(digits[:place] + other + digits[place + 1 :])


@pytest.mark.parametrize("text_", ["", "0", "4111 1111 1111 1111", "41111111111", "٤١١١١١١١١١١١١١١١", "4" * 20])
def test_what_is_no_number_is_refused_without_being_repeated(text_: str) -> None:
    with pytest.raises(NotAPan) as refused:
        Pan(text_)
    assert not refused.value.args


def test_numbers_are_drawn_from_our_national_range_and_do_not_repeat() -> None:
    drawn = [draw().digits for _ in range(2_000)]

    assert all(digits.startswith(IIN) and len(digits) == 16 for digits in drawn)
    assert len(set(drawn)) == len(drawn)
    # Every digit of the account part is used everywhere: a counter or a clock would not do that.
    assert all(len({digits[place] for digits in drawn}) == 10 for place in range(6, 15))


def test_a_number_does_not_print_itself() -> None:
    number = draw()

    for shown in (repr(number), str(number), f"{number}", f"{[number]}"):
        assert number.digits not in shown
        assert number.last4 in shown


def test_another_key_gives_another_index() -> None:
    number = draw()
    other = FileKms(Path("none"), {1: bytes(32)}, blind=bytes(32))

    assert pan.blind(made.KEYS, number) == pan.blind(made.KEYS, Pan(number.digits))
    assert pan.blind(made.KEYS, number) != pan.blind(other, number)


@pytest.mark.asyncio
async def test_a_number_is_found_by_its_index_and_read_by_its_holder_alone(engines: Engines) -> None:
    card, holder = ids.new(), ids.new()
    async with db.transaction(engines.api, holder=holder, audience="resident") as story:
        kept = await pan.keep(await story(), made.KEYS, card=card, holder=holder)

    assert (await read(engines, card, holder=holder)) == kept.digits
    assert (await read(engines, card, holder=ids.new())) is None
    assert (await read(engines, card, holder=None)) is None
    assert (await read(engines, ids.new(), holder=holder)) is None


async def read(engines: Engines, card: UUID, *, holder: UUID | None) -> str | None:
    async with db.transaction(engines.api, holder=holder, audience="officer") as story:
        number = await pan.read(await story(), made.KEYS, card)
    return number.number.digits if number else None


@pytest.mark.asyncio
async def test_a_copy_of_the_database_and_one_key_tell_nobodys_number(engines: Engines, database: str) -> None:
    kek, index = bytes([7]) * 32, bytes([8]) * 32
    keys, holder = FileKms(Path("none"), {1: kek}, blind=index), ids.new()
    async with db.transaction(engines.api, holder=holder, audience="resident") as story:
        cards = [ids.new() for _ in range(3)]
        kept = [await pan.keep(await story(), keys, card=card, holder=holder) for card in cards]
    async with made.owner(database) as connection:
        columns = "card, blind, key_version, wrapped_key, sealed"
        query = text(f"SELECT {columns} FROM card_vault.pan WHERE holder = :holder")  # noqa: S608  a literal
        stolen = {row.card: row for row in await connection.execute(query, {"holder": holder})}

    # Who has the key of the index says which row a number has that is known already, and opens none.
    thief = FileKms(Path("none"), {1: bytes(32)}, blind=index)
    for card, number in zip(cards, kept, strict=True):
        assert stolen[card].blind == pan.blind(thief, number)
        with pytest.raises(Unopenable):
            thief.unwrap(Wrapped(1, stolen[card].wrapped_key), f"card:{card}")
    # Who has the KEK opens rows one by one, and can't ask for a number: no hash of it stands anywhere but under a key.
    other = FileKms(Path("none"), {1: kek}, blind=bytes(32))
    assert {pan.blind(other, number) for number in kept}.isdisjoint(row.blind for row in stolen.values())
    # Who has neither has four digits in clear beside an index: the candidates behind them give no index of these.
    guesses = {hashlib.sha256(number.digits.encode()).digest() for number in kept}
    assert guesses.isdisjoint(row.blind for row in stolen.values())
    assert not any(number.digits.encode() in bytes(row.sealed) for number in kept for row in stolen.values())


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from tokens.driver(tmp_path_factory.mktemp("softhsm"))


@pytest.mark.asyncio
async def test_the_key_of_the_index_lives_in_a_token_and_does_not_leave_it(engines: Engines, softhsm: Path) -> None:
    token, card, holder = tokens.new(softhsm), ids.new(), ids.new()
    hsm.prepare(token)
    keys = HsmKms(token)
    async with db.transaction(engines.api, holder=holder, audience="resident") as story:
        kept = await pan.keep(await story(), keys, card=card, holder=holder)

    async with db.transaction(engines.posting) as story:
        asked = {"blind": pan.blind(HsmKms(token), kept)}  # another process, the same token
        found = (await (await story()).execute(text("SELECT card FROM card_vault.find(:blind)"), asked)).one()
    assert found.card == card
    with token.open() as session, pytest.raises(AttributeSensitive):
        session.get_key(label="blind")[Attribute.VALUE]


@pytest.mark.asyncio
async def test_a_number_that_is_taken_is_drawn_again(engines: Engines) -> None:
    taken, free = draw(), draw()
    coming = iter([taken, taken, free])

    async with db.transaction(engines.api) as story:
        connection = await story()
        first = await pan.keep(connection, made.KEYS, card=ids.new(), holder=ids.new(), draw=lambda: next(coming))
        second = await pan.keep(connection, made.KEYS, card=ids.new(), holder=ids.new(), draw=lambda: next(coming))

    assert (first, second) == (taken, free)


@pytest.mark.asyncio
@pytest.mark.parametrize("role", ["api", "posting", "worker", "report"])
async def test_no_role_that_logs_in_can_read_the_vault(engines: Engines, role: str) -> None:
    with pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"):
        await execute(getattr(engines, role), "SELECT * FROM card_vault.pan")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("role", "call"),
    [
        ("api", "card_vault.find('')"),
        ("posting", "card_vault.read(uuidv7())"),
        ("posting", "card_vault.put(uuidv7(), uuidv7(), '', 1, '', '')"),
        ("worker", "card_vault.read(uuidv7())"),
        ("worker", "card_vault.find('')"),
        ("report", "card_vault.read(uuidv7())"),
        ("report", "card_vault.find('')"),
    ],
)
async def test_each_role_has_only_the_function_it_needs(engines: Engines, role: str, call: str) -> None:
    with pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"):
        await execute(getattr(engines, role), f"SELECT {call}")


@pytest.mark.asyncio
async def test_a_sealed_number_opens_for_its_own_card_alone(engines: Engines, database: str) -> None:
    holder, mine, other = ids.new(), ids.new(), ids.new()
    async with db.transaction(engines.api, holder=holder, audience="resident") as story:
        for card in (mine, other):
            await pan.keep(await story(), made.KEYS, card=card, holder=holder)

    async with made.owner(database) as connection:
        await connection.execute(
            text(
                "UPDATE card_vault.pan SET (key_version, wrapped_key, sealed) ="
                " (SELECT key_version, wrapped_key, sealed FROM card_vault.pan WHERE card = :other) WHERE card = :mine"
            ),
            {"mine": mine, "other": other},
        )

    with pytest.raises(Unopenable):
        await read(engines, mine, holder=holder)


@pytest.mark.asyncio
async def test_a_copy_of_the_database_holds_no_number(engines: Engines, database: str) -> None:
    holder = ids.new()
    async with db.transaction(engines.api, holder=holder, audience="resident") as story:
        kept = await pan.keep(await story(), made.KEYS, card=ids.new(), holder=holder)

    async with made.owner(database) as connection:
        rows = (await connection.execute(text("SELECT * FROM card_vault.pan"))).all()

    everything = b"".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)
    assert kept.digits.encode() not in everything
    assert kept.digits[6:15].encode() not in everything


async def execute(engine: AsyncEngine, statement: str) -> None:
    async with db.transaction(engine) as story:
        await (await story()).execute(text(statement))
