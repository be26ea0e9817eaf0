"""What an operator does with the keys that sign credentials, part of `eresidency` (app/cli.py).

eresidency signer list                        every root and leaf: its key, from when until when, whether it is revoked
eresidency signer rotate ROLE [--at-once]     the next leaf of a role, known to everybody before it signs
eresidency signer rotate root [--at-once]     the next root; it and the one before vouch for each other
eresidency signer revoke ROLE NUMBER          nobody believes this leaf, or root, any more; another signs at once

The root's key must be in the folder to rotate and revoke; where a token of an HSM has the others, `rotate` makes them
there, the first ones too. With `--unlinked` a root begins alone, where the key of the one before is lost for good.
"""

import asyncio
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable
from datetime import datetime

import msgspec

from app import clock, house
from app.credentials import issuer, key_place, roots, signing_keys
from app.credentials.key_place import Home
from app.credentials.roots import ROOT
from app.credentials.signing_keys import ROLES
from app.settings import Settings
from proof.signer import to_jwk
from residency.credential import pki

#: What an operator hears instead of a traceback.
REFUSALS: dict[type[Exception], str] = {
    roots.RootKeyAbsent: "a certificate is due, and credential/root.key is elsewhere: bring it back for this",
    roots.RootEnded: "no root is in force: eresidency signer rotate root --at-once",
    key_place.SignerAbsent: "the token has no key for the role {role}: eresidency signer rotate {role}",
    signing_keys.UnknownLeaf: "there is no leaf {role}-{number}",
    signing_keys.OnlyLeaf: "no other leaf of {role} signs: eresidency signer rotate {role} --at-once",
}


class Leaf(msgspec.Struct, frozen=True):
    """A root, or a certificate under one, as the operator sees it."""

    role: str
    number: int
    kid: str
    serial: str
    signs_from: datetime
    ends: datetime
    revoked: bool


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the commands to those of `eresidency`."""
    signer = commands.add_parser("signer", help="keys that sign credentials").add_subparsers(required=True)
    signer.add_parser("list").set_defaults(command=_told(lambda _, __: None))
    rotating, revoking = signer.add_parser("rotate"), signer.add_parser("revoke")
    for each in (rotating, revoking):
        each.add_argument("role", choices=(ROOT, *ROLES))
    rotating.add_argument("--at-once", action="store_true", help="without letting it become known first")
    rotating.add_argument("--unlinked", action="store_true", help="a root whose predecessor's key is lost for good")
    rotating.set_defaults(command=_told(_rotate))
    revoking.add_argument("number", type=int)
    revoking.set_defaults(command=_told(_revoke))


def _told(act: Callable[[Namespace, Home], object]) -> Callable[[Namespace, Settings], int]:
    """Make a command of what is done to the folder; who did it is noted, and what is there now is shown."""

    def run(given: Namespace, told: Settings) -> int:
        home = issuer.home(told, house.keys(told).kms)
        act(given, home)
        for leaf in _leaves(home):
            sys.stdout.write(msgspec.json.encode(leaf).decode() + "\n")
        # While the first keys of a token are made there is no house to be opened yet.
        if all(signing_keys.numbers(home, role) for role in ROLES):
            asyncio.run(_noted(given.doing, told))
        return 0

    return run


async def _noted(doing: str, told: Settings) -> None:
    async with house.opened(told) as opened:
        opened.watch.command(doing)


def _rotate(given: Namespace, home: Home) -> None:
    if given.role == ROOT:
        roots.rotate(home, at=clock.real(), at_once=given.at_once, unlinked=given.unlinked)
    else:
        signing_keys.rotate(home, given.role, at=clock.real(), at_once=given.at_once)


def _revoke(given: Namespace, home: Home) -> None:
    signing_keys.revoke(home, given.role, given.number, at=clock.real())


def _leaves(home: Home) -> list[Leaf]:
    revoked = signing_keys.revoked(home)
    known = {ROOT: roots.numbers(home)} | {role: signing_keys.numbers(home, role) for role in ROLES}
    return [
        Leaf(
            role=role,
            number=number,
            kid=to_jwk(pki.signing_key(leaf))["kid"],
            serial=f"{leaf.serial_number:x}",
            signs_from=leaf.not_valid_before_utc,
            ends=leaf.not_valid_after_utc,
            revoked=leaf.serial_number in revoked,
        )
        for role, leaves in known.items()
        for number, leaf in sorted(leaves.items())
    ]
