"""Data loss prevention where no request comes by: the lines to card networks, the worker, the database server, backups.

Cards pay, are refused and stood in for over a real line; networks send what is no telegram, and files with numbers in
them. Then everything that is left is searched as in test_card_leaks.py: logs with their tracebacks, the lines' folder
and counters, the folder of settlement files, the server's log, and a dump of the database.
"""

import asyncio
import base64
import contextlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import msgspec
import psycopg
import pytest
import pytest_asyncio
import structlog
from litestar import Litestar

from app import house as house_
from app import log
from app.cards import work
from app.house import House
from app.network import serving
from app.network.serving import Lines
from app.settings import Settings
from cards.hsm import pinblock
from cards.hsm.pinblock import Format
from cards.hsm.port import Usage
from cards.proofs.pan import draw
from simulators.card_scenarios import Acquirer
from simulators.settlement_file import Line as Settled
from simulators.standard_webhooks import Signer
from tests import postgres
from tests.app.cards.test_keys import CHECK, PARTS
from tests.app.network import lines, outage
from tests.app.network.lines import Cardholder
from tests.app.network.outage import Gate, back, lost
from tests.app.network.wires import wire
from tests.cards.settlement import files
from tests.security import leaks
from tests.security.leaks import Place

pytestmark = pytest.mark.asyncio
PIN = "5927"


class Left(NamedTuple):
    """What is left to be read of everything that was done, and the words that must be nowhere in it."""

    places: list[Place]
    secrets: set[str]


@pytest_asyncio.fixture
async def left(app: Litestar, settings: Settings, tmp_path: Path) -> AsyncIterator[Left]:
    server = postgres.log()
    begins = server.stat().st_size if server else 0
    said, before = StringIO(), structlog.get_config()
    with redirect_stdout(said):
        log.configure()
        secrets, metrics = await _over_the_line(settings, tmp_path / "link")
        await _settled(app, tmp_path / "inbox")
    structlog.configure(**before)
    with contextlib.closing(leaks.owner(settings)) as db, pytest.raises(psycopg.errors.DivisionByZero):
        db.execute("SELECT 1 / 0")  # so that the server has something to say in any case
    written = server.read_bytes()[begins:].decode() if server else ""
    vocabulary = {word for _, content in leaks.cells(settings) for word in (content, *leaks.VALUE.findall(content))}
    yield Left(
        [
            *(("log", line) for line in said.getvalue().splitlines()),
            *(("server log", line) for line in written.splitlines()),
            ("metrics", metrics),
            *leaks.files(tmp_path / "link"),
            *leaks.files(tmp_path / "inbox"),
            *leaks.dump(settings),
        ],
        secrets - vocabulary,
    )


async def _over_the_line(settings: Settings, folder: Path) -> tuple[set[str], str]:
    """Do all that a line brings; gives what must stay secret, and the counters."""
    async with (
        outage.gated(settings.database_url) as (url, gate),
        house_.opened(msgspec.structs.replace(settings, database_url=url)) as house,
    ):
        who = await lines.resident(house, 7_091)
        await house.card_keys.enter("mspk", PARTS, CHECK)
        key = (await house.card_keys.rotate(Usage.ZONE_PIN, "mspk")).value
        block = pinblock.encode(Format.ISO_4, key, PIN, who.number).hex().upper()
        async with lines.opened(house, folder) as opened, lines.acquirer(opened) as network:
            await _pays(who, network, block)
            await _nonsense(who, opened)
            await _away(who, opened, network, gate)
            metrics = await _metrics(opened)
            # It goes when the lines close in order; after a power cut it lies there as it is now.
            (folder / "snapshot.kept").hardlink_to(folder / "snapshot")
    return {PIN, block, who.cvv2}, metrics


async def _pays(who: Cardholder, network: Acquirer, block: str) -> None:
    for name in ("purchase", "refund", "network-stand-in", "verification", "reversal-first", "clearing-first"):
        await lines.codes(name, network, who.happened)
    wrong = msgspec.structs.replace(who.happened, cvv2="000")
    nobodys = msgspec.structs.replace(who.happened, pan=draw().digits)
    for name in ("purchase", "network-stand-in", "refund"):
        await lines.codes(name, network, wrong)
        await lines.codes(name, network, nobodys)
    till = who.till(network, 1_000)
    assert (await till.say("0100", till.asks(more=who.inserted(1_000) | {52: block}))).code != "00"
    stripe = who.till(network, 1_000)
    track = f"{who.number}={who.card.expires_on:%y%m}2010000012345678"
    await stripe.say("0100", stripe.asks(f22="901", f35=track))


async def _nonsense(who: Cardholder, opened: Lines) -> None:
    """Send the number where no number belongs, and telegrams that break off in it."""
    number = who.number
    async with wire(opened.ports["mspk"]) as network:
        for data in (number, f"0100{number}", f"0300{number}" * 3, f"0100\xff{number}", f"0800{number}"):
            network.send(data.encode("latin-1"))
        assert (await network.manage("301", f48=number))[39] == "00"
        assert (await network.manage("161", f48=number))[39] == "30"


async def _away(who: Cardholder, opened: Lines, network: Acquirer, gate: Gate) -> None:
    """Lose the books: one yes and one no in their place, and they are told."""
    await opened.learn()
    await lost(opened, gate)
    bread, book = who.till(network, 1_000), who.till(network, 1_000)
    assert (await bread.say("0100", bread.asks(more=who.inserted(1_000)))).code == "00"
    assert (await book.say("0100", book.asks(f48=f"9203{who.cvv2}"))).code == "91"
    await back(opened, gate)


async def _metrics(opened: Lines) -> str:
    async with await serving.health(opened, 0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n")
        content = (await asyncio.wait_for(reader.read(), 5)).decode()
        writer.close()
    return content


async def _settled(app: Litestar, inbox: Path) -> None:
    """Take a file with numbers in it, and refuse another; the worker does what else is due."""
    house: House = app.state.house
    for step in (work.match, work.lapse, work.recover):
        await step(house)
    network = await files.enrolled(app, Signer(inbox.parent / "network.key"), inbox)
    who = await lines.cardholder(house)
    unheard = [Settled(lifecycle=f"X-{pan}"[:3], element=pan[:4], pan=pan, amount_minor=100) for pan in (who.number,)]
    await network.takes(unheard)
    network.write(f"H\t1\t{who.number}\nR\t{who.number}\n".encode(), "000002")
    await network.works()


async def test_nothing_that_is_left_holds_a_number_a_pin_or_a_code(left: Left) -> None:
    read = {place.partition(" ")[0].partition("/")[0] for place, _ in left.places}

    assert read >= {"log", "metrics", "link", "inbox", "dump"} | ({"server"} if postgres.log() else set())
    assert {"link/snapshot.kept", "inbox/taken/000001.settlement", "inbox/refused/000002.settlement"} <= {
        place for place, _ in left.places
    }
    assert any(place.startswith("link/") and place != "link/snapshot" and content for place, content in left.places)
    assert sum(content.count("\n") for place, content in left.places if place.startswith("dump")) > 400
    assert leaks.leaks(left.places, left.secrets) - {"dump of card_vault.pin"} == set()


async def test_what_leaks_there_is_found(settings: Settings, tmp_path: Path) -> None:
    number = draw().digits
    folder = tmp_path / "link"
    folder.mkdir()
    (folder / "journal").write_bytes(b"\x00\x01" + number.encode() + b"\x02")
    (folder / "snapshot").write_bytes(base64.b64encode(f"pan={number}".encode()))
    with contextlib.closing(leaks.owner(settings)) as db:
        db.execute("CREATE TABLE app.planted (note text)")
        db.execute("INSERT INTO app.planted VALUES (%s)", (" ".join(re.findall("....", number)),))
        db.commit()
        dumped = leaks.dump(settings)
        db.execute("DROP TABLE app.planted")
        db.commit()
    places = [
        *leaks.files(folder),
        *dumped,
        ("log", json.dumps({"exception": f"Malformed: {number}"})),
        ("metrics", f'eresidency_link_dropped_total{{of="{number}"}} 1'),
        ("server log", f"DETAIL:  Failing row contains ({number}, 5)."),
    ]

    assert leaks.leaks(places, set()) == {
        "link/journal",
        "link/snapshot",
        "dump of app.planted",
        "log",
        "metrics",
        "server log",
    }
