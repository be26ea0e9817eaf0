"""With processes that are killed: PostgreSQL while shops ask, the line while it tells the books what it promised."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app import house as house_
from app import settings
from app.house import House
from simulators import house as processes
from simulators.card_scenarios import Acquirer
from simulators.house import Program
from simulators.iso8583 import Line
from simulators.patience import until
from tests.app.network import lines
from tests.app.network.lines import Cardholder

PEOPLE = 4
EACH = 3  # promises of a card on a day
PROMISES = PEOPLE * EACH


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[processes.House]:
    monkeypatch.delenv("DATABASE_URL", raising=False)  # this server is killed
    with processes.House(tmp_path, {"link": Program("app.cli", ("link",), lines=("domestic",))}) as running:
        line = {"network": "mspk", "scope": "domestic", "port": port(running)}
        running.settings |= {
            "ERESIDENCY_CARD_LINES": json.dumps([line]),
            "ERESIDENCY_LINK_FOLDER": str(tmp_path / "link"),
        }
        running.start_database()
        yield running


def port(running: processes.House) -> int:
    return int(running.url("domestic").rpartition(":")[2])


@pytest.mark.nightly
@pytest.mark.asyncio
async def test_what_was_promised_is_told_once_whoever_is_killed(installation: processes.House) -> None:
    told = settings.load(installation.environ())
    async with house_.opened(told) as house:
        people = [await lines.cardholder(house) for _ in range(PEOPLE)]
    await asyncio.to_thread(installation.start, "link")
    await until(lambda: knows(installation), bool)
    line = Line("127.0.0.1", port(installation))
    network = Acquirer(line)
    assert await pays(people[0], network, 100) == "00"

    await asyncio.to_thread(installation.kill_database)
    answers = [await pays(who, network, 1_000) for who in people for _ in range(EACH + 1)]
    assert answers == (["00"] * EACH + ["91"]) * PEOPLE
    await asyncio.to_thread(installation.kill, "link")

    await asyncio.to_thread(installation.start_database)
    async with house_.opened(told) as house:
        await asyncio.to_thread(installation.spawn, "link")
        await until(lambda: promised(house), lambda found: found > 0)
        installation.kill("link")
        await asyncio.to_thread(installation.start, "link")
        await until(lambda: promised(house), lambda found: found >= PROMISES)
        installation.kill("link")
        await asyncio.to_thread(installation.start, "link")
        await line.close()
        assert await pays(people[0], network, 100) == "00"  # asked of books that know everything
        assert await promised(house) == PROMISES
        for who in people:
            assert (await lines.balance(house, who))[1] == 1_000 * EACH + 200 * (who is people[0])
        await line.close()
    said = installation.said("link", characters=1_000_000)
    assert "Traceback" not in said
    assert not [who.number for who in people if who.number in said]


async def pays(who: Cardholder, network: Acquirer, tenge: int) -> str:
    """Buy bread with the chip."""
    till = who.till(network, tenge)
    return (await till.say("0100", till.asks(more=who.inserted(tenge)))).code


async def promised(house: House) -> int:
    """Count what the books were told of promises of ours."""
    async with house.report.connect() as connection:
        found = await connection.scalar(text("SELECT count(*) FROM cards.element WHERE stand_in = 'ours'"))
        return int(found or 0)


async def knows(installation: processes.House) -> bool:
    """Say whether the line has taken its snapshot."""
    return (installation.folder / "link" / "snapshot").exists()
