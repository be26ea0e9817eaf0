"""Data loss prevention: no card number, PIN or code of ours is anywhere it can be read.

Everything that proves a card is done once; then what was logged, what was answered and every column of every table are
searched: for any number of our range that has its check digit, however it is spelt, and for the very PINs and codes.
"""

import base64
import json
import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import httpx
import psycopg
import pytest
import pytest_asyncio
import structlog
from litestar import Litestar

from app import clock, log
from app.settings import Settings
from cards.hsm import pinblock
from cards.hsm.material import Key, Material
from cards.hsm.pinblock import Format
from cards.hsm.port import Usage
from cards.proofs.pan import draw
from tests import postgres
from tests.app import card_holders
from tests.app.card_holders import SHOP, Holder, Network
from tests.security.leaks import VALUE, Place, cells, leaks, numbers

pytestmark = pytest.mark.asyncio
PIN, NEXT_PIN = "5927", "8046"


class Seen(NamedTuple):
    """Where somebody could read: lines of the log, answers, cells by their column."""

    lines: list[str]
    answers: list[str]
    cells: list[Place]

    @property
    def places(self) -> list[Place]:
        """Say what everything is."""
        lines = [("log", line) for line in self.lines]
        return lines + [("answer", answer) for answer in self.answers] + self.cells


class Heard(NamedTuple):
    """What was said while everything was done, and what must be nowhere in it."""

    lines: StringIO
    answers: list[str]
    secrets: set[str]


@pytest_asyncio.fixture
async def heard(app: Litestar, client: httpx.AsyncClient, tmp_path: Path, settings: Settings) -> Heard:
    answers: list[str] = []
    vocabulary = {word for _, content in cells(settings) for word in (content, *VALUE.findall(content))}

    async def keep(answer: httpx.Response) -> None:
        await answer.aread()
        answers.append(answer.text)

    lines = StringIO()
    before = structlog.get_config()
    with redirect_stdout(lines):
        log.configure()
        async with card_holders.holding(app, client) as holder:
            network = await card_holders.network(app, client, tmp_path)
            client.event_hooks["response"].append(keep)
            shown = await _everything(holder, network)
    structlog.configure(**before)
    # One of a thousand codes is a word that stands in the database anyway: the number of a bank, say.
    return Heard(lines, answers, {PIN, NEXT_PIN, shown["cvv2"]} - vocabulary)


async def _everything(holder: Holder, network: Network) -> dict[str, str]:
    """Do all that proves a card, and all that fails to."""
    shown = await holder.shown()
    pan = shown["pan"]
    await holder.set_pin(PIN)
    await holder.set_pin("1111")
    check = Material(Key(Usage.ZONE_KEYS, "z", 1), "A", b"\3" * 32, clock.real()).check_value
    await holder.house.card_keys.enter(network.name, [b"\1" * 32, b"\2" * 32], check)
    key = (await holder.house.card_keys.rotate(Usage.ZONE_PIN, network.name)).value
    old, new = (pinblock.encode(Format.ISO_4, key, pin, pan).hex().upper() for pin in (PIN, NEXT_PIN))
    await network.say("pin-changes", {"pan": pan, "old": new, "new": old})
    await network.say("pin-changes", {"pan": pan, "old": old, "new": new})
    await network.pay(shown, 100_00, "ecommerce", cvv2=shown["cvv2"])
    await network.pay(shown, 100_00, "ecommerce", cvv2="000")
    await network.pay(shown, 100_00, "chip", chip={"field55": "9F2608C2C12B098F3DA6E3"}, pin_block=new)
    await network.provision(pan, cvv2=shown["cvv2"])
    asked = await network.challenge(pan, 100_00, SHOP)
    await network.result(asked["transaction_id"], pan)
    for broken in ({"pan": pan}, {"pan": f"{pan} "}, {"pan": pan, "cvv2": shown["cvv2"], "more": pan}, pan):
        for path in ("authorizations", "tokens", "challenges", "pin-changes"):
            await network.say(path, broken)  # type: ignore[arg-type]  # what is no body at all
    await holder.post(f"{holder.path}/pin", {"letter": pan, "pin": PIN})
    await holder.post(f"/v1/card-reveals/{pan}/number")
    await holder.post(f"{holder.path}/reveals", {"device_key": {"kty": pan}})
    return shown


async def test_no_number_pin_or_code_is_anywhere(heard: Heard, settings: Settings) -> None:
    lines = heard.lines.getvalue().splitlines()
    seen = Seen(lines, heard.answers, cells(settings))

    assert sum('"event": "request"' in line for line in lines) > 20, "the log was heard"
    assert len(heard.answers) > 20
    assert len({place for place, _ in seen.cells}) > 300, "the database was read"
    # Four digits that verify a PIN may be the PIN's by chance; of nobody they say which.
    assert leaks(seen.places, heard.secrets) - {"card_vault.pin.pvv"} == set()


async def test_what_leaks_is_found(settings: Settings) -> None:
    number = draw().digits
    spaced = " ".join(re.findall("....", number))
    with psycopg.connect(postgres.libpq(settings.database_url)) as db:
        db.execute("CREATE TABLE app.planted (note text, raw bytea, body jsonb, pin text)")
        planted = (f"card {spaced}!", number.encode(), json.dumps({"cvv2": "123"}), PIN)
        db.execute("INSERT INTO app.planted VALUES (%s, %s, %s, %s)", planted)
    try:
        found = cells(settings)
    finally:
        with psycopg.connect(postgres.libpq(settings.database_url)) as db:
            db.execute("DROP TABLE app.planted")
    encoded = base64.b64encode(f"pan={number}".encode()).decode()
    seen = Seen([json.dumps({"why": number})], [json.dumps({"detail": encoded})], found)

    assert leaks(seen.places, {PIN, "123"}) >= {
        "log",
        "answer",
        "app.planted.note",
        "app.planted.raw",
        "app.planted.body",
        "app.planted.pin",
    }
    assert numbers(f"{number[:-1]}{(int(number[-1]) + 1) % 10}") == set()
