"""The command `eresidency`: run the processes, keep the database, mint tokens, verify what was written.

eresidency serve | worker | link          run the API, the worker, the lines to card networks
eresidency db upgrade | downgrade         bring the schema to this code, or back
eresidency seed N                         make residents 1 … N, the same ones each time (demo, test)
eresidency token mint --role ROLE         a token for somebody who tests from outside (demo, test)
eresidency officer invite | grant         an invitation, with which a new officer makes a passkey; duties
eresidency client add | scopes            register the public keys and scopes of a partner, regulator or service
eresidency wallet add | suspend           wallets that may ask residents for their ID by themselves
eresidency wallet trust | distrust        wallet providers whose word on wallets and their keys is taken
eresidency keys rotate KIND               the next key that signs for us
eresidency kek rotate | status | retire   the keys that wrap keys
eresidency signer list | rotate | revoke  the keys that sign credentials
eresidency card-key list | rotate …        the keys that make cards provable
eresidency lane add | open | close        the writers of the ledger
eresidency partner enrol CODE …           a bank or network: the key it is believed by, where it is called and told
eresidency product publish FILE           a version of the terms a bank offers, as JSON
eresidency mrz | passport | packs …         what kyc answers, without database and settings (app/asking/)
eresidency present FILE …                  what an ID shown proves, with neither of them nor a network (app/asking/)
eresidency openapi                        write the contract (docs/openapi.json is its golden copy)
eresidency verify audit | ledger          recompute the chains from the rows; non-zero when they differ
eresidency replay                         decide every identification again; non-zero when one comes out otherwise

What cannot be done is said in one line on stderr, with the exit code 2.
"""

import argparse
import asyncio
import gc
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg
import sqlalchemy.exc
import uvicorn
import uvloop
from litestar import Litestar

from app import (
    clock,
    connection,
    db,
    house,
    ids,
    kek,
    lane,
    log,
    main,
    migrate,
    openapi,
    replaying,
    seed,
    settings,
    verify,
    worker,
)
from app.asking import questions
from app.auth import commands as admitting
from app.auth import mint
from app.auth.principal import ROLES, Role
from app.cards import key_commands
from app.credentials import signers
from app.network import journal, serving
from app.partners import destination, enrolment, registry, webhook
from app.partners.enrolment import Publication, Wanted
from app.partners.registry import Kind, Partner
from app.settings import Settings
from invest import product
from invest.product import Offer

#: What an operator hears instead of a traceback; `why` is the first line of what the refusal says itself.
_REFUSALS: dict[type[Exception], str] = {
    settings.BadSetting: "{why}; a setting is an environment variable, ERESIDENCY_…",
    serving.Busy: "another process keeps the promises of this installation",
    serving.NoLines: "there is no line to open: ERESIDENCY_CARD_LINES describes each (docs/cards/link.md)",
    serving.Keyless: "the line of {network} wants a MAC, and no key of its zone is known: eresidency card-key enter",
    journal.Torn: "the promises in {why} were changed, or their disk is going: nothing is told of them",
    clock.Moved: "this is production, and its database says that its clock was moved",
    mint.NotHere: "only a demo or test installation does this",
    mint.OtherRole: "the subject exists already, as {role}",
    mint.ScopeNotHeld: "the role may not hold {scopes}",
    **admitting.REFUSALS,
    **kek.REFUSALS,
    **key_commands.REFUSALS,
    **lane.REFUSALS,
    **signers.REFUSALS,
    registry.UnknownPartner: "there is no partner {partner}",
    webhook.BadKey: "the key is neither whpk_… (ed25519) nor whsec_… (24 to 64 bytes)",
    destination.Forbidden: "nothing may be sent to this address: {reason}",
    product.BadTerms: "the terms contradict themselves: {why}",
    psycopg.errors.UndefinedTable: "the schema is not there: eresidency db upgrade",
    psycopg.OperationalError: "the database does not answer: {why}",
    sqlalchemy.exc.OperationalError: "the database does not answer: {why}",
}


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; answers its exit code."""
    given = parsed(sys.argv[1:] if arguments is None else arguments)
    if "answer" in given:
        answered: int = given.answer(given)
        return answered
    log.configure()
    log.heed_signals()
    command: Callable[[argparse.Namespace, Settings], int] = given.command
    try:
        return command(given, settings.load(os.environ))
    except tuple(_REFUSALS) as refusal:
        said = next(text for kind, text in _REFUSALS.items() if isinstance(refusal, kind))
        why = str(refusal).partition("\n")[0]
        sys.stderr.write(f"eresidency: {said.format_map({'why': why, **vars(refusal)})}\n")
        return 2


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """Read the words of a command; `doing` is what the security log calls it."""
    return _parser().parse_args(words, argparse.Namespace(doing=" ".join(words[:2])))


def application() -> Litestar:
    """Build the application of this environment: what uvicorn calls in each of its processes."""
    log.configure()
    log.heed_signals()
    built = main.build(settings.load(os.environ))
    settle()
    return built


def settle() -> None:
    """Tell Python that what is loaded stays: looking through it for cycles again and again is a quarter of the work."""
    gc.collect()
    gc.freeze()


def _serve(given: argparse.Namespace, told: Settings) -> int:
    uvicorn.run(
        "app.cli:application",
        factory=True,
        host=given.host,
        port=given.port,
        workers=given.workers,
        **connection.options(
            trusted_proxies=given.trusted_proxies, drain_s=told.drain_s, https=told.issuer.startswith("https://")
        ),
    )
    return 0


def _worker(_: argparse.Namespace, told: Settings) -> int:
    async def work() -> None:
        async with house.opened(told) as opened:
            settle()
            await worker.run(opened)

    asyncio.run(work())
    return 0


def _link(given: argparse.Namespace, told: Settings) -> int:
    settle()
    uvloop.run(serving.run(told, port=given.port))
    return 0


def _upgrade(given: argparse.Namespace, told: Settings) -> int:
    migrate.upgrade(told.database_url, given.to, role_password=told.role_password)
    return 0


def _downgrade(given: argparse.Namespace, told: Settings) -> int:
    migrate.downgrade(told.database_url, given.to)
    return 0


def _seed(given: argparse.Namespace, told: Settings) -> int:
    async def plant() -> None:
        async with house.opened(told) as opened:
            for resident in await seed.residents(opened, given.count, start=given.start):
                _print(resident)

    asyncio.run(plant())
    return 0


def _mint(given: argparse.Namespace, told: Settings) -> int:
    async def minted() -> mint.Minted:
        async with (
            house.opened(told) as opened,
            db.transaction(opened.api, holder=given.subject, audience="service") as story,
        ):
            return await mint.mint(
                story,
                told,
                opened.door,
                role=given.role,
                of=given.subject,
                name=given.name,
                asked=frozenset(given.scopes.split()) if given.scopes else None,
                now=clock.real(),
            )

    _print(asyncio.run(minted()))
    return 0


def _enrol(given: argparse.Namespace, told: Settings) -> int:
    wanted = Wanted(
        code=given.code,
        name=given.name,
        kind=given.kind,
        key=given.key,
        jwks=given.jwks,
        base_url=given.base_url,
        events_url=given.events_url,
        country=given.country,
    )

    async def enrol() -> Partner:
        async with house.opened(told) as opened, db.transaction(opened.worker) as story:
            opened.watch.command(given.doing)
            return await enrolment.enrol(opened, story, wanted, partner=ids.new(), believed_from=clock.real())

    _print({"partner": asyncio.run(enrol()).id})
    return 0


def _publish(given: argparse.Namespace, told: Settings) -> int:
    async def publish() -> Offer:
        async with house.opened(told) as opened, db.transaction(opened.worker) as story:
            opened.watch.command(given.doing)
            return await enrolment.publish(story, given.file)

    offer = asyncio.run(publish())
    _print({"product": offer.product, "version": offer.terms_version, "sha256": offer.terms_sha256.hex()})
    return 0


def _openapi(_: argparse.Namespace, told: Settings) -> int:
    sys.stdout.buffer.write(openapi.written(main.build(told)))
    return 0


def _replay(given: argparse.Namespace, told: Settings) -> int:
    return replaying.run(given, told.database_url)


def _verify(given: argparse.Namespace, told: Settings) -> int:
    return verify.command.run(given, told.database_url, house.keys(told).audit.ever())


def _print(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def _role(text: str) -> Role:
    if text not in ROLES:
        raise argparse.ArgumentTypeError(f"one of {', '.join(ROLES)}")
    return text


def _code(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,30}", text):
        raise argparse.ArgumentTypeError("lower-case letters, digits and hyphens, up to 31")
    return text


def _file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error.strerror}") from error


def _publication(name: str) -> Publication:
    try:
        return msgspec.json.decode(_file(name), type=Publication)
    except msgspec.DecodeError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="eresidency", description="Backend of the e-Residency mobile app.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the API")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument("--workers", type=int, default=1)
    trusting = "addresses and networks whose X-Forwarded-For is believed"
    serve.add_argument("--trusted-proxies", type=connection.proxies, default="", help=trusting)
    serve.set_defaults(command=_serve)
    commands.add_parser("worker", help="run the worker").set_defaults(command=_worker)
    linking = commands.add_parser("link", help="run the lines to card networks")
    linking.add_argument("--port", type=int, default=9300, help="where health and metrics are asked for")
    linking.set_defaults(command=_link)

    database = commands.add_parser("db", help="the schema").add_subparsers(required=True, metavar="DIRECTION")
    for name, command, to in (("upgrade", _upgrade, "head"), ("downgrade", _downgrade, "-1")):
        direction = database.add_parser(name)
        direction.add_argument("to", nargs="?", default=to, help=f"a revision, by default {to}")
        direction.set_defaults(command=command)

    seeding = commands.add_parser("seed", help="make residents by number")
    seeding.add_argument("count", type=int)
    seeding.add_argument("--start", type=int, default=1)
    seeding.set_defaults(command=_seed)

    minting = commands.add_parser("token", help="tokens").add_subparsers(required=True).add_parser("mint")
    minting.add_argument("--role", type=_role, required=True)
    minting.add_argument("--subject", type=UUID)
    minting.add_argument("--name")
    minting.add_argument("--scopes", help="separated by spaces; by default all of the role")
    minting.set_defaults(command=_mint)

    _who_may_come(commands)
    questions.add(commands)
    commands.add_parser("openapi", help="write the contract").set_defaults(command=_openapi)
    verifying = commands.add_parser("verify", help="recompute the chains from the rows")
    verify.command.add(verifying)
    verifying.set_defaults(command=_verify)
    replay = commands.add_parser("replay", help="decide every identification again, byte for byte")
    replaying.add(replay)
    replay.set_defaults(command=_replay)
    return parser


def _who_may_come(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    admitting.add(commands)
    kek.add(commands)
    signers.add(commands)
    key_commands.add(commands)
    lane.commands(commands)

    enrolling = commands.add_parser("partner", help="banks, networks").add_subparsers(required=True).add_parser("enrol")
    enrolling.add_argument("code", type=_code)
    enrolling.add_argument("--name", required=True)
    enrolling.add_argument("--kind", type=Kind, choices=tuple(Kind), required=True)
    enrolling.add_argument("--key", help="what it signs webhooks with: whpk_… or whsec_… (Standard Webhooks)")
    enrolling.add_argument(
        "--jwks", type=admitting.jwks, default=(), help="file of a JWK set: tokens, messages, webhooks"
    )
    enrolling.add_argument("--base-url", help="where it is called")
    enrolling.add_argument("--events-url", help="where it is told of what names it")
    enrolling.add_argument("--country", default="KZ", help="where it is established (ISO 3166)")
    enrolling.set_defaults(command=_enrol)

    products = commands.add_parser("product", help="what banks offer").add_subparsers(required=True)
    publishing = products.add_parser("publish")
    publishing.add_argument(
        "file", type=_publication, help="JSON: code, partner, jurisdiction, currency, terms, withdrawn"
    )
    publishing.set_defaults(command=_publish)


def main_() -> None:
    """Be the program."""
    gc.freeze()  # what is loaded lasts as long as the process: to look through it at its end takes half a second
    sys.exit(run())


if __name__ == "__main__":
    main_()
