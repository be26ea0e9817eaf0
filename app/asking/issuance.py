"""Whether a copy of an ID is in the issuance log, and whether the log only grew: asked of nobody.

eresidency issuance receipt --copy F --receipt F --root F          the answer of /v1/me/credentials/{id}/receipts
eresidency issuance growth --former F --latter F --proof F --root F    two heads, the answer of …/consistency

Either takes --crl F, the list of revoked signers (GET /.well-known/eresidency-root.crl): no head of theirs proves
anything then, whatever day it names.
"""

from argparse import ArgumentTypeError, Namespace
from datetime import date

import msgspec
from cryptography import x509

from app import clock
from app.asking import command
from app.asking.command import Commands, Unasked, register
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
        each.add_argument("--root", type=_root, required=True, metavar="F", help="the credential root, PEM or DER")
        each.add_argument("--crl", type=_crl, metavar="F", help="its list of revoked signers, DER")


def _receipt(given: Namespace) -> tuple[Vouched, bool]:
    """Find the receipt of the copy among those given."""
    refused, revoked = NotProven("no_receipt"), _revoked(given)
    for receipt in given.receipts:
        try:
            return _vouched(log_head.verify(receipt, given.copy, [given.root], revoked)), True
        except NotProven as reason:
            refused = reason
    return Vouched(proven=False, reason=refused.reason), False


def _growth(given: Namespace) -> tuple[Vouched, bool]:
    revoked = _revoked(given)
    try:
        former, latter = (log_head.read(head, [given.root], revoked) for head in (given.former, given.latter))
        log_head.verify_growth(former, latter, given.proof)
    except NotProven as refused:
        return Vouched(proven=False, reason=refused.reason), False
    return _vouched(latter), True


def _revoked(given: Namespace) -> frozenset[int]:
    """Give the serial numbers of the signers that are not believed any more; raises Unasked for a list not to go by."""
    if given.crl is None:
        return frozenset()
    if not given.crl.is_signature_valid(given.root.public_key()):
        raise Unasked("the list of revoked signers is not signed by the root")
    if given.crl.next_update_utc is None or given.crl.next_update_utc <= clock.real():
        raise Unasked("the list of revoked signers has ended: take a new one")
    return frozenset(each.serial_number for each in given.crl)


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


def _root(name: str) -> x509.Certificate:
    raw = command.content(name)
    try:
        return x509.load_pem_x509_certificate(raw) if b"-----BEGIN" in raw else x509.load_der_x509_certificate(raw)
    except ValueError as error:
        raise ArgumentTypeError(f"{name}: no certificate") from error


def _crl(name: str) -> x509.CertificateRevocationList:
    try:
        return x509.load_der_x509_crl(command.content(name))
    except ValueError as error:
        raise ArgumentTypeError(f"{name}: no list of revoked certificates") from error
