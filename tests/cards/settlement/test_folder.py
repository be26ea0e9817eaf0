"""The folder of settlement files: no number of a card stays in it, and no file is in another's way."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import clock
from app.cards import settlement_folder, settling
from app.cards.settlement_folder import REFUSED, REFUSED_FOR, TAKEN
from simulators.settlement_file import Line
from tests.cards import made
from tests.cards.settlement.files import Network

NUMBER = b"4000001234567899"


def contents(folder: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.asyncio
async def test_no_number_of_a_card_stays_in_the_folder(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    digits = await network.number(card)
    taken = network.put([Line(lifecycle="X-1", element="unheard", pan=digits, amount_minor=70_00)])
    refused = network.write(taken.read_bytes()[:-3] + b"\n", "refused")
    assert sum(digits.encode() in each for each in contents(network.folder)) == 2

    await network.works()

    assert not [each for each in contents(network.folder) if digits.encode() in each]
    assert (network.folder / TAKEN / taken.name).exists()
    assert (network.folder / REFUSED / refused.name).exists()
    assert not refused.exists()


@pytest.mark.asyncio
async def test_a_file_that_can_not_be_read_is_in_nobodys_way(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    (network.folder / f"000000{settlement_folder.SUFFIX}").mkdir(parents=True)

    assert await network.takes(await network.clears(card, 300)) == []

    assert await network.states() == ["reported"]


@pytest.mark.asyncio
async def test_what_the_folder_does_not_let_go_is_taken_once_and_the_rest_goes_on(network: Network) -> None:
    card = await made.spender(network.engines, network.house.money, 1_000)
    network.folder.mkdir(parents=True)
    (network.folder / TAKEN).write_bytes(b"a file where a folder should be")
    first = network.put(await network.clears(card, 300))
    second = network.put(await network.clears(card, 200))

    await network.works()

    assert await network.states() == ["reported", "reported"]
    assert (first.exists(), second.exists()) == (True, True)
    assert await settling.step(network.house) == 0


@pytest.mark.parametrize("size", [1, 5, 16, 17, 1_000])
def test_numbers_become_stars_wherever_a_chunk_ends(size: int) -> None:
    content = b"R\t1\t" + NUMBER + b"\t7000\n" + NUMBER
    chunks = [content[at : at + size] for at in range(0, len(content), size)]

    assert b"".join(settlement_folder.redacted(chunks)) == content.replace(NUMBER, b"*" * len(NUMBER))


def test_what_was_refused_long_ago_is_deleted(tmp_path: Path) -> None:
    (tmp_path / REFUSED).mkdir()
    old, new = (tmp_path / REFUSED / f"{name}{settlement_folder.SUFFIX}" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"")
    now = clock.real()
    then = time.mktime((now - REFUSED_FOR).timetuple()) - 86_400
    os.utime(old, (then, then))

    settlement_folder.forget(tmp_path, now=now)

    assert (old.exists(), new.exists()) == (False, True)
