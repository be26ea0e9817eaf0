"""Whether a printed code is genuine, asked by hand and without a network.

eresidency qr CODE --root ROOT [--bundle B] [--at INSTANT]

CODE is a file with what a camera read, ROOT the root that verifiers pin (GET /.well-known/eresidency-root.pem), B a
bundle of GET /.well-known/eresidency-bundle, which knows the status; without one the status is not known, and the
answer neither a yes nor a no.
"""

from argparse import ArgumentTypeError, Namespace
from datetime import UTC, datetime

import msgspec
from cryptography import x509

from app import clock
from app.asking import command
from app.asking.command import Commands, Unasked
from residency.credential.check import NotVerified
from residency.credential.presenting import bundle, trust
from residency.credential.presenting.bundle import BadBundle
from residency.credential.presenting.judging import Answer, Conclusion, Entry, Untold
from residency.credential.showing import printed
from residency.credential.showing.printed import Paper


def add(commands: Commands) -> None:
    """Add `qr`."""
    parser = commands.add_parser("qr", help="a printed code: 0 accepted, 1 rejected or status unknown")
    parser.add_argument("code", type=_text, metavar="CODE", help="a file with what a camera read")
    parser.add_argument("--root", type=_certificate, required=True, metavar="ROOT", help="the pinned root, PEM")
    parser.add_argument("--bundle", type=_text, metavar="B", help="an offline bundle of the same issuer")
    parser.add_argument("--at", type=_instant, help="an instant with its offset, by default now")
    command.register(parser, _judged)


def _judged(given: Namespace) -> tuple[msgspec.Struct, bool]:
    at, roots = given.at or clock.real(), (given.root,)
    try:
        paper = printed.read(given.code, roots, at=at)
    except NotVerified as refused:
        return printed.judge(refused, Untold("not_asked"), at=at), False
    verdict = printed.judge(paper, _status(given.bundle, paper, roots, at), at=at)
    return verdict, verdict.conclusion is Conclusion.ACCEPTED


def _status(text: str | None, paper: Paper, roots: tuple[x509.Certificate, ...], at: datetime) -> Answer:
    if text is None:
        return Untold("no_bundle")
    try:
        taken = bundle.opened(text, roots, at=at)
    except BadBundle as bad:
        raise Unasked(f"the bundle is none to go by: {bad.reason}") from bad
    return bundle.told(taken, Entry(None, paper.status), trust.own(paper.issuer, roots), at=at)


def _text(name: str) -> str:
    try:
        return command.content(name).decode("ascii").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ArgumentTypeError(f"{name}: not ASCII") from error


def _certificate(name: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(command.content(name))
    except ValueError as error:
        raise ArgumentTypeError(f"{name}: no certificate in PEM") from error


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError("an instant, 2026-11-23T12:00:00Z") from error
    if found.tzinfo is None:
        raise ArgumentTypeError("an instant with its offset")
    return found.astimezone(UTC)
