"""A scanner of malware that speaks as ClamAV's daemon does: it knows EICAR's test file, and nothing else.

    python -m simulators.scanner --line 127.0.0.1:8097

Commands are PING, VERSION and INSTREAM, delimited by a zero byte (`z…`) or a line break (`n…`). Listens on loopback, or
on a socket file with --socket.
"""

import argparse
import asyncio
import contextlib
import signal
import struct
from collections.abc import AsyncIterator
from pathlib import Path

#: EICAR's test file, in two halves: scanners of whoever reads this would take it for the thing itself.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-" + b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
VERSION = "ClamAV 1.4.3/27800/Sun Nov 22 08:25:13 2026"
NAME = "Eicar-Test-Signature"
_STREAM_MAX = 25_000_000
_COMMAND_MAX = 1_024
_DELIMITERS = {b"z": b"\0", b"n": b"\n"}


class Daemon:
    """Answers one command for each connection. `silent` connections are taken and never answered."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.scanned = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection, answer, close."""
        try:
            if self.silent:
                await reader.read()
                return
            delimiter = _DELIMITERS.get(await reader.readexactly(1))
            if delimiter is None:
                writer.write(b"UNKNOWN COMMAND\n")
                return
            command = (await reader.readuntil(delimiter))[:-1].decode("latin-1")
            writer.write((await self._answer(command, reader)).encode() + delimiter)
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # whoever asked has gone, or says what nobody understands
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, command: str, reader: asyncio.StreamReader) -> str:
        if command == "PING":
            return "PONG"
        if command == "VERSION":
            return VERSION
        if command != "INSTREAM":
            return "UNKNOWN COMMAND"
        content = bytearray()
        while size := struct.unpack(">I", await reader.readexactly(4))[0]:
            if len(content) + size > _STREAM_MAX:
                return "INSTREAM size limit exceeded. ERROR"
            content += await reader.readexactly(size)
        self.scanned += 1
        return f"stream: {NAME} FOUND" if EICAR in content else "stream: OK"


@contextlib.asynccontextmanager
async def listening(daemon: Daemon, *, socket: Path | None = None, port: int = 0) -> AsyncIterator[str]:
    """Listen on a socket file, or on a port of loopback (0: any that is free); gives the address."""
    if socket is not None:
        server = await asyncio.start_unix_server(daemon.serve, socket, limit=_COMMAND_MAX)
        address = f"unix://{socket}"
    else:
        server = await asyncio.start_server(daemon.serve, "127.0.0.1", port, limit=_COMMAND_MAX)
        address = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield address


async def _run(socket: Path | None, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with listening(Daemon(), socket=socket, port=port):
        await stop.wait()


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--line", default=":0", help="where to listen on loopback: anything that ends in a port")
    parser.add_argument("--socket", type=Path, help="a socket file to listen on instead")
    given = parser.parse_args()
    asyncio.run(_run(given.socket, int(given.line.rpartition(":")[2])))


if __name__ == "__main__":
    main()
