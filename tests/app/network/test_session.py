"""One connection of a network: what is answered, what is dropped, and that nobody suffers from another."""

import asyncio
import contextlib
from datetime import datetime

import pytest

from app.network.session import FRAME_BYTES_MAX
from cards.iso8583 import flow, mac, telegram
from cards.iso8583.telegram import Telegram
from tests.app.network.hosts import approve, hosted
from tests.app.network.wires import Wire, wire
from tests.cards.iso8583.telegrams import FIELDS
from tests.cards.iso8583.telegrams import telegram as asked

pytestmark = pytest.mark.asyncio


async def test_a_question_before_a_sign_on_hears_that_nobody_is_there_and_an_advice_hears_nothing() -> None:
    async with hosted() as line, wire(line.port, signed_on=False) as network:
        network.say(asked("0420"))
        assert (await network.asked(asked("0100")))[39] == flow.AWAY

        assert (await network.manage("001"))[39] == "00"
        assert (await network.asked(asked("0100")))[39] == "00"
        assert (await network.manage("002"))[39] == "00"
        assert (await network.asked(asked("0100")))[39] == flow.AWAY
    assert line.counted("dropped", "not_signed_on") == 3


async def test_an_answer_says_what_was_asked_and_never_the_number() -> None:
    async with hosted() as line, wire(line.port) as network:
        answer = await network.asked(asked("0101"))

    assert answer.mti == "0110"
    assert {number: answer[number] for number in (3, 4, 7, 11, 37, 41, 42, 62)} == {
        number: FIELDS[number] for number in (3, 4, 7, 11, 37, 41, 42, 62)
    }
    assert not {2, 14, 35, 48, 52, 55, 126} & answer.fields.keys()


async def test_echoes_are_answered_and_asked() -> None:
    async with hosted(echo_s=0.05, patience_s=1) as line, wire(line.port) as network:
        assert (await network.manage("301"))[39] == "00"
        echo = await network.hear()
        assert (echo.mti, echo[70]) == ("0800", flow.ECHO)
        network.say(Telegram("0810", {7: echo[7], 11: "999999", 39: "00", 70: "301"}))  # an answer to nothing
        network.say(Telegram("0810", {7: echo[7], 11: echo[11], 39: "00", 70: "301"}))
        assert (await network.asked(asked()))[39] == "00"
        assert await network.ended()  # it did not answer the next one
    assert line.counted("dropped", "unasked") == 1
    assert line.counted("ended", "echoed") == 1


async def test_who_never_signs_on_is_let_go() -> None:
    async with hosted(patience_s=0.05) as line, wire(line.port, signed_on=False) as network:
        assert await network.ended()
    assert line.counted("ended", "sign_on") == 1


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (telegram.write(asked()).replace(b"M-1001 ", b"M-1001\x07"), "F042"),
        (telegram.write(asked()) + b"0", "F062"),
        (telegram.write(asked(without="49")), "F049"),
        (telegram.write(asked(without="2")), "F002"),
    ],
)
async def test_what_says_whom_it_asks_and_not_what_is_a_format_error(data: bytes, field: str) -> None:
    async with hosted() as line, wire(line.port) as network:
        network.send(data)
        answer = await network.hear()
        assert (answer.mti, answer[39], answer[44]) == ("0110", flow.FORMAT_ERROR, field)
        assert (await network.asked(asked()))[39] == "00"


@pytest.mark.parametrize(
    "data",
    [
        b"0",
        b"0100",
        b"\xff" * 40,
        b"9999" + bytes(8),
        telegram.write(Telegram("0110", {39: "00"})),
        bytes(FRAME_BYTES_MAX + 7),
    ],
)
async def test_what_is_no_telegram_is_dropped_and_the_line_goes_on(data: bytes) -> None:
    async with hosted() as line, wire(line.port) as network:
        network.send(data)
        network.send_raw(b"\0\0")  # a sign of life
        assert (await network.asked(asked()))[39] == "00"


async def test_frames_may_come_in_any_pieces() -> None:
    async with hosted() as line, wire(line.port) as network:
        data = b"".join(
            len(each).to_bytes(2) + each for each in [telegram.write(asked(f11=f"{n:06}")) for n in range(1, 80)]
        )
        for place in range(0, len(data), 97):
            network.send_raw(data[place : place + 97])
            await asyncio.sleep(0)
        heard = [(await network.hear())[11] for _ in range(79)]

    assert sorted(heard) == [f"{n:06}" for n in range(1, 80)]


async def test_half_a_frame_has_its_time() -> None:
    async with hosted(patience_s=0.5) as line, wire(line.port) as network:  # the sign-on has as much
        network.send_raw(b"\x00\x40half")
        assert await network.ended()
    assert line.counted("ended", "half") == 1


async def test_a_fault_of_ours_with_one_telegram_is_not_the_others_matter() -> None:
    async def office(told: Telegram, came: datetime, until: float) -> Telegram | None:
        if told[11] == "000666":
            raise RuntimeError
        return await approve(told, came, until)

    async with hosted(office) as line, wire(line.port) as network:
        assert (await network.asked(asked(f11="000666")))[39] == flow.FAULT
        network.say(asked("0420", f11="000666"))
        assert (await network.asked(asked()))[39] == "00"


async def test_a_crowd_waits_and_the_other_line_does_not() -> None:
    gate, under_way = asyncio.Event(), asyncio.Semaphore(0)

    async def office(told: Telegram, came: datetime, until: float) -> Telegram | None:
        if told[11] != "000001":
            under_way.release()
            await gate.wait()
        return await approve(told, came, until)

    async with hosted(office, at_once_max=4) as line, wire(line.port) as crowd, wire(line.port) as other:
        for number in range(100, 140):
            crowd.say(asked(f11=f"{number:06}"))
        for _ in range(4):
            await under_way.acquire()
        assert (await other.asked(asked(f11="000001")))[39] == "00"
        assert under_way.locked(), "no fifth was taken on"

        gate.set()
        heard = {(await crowd.hear())[11] for _ in range(40)}
    assert len(heard) == 40


async def test_who_does_not_read_is_read_no_more_and_let_go() -> None:
    async with hosted(patience_s=0.5) as line, wire(line.port, reads=4_096) as deaf, wire(line.port) as other:
        data = telegram.write(asked("0100"))
        with contextlib.suppress(ConnectionError):
            await deaf.floods((len(data).to_bytes(2) + data) * 500, times=60)
        assert (await other.asked(asked()))[39] == "00"
        assert await deaf.ended()
    assert line.counted("ended", "writing") == 1


async def test_only_so_many_come_in_and_only_from_where_they_may() -> None:
    async with hosted(sessions_max=1) as line, wire(line.port) as network, wire(line.port, signed_on=False) as another:
        assert await another.ended()
        assert (await network.asked(asked()))[39] == "00"
    assert line.counted("refused", "full") == 1

    async with hosted(peers=("192.0.2.1",)) as line, wire(line.port, signed_on=False) as stranger:
        assert await stranger.ended()
    assert line.counted("refused", "address") == 1


async def test_without_its_mac_a_telegram_is_nobodys_word() -> None:
    async with hosted(mac=True) as line:
        network = await Wire.to(line.port)
        network.say(Telegram("0800", {7: "1122090000", 11: "000001", 70: "001"}))  # no MAC: dropped
        network.send(mac.sealed(Telegram("0800", {7: "1122090000", 11: "000002", 70: "001"}), line.zone.prove))
        signed_on = await network.hear_bytes()
        assert mac.holds(telegram.read(signed_on), signed_on, line.zone.prove)
        assert telegram.read(signed_on)[11] == "000002"

        forged = bytearray(mac.sealed(asked(), line.zone.prove))
        forged[60] ^= 1
        network.send(bytes(forged))
        network.send(mac.sealed(asked(f11="000777"), line.zone.prove))
        assert telegram.read(await network.hear_bytes())[11] == "000777"
        network.close()
    assert line.counted("dropped", "mac") + line.counted("malformed", "head") >= 2


async def test_a_key_is_taken_or_refused() -> None:
    async with hosted() as line, wire(line.port) as network:
        assert (await network.manage("161", f48="D0112P0AE00E0000"))[39] == "00"
        assert (await network.manage("161", f48="nonsense"))[39] == flow.FORMAT_ERROR
        assert (await network.manage("270"))[39] == flow.INVALID
    assert line.zone.taken == ["D0112P0AE00E0000", "nonsense"]


async def test_a_file_update_is_not_supported() -> None:
    async with hosted() as line, wire(line.port) as network:
        answer = await network.asked(Telegram("0302", {7: FIELDS[7], 11: FIELDS[11]}))
    assert (answer.mti, answer[39]) == ("0312", flow.NOT_SUPPORTED)


async def test_the_end_is_a_sign_off_after_what_is_under_way() -> None:
    gate = asyncio.Event()

    async def office(told: Telegram, came: datetime, until: float) -> Telegram | None:
        await gate.wait()
        return await approve(told, came, until)

    async with hosted(office) as line, wire(line.port) as network:
        network.say(asked())
        assert (await network.manage("301"))[39] == "00"  # so the question is under way
        [session] = line.sessions
        leaving = asyncio.create_task(session.leave())
        assert (await network.hear())[70] == flow.SIGN_OFF
        gate.set()
        assert (await network.hear()).mti == "0110"
        await leaving
        assert await network.ended()


async def test_meters_say_what_was_counted_and_nothing_of_a_card() -> None:
    async with hosted() as line, wire(line.port) as network:
        await network.asked(asked())
        shown = line.meters.text()

    assert 'eresidency_link_heard_total{network="mspk",of="0100"} 1' in shown
    assert 'eresidency_link_said_total{network="mspk",of="0110 00"} 1' in shown
    assert 'eresidency_link_answer_seconds_count{network="mspk"} 1' in shown
    assert 'eresidency_link_signed_on{network="mspk"} 1' in shown
    assert FIELDS[2] not in shown
