"""Whether a printed code is genuine, asked by hand and without a network.

eresidency qr CODE --root ROOT [--crl F] [--bundle B] [--at INSTANT]

CODE is a file with what a camera read, ROOT the roots that verifiers pin, and F their lists of revoked signers
(app/asking/pinned.py). B is a bundle of GET /.well-known/eresidency-bundle, which knows the status and which signers
were revoked; without one no status is known, and the answer neither a yes nor a no.
"""

from argparse import ArgumentTypeError, Namespace
from datetime import UTC, datetime

import msgspec

from app import clock
from app.asking import command, pinned
from app.asking.command import Commands, Unasked
from residency.credential.check import NotVerified
from residency.credential.presenting import bundle, trust
from residency.credential.presenting.bundle import BadBundle
from residency.credential.presenting.judging import Conclusion, Entry, Untold
from residency.credential.showing import printed


def add(commands: Commands) -> None:
    """Add `qr`."""
    parser = commands.add_parser("qr", help="a printed code: 0 accepted, 1 rejected or status unknown")
    parser.add_argument("code", type=_text, metavar="CODE", help="a file with what a camera read")
    pinned.add(parser)
    parser.add_argument("--bundle", type=_text, metavar="B", help="an offline bundle of the same issuer")
    parser.add_argument("--at", type=_instant, help="an instant with its offset, by default now")
    command.register(parser, _judged)


def _judged(given: Namespace) -> tuple[msgspec.Struct, bool]:
    at = given.at or clock.real()
    known = pinned.of(given, at=at)
    roots, void = known.roots, known.revoked
    try:
        taken = bundle.opened(given.bundle, roots, at=at, revoked=void) if given.bundle is not None else None
        issuer = trust.own("", roots, void) if taken is None else bundle.own(taken, roots, at=at, revoked=void)
    except BadBundle as bad:
        raise Unasked(f"the bundle is none to go by: {bad.reason}") from bad
    try:
        paper = printed.read(given.code, issuer, at=at)
    except NotVerified as refused:
        return printed.judge(refused, Untold("not_asked"), at=at), False
    status = bundle.told(taken, Entry(None, paper.status), issuer, at=at) if taken is not None else Untold("no_bundle")
    verdict = printed.judge(paper, status, at=at)
    return verdict, verdict.conclusion is Conclusion.ACCEPTED


def _text(name: str) -> str:
    try:
        return command.content(name).decode("ascii").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ArgumentTypeError(f"{name}: not ASCII") from error


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError("an instant, 2026-11-23T12:00:00Z") from error
    if found.tzinfo is None:
        raise ArgumentTypeError("an instant with its offset")
    return found.astimezone(UTC)
