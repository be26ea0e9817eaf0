"""The operator's commands about who may come in, part of `eresidency` (app/cli.py).

eresidency officer invite --name NAME [--duties approver]            app/auth/entry.py   invite_officer()
eresidency officer grant --officer ID --duties security              app/auth/entry.py   grant_duties()
eresidency client add --id ID --role ROLE --jwks FILE [--scopes …]   app/auth/entry.py   add_client()
eresidency client scopes --id ID --scopes …                          app/auth/entry.py   narrow_client()
eresidency wallet add --id ID --name NAME --redirect-uri URI …       app/auth/entry.py   add_wallet()
eresidency wallet suspend --id ID                                    app/auth/entry.py   suspend_wallet()
eresidency wallet trust --id ID --name NAME --root FILE [--from …]   app/auth/entry.py   trust_provider()
eresidency wallet distrust --id ID                                   app/auth/entry.py   distrust_provider()
eresidency keys rotate access|audit|message|webhook                  app/ring.py         rotate()
"""

import argparse
import asyncio
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import get_args
from uuid import UUID

import msgspec

from app import clock, house, ring
from app.auth import client, client_key, duty, entry, jose, scopes
from app.auth.scopes import Duty
from app.auth.wallets import wallet_client, wallet_provider
from app.auth.wallets.wallet_provider import NewProvider
from app.house import House
from app.settings import Settings

Command = Callable[[Namespace, Settings], int]

#: What an operator hears instead of a traceback.
REFUSALS: dict[type[Exception], str] = {
    client.AlreadyRegistered: "there is a client of this id",
    client.UnknownClient: "there is no client of this id",
    client_key.KeyKnown: "the file holds a key twice",
    duty.DutyHeld: "the officer has one of these duties",
    duty.UnknownOfficer: "there is no such officer",
    jose.Unreadable: "the file is no JWK set of public keys (P-256 or Ed25519)",
    scopes.NotOfRole: "a client of this role may not hold {scopes}",
    wallet_client.BadAddress: "a wallet may not be answered there: {reason}",
    wallet_client.WalletKnown: "there is a wallet of this id",
    wallet_client.UnknownWallet: "there is no wallet of this id",
    wallet_provider.BadRoot: "the file is no PEM certificate of an authority with a key on P-256",
    wallet_provider.ProviderKnown: "there is a wallet provider of this id, or with this root",
    wallet_provider.UnknownProvider: "there is no wallet provider of this id that is trusted",
}


def add(commands: "_SubParsersAction[ArgumentParser]") -> None:
    """Add the commands to those of `eresidency`."""
    _officers(commands.add_parser("officer", help="staff").add_subparsers(required=True))
    _clients(commands.add_parser("client", help="machines").add_subparsers(required=True))
    _wallets(commands.add_parser("wallet", help="wallets that ask by the code flow").add_subparsers(required=True))
    rotating = commands.add_parser("keys", help="our own").add_subparsers(required=True).add_parser("rotate")
    rotating.add_argument("kind", choices=("access", "audit", "message", "webhook"))
    rotating.set_defaults(command=_told(_rotate))


def _officers(officers: "_SubParsersAction[ArgumentParser]") -> None:
    every = " ".join(get_args(Duty))
    inviting, granting = officers.add_parser("invite"), officers.add_parser("grant")
    inviting.add_argument("--name", required=True)
    inviting.add_argument(
        "--duties", type=_duties, default=entry.DUTIES, help=f"of {every}; {entry.DUTIES[0]} if not said"
    )
    inviting.set_defaults(command=_told(_invite))
    granting.add_argument("--officer", type=UUID, required=True)
    granting.add_argument("--duties", type=_duties, required=True, help=f"of {every}")
    granting.set_defaults(command=_told(lambda given, at: entry.grant_duties(at, given.officer, given.duties)))


def _clients(clients: "_SubParsersAction[ArgumentParser]") -> None:
    adding, narrowing = clients.add_parser("add"), clients.add_parser("scopes")
    # A partner comes with its client: eresidency partner enrol.
    adding.add_argument("--role", choices=("regulator", "service"), required=True)
    adding.add_argument("--jwks", type=_file, required=True, help="file of a JWK set, public keys only")
    adding.add_argument("--scopes", help="separated by spaces; by default all of the role")
    adding.set_defaults(command=_told(_add_client))
    narrowing.add_argument("--scopes", required=True, help="separated by spaces")
    narrowing.set_defaults(
        command=_told(lambda given, at: entry.narrow_client(at, given.id, frozenset(given.scopes.split())))
    )
    for command in (adding, narrowing):
        command.add_argument("--id", required=True)


def _wallets(wallets: "_SubParsersAction[ArgumentParser]") -> None:
    adding, suspending = wallets.add_parser("add"), wallets.add_parser("suspend")
    adding.add_argument("--name", required=True, help="what residents are shown")
    adding.add_argument("--redirect-uri", action="append", required=True, help="https, or an app's own scheme")
    adding.add_argument("--provider", help="whose attestation it must show with every request")
    adding.set_defaults(command=_told(_add_wallet))
    suspending.set_defaults(command=_told(lambda given, at: entry.suspend_wallet(at, given.id)))
    trusting, ending = wallets.add_parser("trust"), wallets.add_parser("distrust")
    trusting.add_argument("--name", required=True)
    trusting.add_argument("--root", type=_file, required=True, help="the provider's root certificate, PEM")
    for name, said in (("--from", "now"), ("--until", "never")):
        trusting.add_argument(name, type=_instant, help=f"ISO 8601 with its zone; {said} if not said")
    trusting.set_defaults(command=_told(_trust))
    ending.set_defaults(command=_told(lambda given, at: entry.distrust_provider(at, given.id)))
    for command in (adding, suspending, trusting, ending):
        command.add_argument("--id", required=True)


def _told(act: Callable[[Namespace, House], Awaitable[object]]) -> Command:
    """Make a command of what is done in an open house; what comes of it is printed, where something does."""

    async def done(given: Namespace, told: Settings) -> object:
        async with house.opened(told) as opened:
            found = await act(given, opened)
            opened.watch.command(given.doing)
            return found

    def run(given: Namespace, told: Settings) -> int:
        if (found := asyncio.run(done(given, told))) is not None:
            sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return 0

    return run


async def _invite(given: Namespace, at: House) -> object:
    return {"invitation": await entry.invite_officer(at, given.name, given.duties)}


async def _add_client(given: Namespace, at: House) -> object:
    asked = None if given.scopes is None else frozenset(given.scopes.split())
    return {"subject": await entry.add_client(at, given.id, given.role, given.jwks, asked)}


async def _rotate(given: Namespace, at: House) -> object:
    begins = clock.real() + ring.NOTICE
    made = getattr(at.keys, given.kind).rotate(begins)
    return {"kid": made.kid, "signs_from": begins}


async def _add_wallet(given: Namespace, at: House) -> None:
    await entry.add_wallet(at, given.id, given.name, given.redirect_uri, given.provider)


async def _trust(given: Namespace, at: House) -> None:
    told = vars(given)
    new = {"id": given.id, "name": given.name, "root": given.root, "valid_to": told["until"]}
    await entry.trust_provider(at, msgspec.convert(new | {"valid_from": told["from"] or clock.real()}, NewProvider))


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise argparse.ArgumentTypeError("an instant has a zone: 2027-01-01T00:00:00+05:00")
    return found


def _duties(text: str) -> tuple[Duty, ...]:
    try:
        return msgspec.convert(text.split(), tuple[Duty, ...])
    except msgspec.ValidationError as error:
        raise argparse.ArgumentTypeError(f"some of {', '.join(get_args(Duty))}") from error


def jwks(name: str) -> tuple[jose.Jwk, ...]:
    """Read a file of public keys, as an argument."""
    try:
        return entry.keys(_file(name))
    except jose.Unreadable as error:
        raise argparse.ArgumentTypeError(f"{name}: {error.reason}") from error


def _file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error.strerror}") from error
