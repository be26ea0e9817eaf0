"""The scanner of malware: ClamAV's daemon, over a socket of this machine or of its own network.

port     kyc/papers/file.py      Scanner
speaks   app/partners/clamd.py   Clamd       <- you are here

Its protocol has neither names nor encryption (ClamAV manual, "ClamD Protocol"): INSTREAM takes bytes in chunks, each
with its length before it, and answers `stream: OK` or `stream: <name> FOUND`. Anything else is no answer.
"""

import asyncio
import contextlib
import struct
from urllib.parse import urlsplit

from kyc.papers.file import Clean, Infected, Looked, Unscanned

TIMEOUT_S = 8.0
_CHUNK = 64 * 1024
_ANSWER_MAX = 4_096


class Clamd:
    """A daemon at `unix:///run/clamav/clamd.ctl` or `tcp://127.0.0.1:3310`; app/settings.py has checked which."""

    def __init__(self, address: str) -> None:
        self._address = urlsplit(address)

    async def scan(self, content: bytes) -> Looked:
        """Have a file looked at; raises Unscanned."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                version = await self._ask(b"zVERSION\0")
                answer = await self._ask(b"zINSTREAM\0", content)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise Unscanned(type(error).__name__) from error
        if not version.startswith("ClamAV "):
            raise Unscanned("answered something else")
        if answer == "stream: OK":
            return Clean(version)
        found = answer.removeprefix("stream: ").removesuffix(" FOUND")
        if answer == f"stream: {found} FOUND" and found:
            return Infected(version, found[:200])
        raise Unscanned("answered something else")

    async def _ask(self, command: bytes, content: bytes | None = None) -> str:
        """Send one command, with a file if there is one, and read the answer; the daemon closes after it."""
        reader, writer = await self._connected()
        try:
            writer.write(command)
            for place in range(0, len(content or b""), _CHUNK):
                assert content is not None, "it has bytes"
                part = content[place : place + _CHUNK]
                writer.write(struct.pack(">I", len(part)) + part)
                await writer.drain()
            if content is not None:
                writer.write(struct.pack(">I", 0))
                await writer.drain()
            answer = await reader.readuntil(b"\0")
            return answer[:-1].decode("utf-8", "replace")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.scheme == "unix":
            return await asyncio.open_unix_connection(self._address.path, limit=_ANSWER_MAX)
        return await asyncio.open_connection(self._address.hostname, self._address.port, limit=_ANSWER_MAX)
