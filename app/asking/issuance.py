"""Whether a copy of an ID is in the issuance log, and whether the log only grew: asked of nobody.

eresidency issuance receipt --copy F --receipt F --root F          the answer of /v1/me/credentials/{id}/receipts
eresidency issuance growth --former F --latter F --proof F --root F    two heads, the answer of …/consistency

Either takes --crl F, the list of revoked signers (app/asking/pinned.py): no head of theirs proves anything then,
whatever day it names.
"""

from argparse import ArgumentTypeError, Namespace
from datetime import date

import msgspec

from app import clock
from app.asking import command, pinned
from app.asking.command import Commands, register
from residency.credential.transparency import log_head
from residency.credential.transparency.log_head import Head, NotProven, Receipt


class Vouched(msgspec.Struct, frozen=True):
    """Whether it is proved, why not, and what the head says that proves it."""

    proven: bool
    reason: str | None = None
    issuer: str | None = None
    day: date | None = None
    size: int | None = None


class _Copy(msgspec.Struct, frozen=True):
    receipt: Receipt | None


class _Copies(msgspec.Struct, frozen=True):
    copies: tuple[_Copy, ...]


class _Proof(msgspec.Struct, frozen=True):
    path: tuple[str, ...]


def add(commands: Commands) -> None:
    """Add `issuance receipt` and `issuance growth`."""
    issuance = commands.add_parser("issuance", help="the issuance log").add_subparsers(
        required=True, metavar="QUESTION"
    )
    receipt = issuance.add_parser("receipt", help="whether a copy is in the log: 0 it is, 1 it is not proved")
    receipt.add_argument("--copy", type=_text, required=True, metavar="F", help="the copy, or a presentation of it")
    receipt.add_argument("--receipt", dest="receipts", type=_receipts, required=True, metavar="F", help="JSON")
    register(receipt, _receipt)
    growth = issuance.add_parser("growth", help="whether one head only adds to another: 0 it does, 1 it is not proved")
    growth.add_argument("--former", type=_text, required=True, metavar="F", help="a head (JWS)")
    growth.add_argument("--latter", type=_text, required=True, metavar="F", help="a head of a longer log")
    growth.add_argument("--proof", type=_proof, required=True, metavar="F", help="JSON")
    register(growth, _growth)
    for each in (receipt, growth):
        pinned.add(each)


def _receipt(given: Namespace) -> tuple[Vouched, bool]:
    """Find the receipt of the copy among those given."""
    refused, known = NotProven("no_receipt"), pinned.of(given, at=clock.real())
    for receipt in given.receipts:
        try:
            return _vouched(log_head.verify(receipt, given.copy, known.roots, known.revoked)), True
        except NotProven as reason:
            refused = reason
    return Vouched(proven=False, reason=refused.reason), False


def _growth(given: Namespace) -> tuple[Vouched, bool]:
    known = pinned.of(given, at=clock.real())
    try:
        former, latter = (log_head.read(head, known.roots, known.revoked) for head in (given.former, given.latter))
        log_head.verify_growth(former, latter, given.proof)
    except NotProven as refused:
        return Vouched(proven=False, reason=refused.reason), False
    return _vouched(latter), True


def _vouched(head: Head) -> Vouched:
    return Vouched(proven=True, issuer=head.issuer, day=head.day.date(), size=head.size)


def _text(name: str) -> str:
    try:
        return command.content(name).decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise ArgumentTypeError(f"{name}: not ASCII") from error


def _receipts(name: str) -> list[Receipt]:
    """Read one receipt, or the answer that holds all of a credential."""
    try:
        told = msgspec.json.decode(command.content(name))
        if isinstance(told, dict) and "copies" in told:
            return [each.receipt for each in msgspec.convert(told, _Copies).copies if each.receipt is not None]
        return [msgspec.convert(told, Receipt)]
    except msgspec.DecodeError as error:  # ValidationError is one too
        raise ArgumentTypeError(f"{name}: no receipt: {error}") from error


def _proof(name: str) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(command.content(name), type=_Proof).path
    except msgspec.DecodeError as error:
        raise ArgumentTypeError(f"{name}: no proof: {error}") from error
