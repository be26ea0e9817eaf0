"""What an operator does with the KEKs from the command line (app/cli.py); the rest goes by itself.

eresidency kek rotate       the next KEK, which wraps from here on; in an HSM without keys the first ones
eresidency kek status       how many keys are wrapped by which
eresidency kek retire N     put an old one away, once nothing is wrapped by it
"""

import asyncio
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Awaitable, Callable

import msgspec

from app import house, rotation
from app.house import House
from app.settings import Settings
from proof import hsm, versions

#: What an operator hears instead of a traceback.
REFUSALS: dict[type[Exception], str] = {
    hsm.Unreachable: "the HSM doesn't let us in: {why}",
    hsm.NoKeys: "the token holds no keys of ours: eresidency kek rotate",
    hsm.Exposed: "the key {label} in the token is not of our making: it could be read out, or there are two",
    rotation.InUse: "KEK {version} is not done with: {keys} keys are wrapped by it, or its successor is too young",
    versions.Newest: "KEK {version} is the newest and wraps",
    versions.UnknownKeyVersion: "there is no KEK {version}",
}


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the commands to those of `eresidency`."""
    keks = commands.add_parser("kek", help="the keys that wrap keys").add_subparsers(required=True, metavar="WHAT")
    keks.add_parser("rotate").set_defaults(command=_rotate)
    keks.add_parser("status").set_defaults(command=_told(lambda _, at: rotation.progress(at)))
    retiring = keks.add_parser("retire")
    retiring.add_argument("version", type=int)
    retiring.set_defaults(command=_told(lambda given, at: rotation.retire(at, given.version)))


def _rotate(given: Namespace, told: Settings) -> int:
    token = house.hsm(told)
    if token is not None and hsm.prepare(token):
        return _say({"version": 1})
    return _told(_next)(given, told)


async def _next(_: Namespace, at: House) -> object:
    return {"version": await rotation.rotate(at)}


def _told(act: Callable[[Namespace, House], Awaitable[object]]) -> Callable[[Namespace, Settings], int]:
    """Make a command of what is done in an open house; what comes of it is printed, where something does."""

    async def done(given: Namespace, told: Settings) -> object:
        async with house.opened(told) as opened:
            found = await act(given, opened)
            opened.watch.command(given.doing)
            return found

    return lambda given, told: _say(asyncio.run(done(given, told)))


def _say(value: object) -> int:
    if value is not None:
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    return 0
