"""What an operator does with the keys of the cards from the command line (app/cli.py).

eresidency card-key list                         which there are, with the digits by which two keepers compare them
eresidency card-key rotate USAGE [--zone Z]      the next version; what was made with the others stays good
eresidency card-key enter ZONE --check 1A2B3C    the key shared with a network, in parts: one file, one keeper each
eresidency card-key give ZONE USAGE              a zone's newest key as a key block (TR-31, D) for its other keeper
"""

import asyncio
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _SubParsersAction
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from app import db, house
from app.house import House
from app.settings import Settings
from cards.hsm import material, port
from cards.hsm.keyblock import BadKeyBlock
from cards.hsm.material import Key
from cards.hsm.port import Usage

#: What an operator hears instead of a traceback.
REFUSALS: dict[type[Exception], str] = {
    material.WrongCheckValue: "these parts don't make the key that was agreed on: two or more, 32 bytes each",
    port.UnknownKey: "there is no key {usage} of the zone {zone}",
    BadKeyBlock: "keys of this usage stay in the machine",
}
_USAGES = {usage.name.lower().replace("_", "-"): usage for usage in Usage}


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the commands to those of `eresidency`."""
    keys = commands.add_parser("card-key", help="the keys of the cards").add_subparsers(required=True, metavar="WHAT")
    keys.add_parser("list").set_defaults(command=_told(_list))
    rotating = keys.add_parser("rotate")
    rotating.add_argument("usage", choices=sorted(_USAGES))
    rotating.add_argument("--zone", default="", help="the network a shared key is shared with")
    rotating.set_defaults(command=_told(_rotate))
    entering = keys.add_parser("enter")
    entering.add_argument("zone")
    entering.add_argument("--part", type=_part, action="append", required=True, dest="parts", help="64 hex digits")
    entering.add_argument("--check", required=True, help="six digits that both keepers know")
    entering.set_defaults(command=_told(_enter))
    giving = keys.add_parser("give")
    giving.add_argument("zone")
    giving.add_argument("usage", choices=("zone-pin", "zone-mac"))
    giving.set_defaults(command=_told(_give))


async def _list(_: Namespace, at: House) -> object:
    return [{**_named(key), "check_value": check} for key, check in await at.card_keys.listed()]


async def _rotate(given: Namespace, at: House) -> object:
    made = await at.card_keys.rotate(_USAGES[given.usage], given.zone)
    return {**_named(made.key), "check_value": made.check_value}


async def _enter(given: Namespace, at: House) -> object:
    made = await at.card_keys.enter(given.zone, given.parts, given.check.upper())
    return {**_named(made.key), "check_value": made.check_value}


async def _give(given: Namespace, at: House) -> object:
    async with db.transaction(at.worker) as story:
        hsm = await at.card_keys.machine(await story())
    usage = _USAGES[given.usage]
    key = hsm.material(usage, hsm.last(usage, given.zone), given.zone)
    return {**_named(key.key), "block": material.send(hsm.material(Usage.ZONE_KEYS, zone=given.zone), key)}


def _named(key: Key) -> dict[str, object]:
    return {"usage": key.usage.name.lower().replace("_", "-"), "zone": key.zone, "version": key.version}


def _part(name: str) -> bytes:
    try:
        return bytes.fromhex(Path(name).read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise ArgumentTypeError(f"{name} is no file of hexadecimal digits") from error


def _told(act: Callable[[Namespace, House], Awaitable[object]]) -> Callable[[Namespace, Settings], int]:
    """Make a command of what is done in an open house; what comes of it is printed."""

    async def done(given: Namespace, told: Settings) -> object:
        async with house.opened(told) as opened:
            found = await act(given, opened)
            opened.watch.command(given.doing)
            return found

    def command(given: Namespace, told: Settings) -> int:
        sys.stdout.write(msgspec.json.encode(asyncio.run(done(given, told))).decode() + "\n")
        return 0

    return command
