"""The commands `eresidency verify audit` and `verify ledger`, and the same without the application.

    python -m app.verify audit --database postgresql://… --key audit.jwk.json --anchors FOLDER|URL

0: all is as it was written. 1: something is not; each finding names table, row and kind. 2: it could not be read.
3: nothing was changed, but there are minutes nobody vouches for: the worker stood still.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg

from app.verify import books, feed, places
from app.verify.finding import Verdict

CHECKS: Mapping[str, Callable[..., Verdict]] = {"audit": feed.audit, "ledger": books.ledger}
UNREADABLE = 2


def add(parser: argparse.ArgumentParser) -> None:
    """Describe both commands."""
    checks = parser.add_subparsers(required=True, dest="check", metavar="audit|ledger")
    abouts = {
        "audit": "events, feed, security log, issuance log, anchors",
        "ledger": "balances, transfers, blocks",
    }
    for name, about in abouts.items():
        check = checks.add_parser(name, help=about)
        check.add_argument("--database", help="a database, a replica or a restored dump; by default the installation's")
        check.add_argument(
            "--key",
            type=_key,
            action="append",
            default=[],
            help="file of a public key (JWK or JWK set) that may have signed; again for a former one",
        )
        check.add_argument("--anchors", help="the second place: a folder of anchors, or the address of a notary")
        check.add_argument("--until", type=int, help="the last anchor to expect, where an older dump is verified")


def run(given: argparse.Namespace, database: str | None, keys: Sequence[Mapping[str, str]]) -> int:
    """Verify what was asked for and print the verdict; `database` and `keys` are those of the installation."""
    database = given.database or database
    trusted = [*keys, *(key for read in given.key for key in read)]
    if database is None or not trusted:
        sys.stderr.write("verify: --database and --key are needed\n")
        return UNREADABLE
    try:
        # First the second place: what it keeps was in the database before.
        elsewhere = None if given.anchors is None else places.read(given.anchors)
        if elsewhere is not None and given.until is not None:
            elsewhere = {no: jws for no, jws in elsewhere.items() if no <= given.until}
        verdict = CHECKS[given.check](database, *trusted, elsewhere=elsewhere)
    except places.Unreadable as unreadable:
        sys.stderr.write(f"verify: {unreadable.why}\n")
        return UNREADABLE
    sys.stdout.write(verdict.shown() + "\n")
    return verdict.exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify without the application."""
    parser = argparse.ArgumentParser(prog="python -m app.verify", description=__doc__)
    add(parser)
    try:
        return run(parser.parse_args(arguments), None, ())
    except psycopg.Error as error:
        sys.stderr.write(f"verify: {str(error).partition(chr(10))[0]}\n")
        return UNREADABLE


def _key(name: str) -> list[dict[str, Any]]:
    try:
        read = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from error
    return [key for key in read.get("keys", [read]) if key.get("crv") == "Ed25519"]
