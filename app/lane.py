"""The operator's commands about lanes, part of `eresidency` (app/cli.py).

eresidency lane add                      one more writer of the ledger; new wallets may live there from now on
eresidency lane close N | open N         whether lane N takes new wallets; those it has stay for good

A lane is a row: the lock of its batches, its own gap-free log and hash chain. Take more where one writer is not enough.
"""

import argparse
import asyncio
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Awaitable, Callable

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db, house
from app.settings import Settings


class UnknownLane(Exception):
    """There is no lane of this number."""

    def __init__(self, lane: int) -> None:
        super().__init__(lane)
        self.lane = lane


class LastLane(Exception):
    """No lane would be left that takes new wallets."""


#: What an operator hears instead of a traceback.
REFUSALS: dict[type[Exception], str] = {
    UnknownLane: "there is no lane {lane}",
    LastLane: "no lane would be left for new wallets",
}

# Two who add a lane at once: the key refuses the second, who asks again.
_ADD = text("INSERT INTO wallet.lane (lane, opens) SELECT max(lane) + 1, true FROM wallet.lane RETURNING lane")
_TURN = text("UPDATE wallet.lane SET opens = :opens WHERE lane = :lane RETURNING lane")
_OPEN = text("SELECT EXISTS (SELECT FROM wallet.lane WHERE opens AND lane <> :lane)")


async def add(connection: AsyncConnection) -> int:
    """Add a lane behind the last one; answers its number."""
    return int(await connection.scalar(_ADD) or 0)


async def turn(connection: AsyncConnection, lane: int, *, opens: bool) -> int:
    """Let a lane take new wallets, or no more; raises UnknownLane, LastLane."""
    if not opens and not await connection.scalar(_OPEN, {"lane": lane}):
        raise LastLane
    if await connection.scalar(_TURN, {"lane": lane, "opens": opens}) is None:
        raise UnknownLane(lane)
    return lane


def commands(parsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the commands to those of `eresidency`."""
    lanes = parsers.add_parser("lane", help="writers of the ledger").add_subparsers(required=True)
    lanes.add_parser("add").set_defaults(command=_told(lambda connection, _: add(connection)))
    for name, opens in (("open", True), ("close", False)):
        turning = lanes.add_parser(name)
        turning.add_argument("lane", type=int)
        turning.set_defaults(command=_told(_turning(opens=opens)))


_Act = Callable[[AsyncConnection, Namespace], Awaitable[int]]


def _turning(*, opens: bool) -> _Act:
    return lambda connection, given: turn(connection, given.lane, opens=opens)


def _told(act: _Act) -> Callable[[argparse.Namespace, Settings], int]:
    def command(given: Namespace, settings: Settings) -> int:
        async def do() -> int:
            async with house.opened(settings) as opened, db.transaction(opened.worker) as story:
                opened.watch.command(given.doing)
                return await act(await story(), given)

        sys.stdout.write(msgspec.json.encode({"lane": asyncio.run(do())}).decode() + "\n")
        return 0

    return command
