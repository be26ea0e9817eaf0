"""What whoever has no network knows from elsewhere than what is judged: the roots, and what they vouch for no more.

--root F    certificates, in PEM as many as it holds, or one in DER: GET /.well-known/eresidency-root.pem
--crl F     what a root does not vouch for any more, DER or PEM: GET /.well-known/eresidency-root.crl

Each may be given again: one root succeeds another. Among the roots may be the links by which they vouch for each other
(GET /.well-known/eresidency-roots): they are believed as far as a root that is given leads to them.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import datetime
from itertools import chain

import msgspec
from cryptography import x509

from app.asking import command
from app.asking.command import Unasked
from residency.credential import pki


class Pinned(msgspec.Struct, frozen=True):
    """The certificates to be believed, and the serial numbers of those that are not any more."""

    roots: tuple[x509.Certificate, ...]
    revoked: frozenset[int]


def add(parser: ArgumentParser) -> None:
    """Add `--root` and `--crl`."""
    parser.add_argument(
        "--root", type=_certificates, action="append", required=True, metavar="F", help="the pinned roots (PEM, DER)"
    )
    parser.add_argument(
        "--crl", type=_crl, action="append", default=[], metavar="F", help="a root's list of revoked signers"
    )


def of(given: Namespace, *, at: datetime) -> Pinned:
    """Gather what is given; raises Unasked for what is not to be gone by."""
    told = tuple(chain.from_iterable(given.root))
    roots = tuple(each for each in told if pki.is_issued(each, each))
    lists: list[x509.CertificateRevocationList] = given.crl
    revoked = frozenset(each.serial_number for found in lists for each in found)
    believed = pki.linked(roots, (each for each in told if each not in roots), at=at, revoked=revoked)
    if set(believed) != {each for each in told if each.serial_number not in revoked or each in roots}:
        raise Unasked("--root: a certificate that is no root, and that no root given vouches for")
    for found in lists:
        _require_current(found, believed, at)
    return Pinned(believed, revoked)


def _require_current(
    found: x509.CertificateRevocationList, believed: tuple[x509.Certificate, ...], at: datetime
) -> None:
    if not any(pki.lists(found, root) for root in believed):
        raise Unasked("--crl: not signed by a root that is given")
    if found.next_update_utc is None or found.next_update_utc <= at:
        raise Unasked("--crl: it has ended, take a new one")


def _certificates(name: str) -> list[x509.Certificate]:
    raw = command.content(name)
    try:
        armoured = b"-----BEGIN" in raw
        found = x509.load_pem_x509_certificates(raw) if armoured else [x509.load_der_x509_certificate(raw)]
        _ = [each.extensions for each in found]  # what does not read here does not read later either
    except pki.UNREADABLE as error:
        raise ArgumentTypeError(f"{name}: no certificate") from error
    return found


def _crl(name: str) -> x509.CertificateRevocationList:
    raw = command.content(name)
    try:
        found = x509.load_pem_x509_crl(raw) if b"-----BEGIN" in raw else x509.load_der_x509_crl(raw)
        _ = [each.serial_number for each in found]
    except pki.UNREADABLE as error:
        raise ArgumentTypeError(f"{name}: no list of revoked certificates") from error
    return found
