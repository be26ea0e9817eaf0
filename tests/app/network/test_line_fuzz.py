"""A hundred thousand telegrams that are none: answered or dropped by the rules, and the connection lives.

What is sent is drawn from a seed: bytes at random, telegrams cut, stretched, with a byte changed, fields moved or
doubled, lengths that lie, types and dates nobody has. What is to be answered says a reader of its own (oracle.py).
After each handful comes an echo, which must be answered; at the end nothing of it is stored, and a question is decided.
In the ordinary suite a sample is sent, all of it at night.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.house import House
from app.network import session
from app.network.session import FRAME_BYTES_MAX
from cards.iso8583 import flow, telegram
from cards.iso8583.flow import FLOWS
from cards.iso8583.telegram import Telegram
from tests.app.network import lines, oracle
from tests.app.network.hosts import hosted
from tests.app.network.wires import Wire, wire
from tests.cards.iso8583 import telegrams
from tests.planted import planted

pytestmark = pytest.mark.asyncio
SAMPLE, WHOLE = 1_500, 100_000
HANDFUL = 50
SEED = 8583
#: When our echoes are asked; a drawn telegram may become one by accident, at another time.
MOMENT = "0229235959"
#: No number, no currency and no kind: what is well formed by accident can't be acted on, nor with one of them changed.
NOBODYS = {2: "9398010000000001", 3: "990000", 49: "999"}

Draw = random.Random
Spoiling = Callable[[Draw, bytes], bytes]


def whole(draw: Draw) -> bytes:
    """Write a telegram as it should be, but that nobody can act on it."""
    mti = draw.choice(sorted(FLOWS))
    fields = telegrams.FIELDS | NOBODYS | {11: f"{draw.randrange(1, 10**6):06}"}
    return telegram.write(Telegram(mti, fields | ({39: "00", 70: "301"} if mti == "0810" else {})))


def cut(draw: Draw, data: bytes) -> bytes:
    return data[: draw.randrange(len(data))]


def stretched(draw: Draw, data: bytes) -> bytes:
    return data + draw.randbytes(draw.randrange(1, 40))


def changed(draw: Draw, data: bytes) -> bytes:
    place = draw.randrange(len(data))
    return data[:place] + bytes([data[place] ^ draw.randrange(1, 256)]) + data[place + 1 :]


def bitmapped(draw: Draw, data: bytes) -> bytes:
    return data[:4] + draw.randbytes(8) + data[12:]


def mixed(draw: Draw, data: bytes) -> bytes:
    start = draw.randrange(len(data))
    return data[:start] + data[draw.randrange(len(data)) :] + data[start : start + draw.randrange(30)]


def typed(draw: Draw, data: bytes) -> bytes:
    return f"{draw.randrange(10_000):04}".encode() + data[4:]


def noise(draw: Draw, _: bytes) -> bytes:
    return draw.randbytes(draw.randrange(1, 600))


def long(draw: Draw, _: bytes) -> bytes:
    return draw.randbytes(FRAME_BYTES_MAX + draw.randrange(1, 2_000))


def dated(draw: Draw, data: bytes) -> bytes:
    return data.replace(b"1122090000", f"{draw.randrange(10**10):010}".encode())


SPOILINGS: tuple[Spoiling, ...] = (
    cut, stretched, changed, changed, bitmapped, mixed, typed, noise, long, dated,
)  # fmt: skip


def drawn(count: int) -> Iterator[bytes]:
    """Draw frames."""
    draw = random.Random(SEED)
    for _ in range(count):
        yield draw.choice(SPOILINGS)(draw, whole(draw))


async def stored(house: House) -> dict[str, int]:
    """Count what is kept of payments, events and answers."""
    tables = (
        "cards.payment",
        "cards.element",
        "cards.event",
        "app.idempotency",
        "wallet.transfer",
        "wallet.hold",
    )
    async with house.posting.connect() as connection:
        return {
            table: (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()  # noqa: S608  names of this test
            for table in tables
        }


async def sent(network: Wire, count: int) -> int:
    """Send all of them and hear what is answered; answers how many were."""
    answered = 0
    frames = drawn(count)
    for start in range(0, count, HANDFUL):
        expected = 0
        for _ in range(min(HANDFUL, count - start)):
            frame = next(frames)
            network.send(frame)
            expected += oracle.is_answered(frame)
        echo = Telegram("0800", {7: MOMENT, 11: f"{start + 1:06}", 70: flow.ECHO})
        network.say(echo)
        heard = [await network.hear() for _ in range(expected + 1)]
        mine = [each for each in heard if (each.get(7), each.get(11), each.get(70)) == (MOMENT, echo[11], flow.ECHO)]
        assert len(mine) == 1, f"of {HANDFUL} from {start} on"
        answered += expected
    return answered


async def fuzzed(house: House, folder: Path, count: int) -> None:
    who = await lines.cardholder(house)
    async with lines.opened(house, folder) as opened, wire(opened.ports["mspk"]) as network:
        before = await stored(house)
        assert await sent(network, count) > count // 10
        assert await stored(house) == before
        asked = telegrams.telegram(
            f2=who.number, f14=f"{who.card.expires_on:%y%m}", f48=f"9203{who.cvv2}", f62=f"{count:015}"
        )
        assert (await network.asked(asked))[39] == "00"
        assert (await stored(house))["cards.payment"] == before["cards.payment"] + 1


async def test_a_sample_of_what_is_no_telegram(house: House, tmp_path: Path) -> None:
    await fuzzed(house, tmp_path, SAMPLE)


@pytest.mark.nightly
async def test_all_of_what_is_no_telegram(house: House, tmp_path: Path) -> None:
    await fuzzed(house, tmp_path, WHOLE)


async def test_a_line_that_leaves_a_format_error_unanswered_is_noticed() -> None:
    defect = planted(session, "self._say(flow.unreadable(error.field, error.read))", "pass")

    async with hosted(kind=defect.Session) as line, wire(line.port) as network:
        network.within_s = 0.3
        with pytest.raises(TimeoutError):
            await sent(network, SAMPLE)
