"""ISO 8583 as an acquirer speaks it: telegrams made and read by a table of its own, and a line to the issuer.

The table is written from the issuer's description (docs/cards/link.md), not taken from its code: where the two differ,
the journeys fail. `Line` signs on, answers echoes, and finds the answer to a question by type, time, trace number and
reference.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import iso8583

Fields = dict[int, str]

SIGN_ON, SIGN_OFF, ECHO = "001", "002", "301"
ANSWERS = {
    "0100": "0110", "0101": "0110", "0120": "0130", "0121": "0130", "0200": "0210", "0201": "0210", "0220": "0230",
    "0221": "0230", "0302": "0312", "0400": "0410", "0401": "0410", "0420": "0430", "0421": "0430", "0800": "0810",
}  # fmt: skip

#: Field → length, digits of length in front, whether it is bytes.
_TABLE: dict[int, tuple[int, int, bool]] = {
    2: (19, 2, False), 3: (6, 0, False), 4: (12, 0, False), 5: (12, 0, False), 6: (12, 0, False), 7: (10, 0, False),
    8: (8, 0, False), 9: (8, 0, False), 10: (8, 0, False), 11: (6, 0, False), 12: (6, 0, False), 13: (4, 0, False),
    14: (4, 0, False), 15: (4, 0, False), 16: (4, 0, False), 18: (4, 0, False), 19: (3, 0, False), 22: (3, 0, False),
    23: (3, 0, False), 24: (3, 0, False), 25: (2, 0, False), 26: (2, 0, False), 28: (9, 0, False), 32: (11, 2, False),
    33: (11, 2, False), 35: (37, 2, False), 37: (12, 0, False), 38: (6, 0, False), 39: (2, 0, False), 41: (8, 0, False),
    42: (15, 0, False), 43: (40, 0, False), 44: (25, 2, False), 48: (999, 3, False), 49: (3, 0, False),
    50: (3, 0, False), 51: (3, 0, False), 52: (16, 0, True), 53: (16, 0, False), 54: (120, 3, False),
    55: (255, 3, True), 60: (60, 3, False), 62: (15, 3, False), 63: (12, 3, False), 64: (8, 0, True),
    70: (3, 0, False), 90: (42, 0, False), 95: (42, 0, False), 126: (255, 3, True), 128: (8, 0, True),
}  # fmt: skip
_BITMAP = {"data_enc": "b", "len_enc": "ascii", "len_type": 0, "max_len": 8}
SPEC: Mapping[str, Mapping[str, Any]] = {
    "h": {"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": 0},
    "t": {"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": 4},
    "p": _BITMAP,
    "1": _BITMAP,
    **{
        str(number): {"data_enc": "b" if raw else "ascii", "len_enc": "ascii", "len_type": prefix, "max_len": length}
        for number, (length, prefix, raw) in _TABLE.items()
    },
}


def encode(mti: str, fields: Fields) -> bytes:
    """Write a telegram."""
    data, _ = iso8583.encode({"t": mti, **{str(number): text for number, text in sorted(fields.items())}}, SPEC)
    return bytes(data)


def decode(data: bytes) -> tuple[str, Fields]:
    """Read a telegram."""
    texts, _ = iso8583.decode(data, SPEC)
    return texts["t"], {int(number): text for number, text in texts.items() if number not in {"t", "p", "1", "h"}}


def framed(data: bytes) -> bytes:
    """Put the length in front."""
    return len(data).to_bytes(2) + data


def time_of(at: datetime) -> str:
    """Write field 7."""
    return f"{at.astimezone(UTC):%m%d%H%M%S}"


class Away(Exception):
    """The issuer did not answer: no connection, or not in time. What it did is unknown."""


Key = tuple[str, ...]


class Line:
    """A line to an issuer, opened when it is first needed and again when it was lost."""

    def __init__(self, host: str, port: int, *, within_s: float = 5.0) -> None:
        """Wait `within_s` for each answer."""
        self._host, self._port, self._within_s = host, port, within_s
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[Key, asyncio.Future[Fields]] = {}
        self._opening = asyncio.Lock()
        self._trace = 0

    async def ask(self, mti: str, fields: Fields) -> Fields:
        """Send a telegram and give the fields of its answer; raises Away."""
        await self._open()
        return await self._ask(mti, fields)

    async def send(self, data: bytes) -> None:
        """Send bytes as they are, behind their length, and wait for nothing; raises Away."""
        await self._open()
        assert self._writer is not None
        self._writer.write(framed(data))

    async def close(self) -> None:
        """Sign off and hang up."""
        if self._writer is not None and not self._writer.is_closing():
            with contextlib.suppress(Away):
                await self._manage(SIGN_OFF)
        await self._hang_up()

    async def echo(self) -> Fields:
        """Ask whether somebody is there; raises Away."""
        await self._open()
        return await self._manage(ECHO)

    async def _open(self) -> None:
        async with self._opening:
            if self._writer is not None and not self._writer.is_closing():
                return
            await self._hang_up()
            try:
                reader, self._writer = await asyncio.open_connection(self._host, self._port)
            except OSError as error:
                raise Away from error
            self._reader = asyncio.create_task(self._read(reader, self._writer))
            await self._manage(SIGN_ON)

    async def _manage(self, code: str) -> Fields:
        self._trace = self._trace % 999_999 + 1
        return await self._ask("0800", {7: time_of(datetime.now(UTC)), 11: f"{self._trace:06}", 70: code})

    async def _ask(self, mti: str, fields: Fields) -> Fields:
        assert self._writer is not None
        key = _key(ANSWERS[mti], fields)
        # Copies of one question get copies of one answer: whoever waits first hears the first.
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(framed(encode(mti, fields)))
            async with asyncio.timeout(self._within_s):
                return await asyncio.shield(waiting)
        except (TimeoutError, OSError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and not waiting.cancelled():
                raise
            raise Away from error
        finally:
            self._waiting.pop(key, None)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                size = int.from_bytes(await reader.readexactly(2))
                mti, fields = decode(await reader.readexactly(size))
                if mti == "0800":
                    told = {number: fields[number] for number in (7, 11, 70)}
                    writer.write(framed(encode("0810", {**told, 39: "00"})))
                elif (waiting := self._waiting.pop(_key(mti, fields), None)) is not None and not waiting.done():
                    waiting.set_result(fields)
        writer.close()
        for waiting in self._waiting.values():
            waiting.cancel()
        self._waiting.clear()

    async def _hang_up(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None


def _key(answer: str, fields: Fields) -> Key:
    return answer, fields.get(7, ""), fields.get(11, ""), fields.get(37, "")
