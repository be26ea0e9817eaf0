"""One connection of a card network: telegrams behind two bytes of length, a sign-on before anything is asked.

listens   app/network/session.py   Session     <- you are here
answers   app/network/office.py    Office.answer()
reads     cards/iso8583/telegram.py, flow.py

What is no telegram is answered as a format error where it says what it answers to, and dropped where it does not; the
connection lives on. It ends where nobody can tell any more where a telegram begins, where the other side does not read
what it asked for, and where it does not answer an echo.

- A crowd on one line waits for itself: a few frames at a time are read, then the others have their turn; with as many
  answers under way as the line's terms allow, no more is read until one is given.
- The day's trace numbers (field 11) of our own questions are what their answers are recognised by.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, Protocol, cast

import structlog

from app import clock
from app.network.meters import Meters
from app.network.terms import Line
from cards.iso8583 import flow, mac, telegram, times
from cards.iso8583.flow import Kind
from cards.iso8583.mac import Prove
from cards.iso8583.telegram import Malformed, Telegram

FRAME_BYTES_MAX = 4_096
#: How many frames of a connection are read before the others have their turn.
_SLICE = 32
_BUFFERED_BYTES_MAX = 64 * 1024
_TRACES = 10**6

_log = structlog.get_logger()


class Zone(Protocol):
    """What the machine that keeps the keys of cards does for a network (cards/hsm/port.py)."""

    def prove(self, data: bytes) -> bytes:
        """Answer the MAC of a telegram."""
        ...

    async def take_key(self, block: str) -> bool:
        """Take a key that the network sends, itself under a key; False where it is none for us."""
        ...


Answers = Callable[[Telegram, datetime, float], Awaitable[Telegram | None]]


class Session(asyncio.Protocol):
    """One connection. `answer` is asked for every telegram about a card: with it, when it came, and until when."""

    def __init__(self, line: Line, answer: Answers, zone: Zone, meters: Meters, others: "set[Session]") -> None:
        self.signed_on = False
        self._line, self._answer, self._meters, self._others = line, answer, meters, others
        self._zone = zone
        self._prove: Prove | None = zone.prove if line.mac else None
        self._loop = asyncio.get_running_loop()
        self._unread, self._unsent = bytearray(), bytearray()
        self._skip = 0
        self._reading = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped_for: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._asked: dict[str, str] = {}
        self._trace = 0
        self._heard_at = self._loop.time()
        self._leaving = False

    # -- what the event loop calls -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in if it is whom the line's terms name, and there is room."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by descent
        why = self._unwelcome()
        if why is not None:
            self._count("refused", why)
            self._leaving = True
            self._transport.abort()
            return
        self._others.add(self)
        self._level()
        self._transport.set_write_buffer_limits(high=_BUFFERED_BYTES_MAX)
        # The kernel would keep megabytes for somebody who reads nothing.
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFERED_BYTES_MAX)
        self._after("sign_on")
        self._timers["echo"] = self._loop.call_later(self._line.echo_s, self._echo)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._leaving and not self.signed_on:
            return
        self._heard_at = self._loop.time()
        self._unread += data
        if not self._reading:
            self._read()

    def pause_writing(self) -> None:
        """Read no more of somebody who does not read us, and let go of them after a while."""
        self._stop("writing")
        self._after("writing")

    def resume_writing(self) -> None:
        """Go on."""
        self._done("writing")
        self._go_on("writing")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  as asyncio calls it
        """Forget it; what it asked is decided all the same, and answered where it is asked again."""
        for timer in self._timers.values():
            timer.cancel()
        self._others.discard(self)
        self._level()
        self._leaving = True

    async def leave(self) -> None:
        """Sign off, answer what is under way, and close."""
        if self.signed_on:
            self._ask(flow.SIGN_OFF)
        self.signed_on = False
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        self._leaving = True
        self._send()
        self._transport.close()

    # -- frames --------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Take frames, a few at a time."""
        self._reading = False
        for _ in range(_SLICE):
            if self._stopped_for & {"crowd", "writing"} or (frame := self._frame()) is None:
                break
            self._heard(frame)
        else:
            self._reading = True
            self._loop.call_soon(self._read)
        self._bound()

    def _bound(self) -> None:
        """Read no more while much is unread, and give half a frame its time."""
        if len(self._unread) > _BUFFERED_BYTES_MAX:
            self._stop("unread")
        else:
            self._go_on("unread")
        if (self._unread or self._skip) and not self._stopped_for and not self._reading:
            self._after("half")
        else:
            self._done("half")

    def _frame(self) -> bytes | None:
        """Take the next whole frame out of what is unread; one that is too long goes by unread."""
        while True:
            if self._skip:
                gone = min(self._skip, len(self._unread))
                del self._unread[:gone]
                self._skip -= gone
            if self._skip or len(self._unread) < 2:  # noqa: PLR2004  the bytes of a length
                return None
            size = int.from_bytes(self._unread[:2])
            if size > FRAME_BYTES_MAX:
                self._count("dropped", "too_long")
                self._skip = 2 + size
            elif size == 0:  # nothing but a sign of life
                del self._unread[:2]
            elif len(self._unread) < 2 + size:
                return None
            else:
                frame = bytes(self._unread[2 : 2 + size])
                del self._unread[: 2 + size]
                return frame

    # -- telegrams -----------------------------------------------------------------------------------------------------

    def _heard(self, frame: bytes) -> None:
        """Do with a frame what its type says, or what is said of those that have none."""
        try:
            told = telegram.read(frame)
        except Malformed as error:
            self._count("malformed", error.field if error.field.isdigit() else "head")
            if self._prove is None:  # else nobody knows who sent it
                self._say(flow.unreadable(error.field, error.read))
            return
        if self._prove is not None and not mac.holds(told, frame, self._prove):
            self._count("dropped", "mac")
            return
        going = flow.FLOWS.get(told.mti)
        if going is None:
            self._count("dropped", "type")
            return
        self._count("heard", told.mti)
        if (missing := flow.lacks(told)) is not None:
            self._count("malformed", str(missing))
            self._say(flow.unreadable(missing, told))
            return
        match going.kind:
            case Kind.ANSWER:
                self._answered(told)
            case Kind.MANAGEMENT if told[70] == flow.NEW_KEY:
                self._begin(self._exchange(told))
            case Kind.MANAGEMENT:
                self._manage(told)
            case Kind.FILE:
                self._say(flow.reply(told, flow.NOT_SUPPORTED))
            case kind:
                self._about_a_card(told, kind)

    def _about_a_card(self, told: Telegram, kind: Kind) -> None:
        if not self.signed_on:
            self._count("dropped", "not_signed_on")
            if kind is Kind.QUESTION:  # an advice is told again until somebody takes it down
                self._say(flow.reply(told, flow.AWAY))
            return
        self._begin(self._take(told))
        if len(self._tasks) >= self._line.at_once_max:
            self._stop("crowd")

    def _begin(self, answering: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(answering)
        self._tasks.add(task)
        task.add_done_callback(self._given)

    async def _take(self, told: Telegram) -> None:
        came = self._loop.time()
        try:
            answer = await self._answer(told, clock.real(), came + self._line.deadline_ms / 1_000)
        except Exception as error:  # noqa: BLE001  a fault of ours with one telegram must not end the line for the others
            _log.error("telegram_failed", kind=told.mti, error=type(error).__name__, exc_info=error)
            answer = flow.reply(told, flow.FAULT) if flow.FLOWS[told.mti].kind is Kind.QUESTION else None
        self._say(answer)
        self._meters.took(self._line.network, self._loop.time() - came)

    def _given(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if "crowd" in self._stopped_for and len(self._tasks) < self._line.at_once_max:
            self._go_on("crowd")

    def _manage(self, told: Telegram) -> None:
        code = flow.APPROVED
        match told[70]:
            case flow.SIGN_ON:
                self.signed_on = not self._leaving
                self._done("sign_on")
            case flow.SIGN_OFF:
                self.signed_on = False
            case flow.ECHO:
                pass
            case _:
                code = flow.INVALID
        self._count("management", told[70] if code != flow.INVALID else "other")
        self._level()
        self._say(flow.reply(told, code))

    async def _exchange(self, told: Telegram) -> None:
        """Take a new key; the answer is still proved by the one before."""
        try:
            taken = await self._zone.take_key(told.fields.get(48, ""))
        except Exception as error:  # noqa: BLE001  the network tries again; the key before goes on
            _log.error("key_exchange_failed", error=type(error).__name__, exc_info=error)
            taken = False
        self._count("management", told[70])
        self._say(flow.reply(told, flow.APPROVED if taken else flow.FORMAT_ERROR))

    def _answered(self, told: Telegram) -> None:
        """Hear an answer to a question of ours; one to none of them is no more than noise."""
        if self._asked.pop(told[11], None) != told[70]:
            self._count("dropped", "unasked")
            return
        self._done("echoed")

    def _ask(self, code: str) -> None:
        self._trace = self._trace % (_TRACES - 1) + 1
        trace = f"{self._trace:06}"
        self._asked[trace] = code
        self._say(Telegram("0800", {7: times.written(clock.real()), 11: trace, 70: code}))

    def _echo(self) -> None:
        """Ask a silent side whether it is there."""
        silent_s = self._loop.time() - self._heard_at
        if silent_s >= self._line.echo_s and "echoed" not in self._timers:
            self._ask(flow.ECHO)
            self._after("echoed")
        self._timers["echo"] = self._loop.call_later(self._line.echo_s, self._echo)

    def _say(self, told: Telegram | None) -> None:
        if told is None or self._transport.is_closing():
            return
        data = telegram.write(told) if self._prove is None else mac.sealed(told, self._prove)
        if not self._unsent:  # what a batch answers at once leaves at once
            self._loop.call_soon(self._send)
        self._unsent += len(data).to_bytes(2) + data
        self._count("said", f"{told.mti} {told.fields.get(39, '')}".strip())

    def _send(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(bytes(self._unsent))
        self._unsent.clear()

    # -- bounds --------------------------------------------------------------------------------------------------------

    def _unwelcome(self) -> str | None:
        """Say why nobody talks to who has come."""
        if len(self._others) >= self._line.sessions_max:
            return "full"
        if self._line.tls is not None:
            shown = self._transport.get_extra_info("peercert") or {}
            names = {name for kind, name in shown.get("subjectAltName", ()) if kind == "DNS"}
            return None if names & set(self._line.tls.names) else "name"
        host = (self._transport.get_extra_info("peername") or ("",))[0]
        return None if host in self._line.peers else "address"

    def _after(self, what: str) -> None:
        if what not in self._timers:
            self._timers[what] = self._loop.call_later(self._line.patience_s, self._give_up, what)

    def _done(self, what: str) -> None:
        if (timer := self._timers.pop(what, None)) is not None:
            timer.cancel()

    def _give_up(self, what: str) -> None:
        self._timers.pop(what, None)
        self._count("ended", what)
        self._transport.abort()

    def _stop(self, why: str) -> None:
        if not self._stopped_for:
            self._transport.pause_reading()
        self._stopped_for.add(why)

    def _go_on(self, why: str) -> None:
        if why not in self._stopped_for:
            return
        self._stopped_for.discard(why)
        if not self._stopped_for and not self._transport.is_closing():
            self._transport.resume_reading()
        if why != "unread" and not self._reading:
            self._reading = True
            self._loop.call_soon(self._read)

    def _count(self, name: str, of: str = "") -> None:
        self._meters.count(self._line.network, name, of)

    def _level(self) -> None:
        self._meters.level(self._line.network, "sessions", len(self._others))
        self._meters.level(self._line.network, "signed_on", sum(each.signed_on for each in self._others))
