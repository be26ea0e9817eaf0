"""A line on which every telegram carries its MAC, under a key that the network sent; what the process says of it."""

import asyncio
import contextlib
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers import algorithms

from app.house import House
from app.network import serving
from cards.hsm import des, material
from cards.hsm.material import Key
from cards.hsm.port import Usage
from cards.iso8583 import mac, telegram
from cards.iso8583.telegram import Telegram
from tests.app.cards.test_keys import CHECK, PARTS
from tests.app.network import lines
from tests.app.network.lines import LINE
from tests.app.network.wires import Wire
from tests.cards import made

pytestmark = pytest.mark.asyncio
ZONE = "proven"


def signs_on(trace: int) -> Telegram:
    return Telegram("0800", {7: "1122090000", 11: f"{trace:06}", 70: "001"})


async def test_a_line_proves_every_telegram_by_the_key_of_its_zone(house: House, tmp_path: Path) -> None:
    shared = await house.card_keys.enter(ZONE, PARTS, CHECK)
    sent = material.make(Key(Usage.ZONE_MAC, ZONE, 1), made.AT)
    await house.card_keys.take(ZONE, material.send(shared, sent))

    def prove(data: bytes) -> bytes:
        return des.cmac(algorithms.AES(sent.value), data)[:8]

    async def said(network: Wire, told: Telegram) -> Telegram:
        network.send(mac.sealed(told, prove))
        answer = await network.hear_bytes()
        assert mac.holds(telegram.read(answer), answer, prove)
        return telegram.read(answer)

    line = msgspec.structs.replace(LINE, network=ZONE, mac=True)
    async with lines.opened(house, tmp_path, line) as opened:
        network = await Wire.to(opened.ports[ZONE])
        network.say(signs_on(1))  # without a proof: dropped
        assert (await said(network, signs_on(2)))[11] == "000002"
        following = material.send(shared, material.make(Key(Usage.ZONE_MAC, ZONE, 2), made.AT))
        exchange = {7: "1122090000", 11: "000003", 70: "161"}
        assert (await said(network, Telegram("0800", {**exchange, 48: following})))[39] == "00"
        assert (await said(network, Telegram("0800", {**exchange, 48: following[:-1] + "!"})))[39] == "30"
        network.close()
    assert opened.meters.counted(ZONE, "dropped", "mac") == 1


async def test_the_process_says_that_it_is_ready_and_what_it_counted(house: House, tmp_path: Path) -> None:
    who = await lines.cardholder(house)
    async with lines.opened(house, tmp_path) as opened, lines.acquirer(opened) as network:
        await lines.codes("purchase", network, who.happened)
        server = await serving.health(opened, 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            assert (await asked(port, "GET /health/ready HTTP/1.1")).startswith("HTTP/1.1 200 ")
            assert (await asked(port, "GET /elsewhere HTTP/1.1")).startswith("HTTP/1.1 404 ")
            assert (await asked(port, "POST /metrics HTTP/1.1")).startswith("HTTP/1.1 405 ")
            metrics = await asked(port, "GET /metrics HTTP/1.1")

    assert 'eresidency_link_said_total{network="mspk",of="0110 00"} 1' in metrics
    assert who.number not in metrics


async def asked(port: int, line: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{line}\r\nHost: here\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return answer.decode()


async def test_one_process_keeps_a_folder(house: House, tmp_path: Path) -> None:
    async with lines.opened(house, tmp_path), contextlib.AsyncExitStack() as second:
        with pytest.raises(serving.Busy):
            await second.enter_async_context(lines.opened(house, tmp_path))


async def test_a_process_without_a_line_does_not_open(house: House, tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as open_:
        with pytest.raises(serving.NoLines):
            await open_.enter_async_context(serving.opened(house, (), tmp_path))


async def test_a_line_without_a_key_does_not_open(house: House, tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as open_:
        with pytest.raises(serving.Keyless):
            await open_.enter_async_context(
                lines.opened(house, tmp_path, msgspec.structs.replace(LINE, network="keyless", mac=True))
            )
