"""The roots: what verifiers pin, and how one succeeds another.

    root.key, root.pem, root.crl           the first, made in passing
    root-2.key, root-2.pem, root-2.crl     the next, made by an operator: eresidency signer rotate root
    link-2.pem, former-2.pem               each of the two vouches for the key of the other: who pins one believes both
    root-1.revoked                         not believed since then, nor what it signed

A root's key may be kept elsewhere until a certificate is due, or in a token (`credential_root_token`). Of the roots the
newest signs that has begun; all that have not ended are published and believed, the next one from the day it was made.
When it begins, every leaf is succeeded by one under it; what the one before vouched for leads there as ever.
"""

import contextlib
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from app.credentials.key_place import Home
from proof import keyfile
from proof.certifying import CertifyingKey
from proof.hsm import Unreachable
from proof.hsm_signer import KeyThere
from residency.credential import pki

ROOT = "root"
#: Who pins roots by hand has this long to pin the next one, before anything stands under it alone.
NOTICE = timedelta(days=90)


class RootKeyAbsent(Exception):
    """A certificate is due and the root's key, which would sign it, is not in the folder."""


class RootEnded(Exception):
    """No root is in force, so nothing can be signed: `eresidency signer rotate root --at-once`."""


class Published(msgspec.Struct, frozen=True):
    """A root as verifiers know it: `link` is how the one before vouches for it, `former` how it vouches for that one.

    `crl` lists what it signed and does not vouch for any more; None where its key was never here to sign one.
    """

    number: int
    certificate: x509.Certificate
    link: x509.Certificate | None
    former: x509.Certificate | None
    crl: bytes | None


def named(number: int) -> str:
    """Name the files of a root."""
    return ROOT if number == 1 else f"{ROOT}-{number}"


def numbers(home: Home) -> dict[int, x509.Certificate]:
    """Read every root there ever was, by its number."""
    paths = home.folder.glob(f"{ROOT}*.pem")
    return {int(path.stem.removeprefix(ROOT).removeprefix("-") or 1): _read(path) for path in paths}


def living(home: Home, *, at: datetime) -> dict[int, x509.Certificate]:
    """Read the roots that have not ended nor been revoked, by their numbers; those that have not begun too."""
    return {
        number: root
        for number, root in numbers(home).items()
        if at < root.not_valid_after_utc and not (home.folder / f"{ROOT}-{number}.revoked").exists()
    }


def believed(home: Home, *, at: datetime) -> tuple[Published, ...]:
    """Give the roots to be believed, first the one that signs now, making the first of all; raises RootEnded."""
    _first(home, at=at)
    now = signing(home, at=at)
    ordered = sorted(living(home, at=at), key=lambda number: (number != now, -number))
    return tuple(_published(home, number) for number in ordered)


def signing(home: Home, *, at: datetime) -> int:
    """Say which root signs what begins at an instant; raises RootEnded."""
    begun = [number for number, root in living(home, at=at).items() if root.not_valid_before_utc <= at]
    if not begun:
        raise RootEnded
    return max(begun)


def opened(home: Home, number: int) -> pki.Root:
    """Open a root to sign with; raises RootKeyAbsent."""
    if not has_key(home, number):
        raise RootKeyAbsent
    return pki.Root(_private(home, number), _read(home.folder / f"{named(number)}.pem"), number)


def has_key(home: Home, number: int) -> bool:
    """Whether the key of a root is here: not while its token is."""
    try:
        return home.root.has(named(number))
    except Unreachable:
        return False


def rotate(home: Home, *, at: datetime, at_once: bool = False, unlinked: bool = False) -> x509.Certificate:
    """Make the next root; it signs when everybody has had time to pin it, or at once. Raises RootKeyAbsent.

    It and the one before vouch for each other, unless that one's key is lost: `unlinked`. In a token, which makes none
    in passing, this makes the first root too.
    """
    if not home.root.in_passing and not numbers(home):
        _make_key(home, 1)
        return _first(home, at=at)
    _first(home, at=at)
    with keyfile.locked(home.folder):
        former = None if unlinked else max(living(home, at=at), default=None)
        before = None if former is None else opened(home, former)
        number = max(numbers(home)) + 1
        _make_key(home, number)
        made = pki.root(_private(home, number), url=home.url, at=at if at_once else at + NOTICE, number=number)
        if before is not None:
            # First the links: whoever sees the root reads them too.
            _write(home.folder / f"link-{number}.pem", pki.link(before, made, url=home.url, at=at))
            _write(home.folder / f"former-{number}.pem", pki.link(made, before, url=home.url, at=at))
        _write(home.folder / f"{named(number)}.pem", made.certificate)
        return made.certificate


def is_due(home: Home, *, at: datetime) -> bool:
    """Whether it is time for the next root: leaves under it will live their whole life, and all had time to pin it."""
    ends = max(root.not_valid_after_utc for root in living(home, at=at).values())
    return ends - at < NOTICE + timedelta(days=pki.LEAF_DAYS)


def vouching(home: Home, number: int) -> list[x509.Certificate]:
    """List the certificates over the key of a root: its own, and the links of others."""
    certificate = numbers(home)[number]
    links = [_read(path) for kind in ("link", "former") for path in home.folder.glob(f"{kind}-*.pem")]
    return [certificate, *(each for each in links if each.public_key() == certificate.public_key())]


def _make_key(home: Home, number: int) -> None:
    with contextlib.suppress(KeyThere):  # a ceremony that was broken off left a key that nothing vouches for yet
        home.root.make(named(number))


def _first(home: Home, *, at: datetime) -> x509.Certificate:
    def make() -> bytes:
        return _pem(pki.root(_private(home, 1), url=home.url, at=at).certificate)

    return x509.load_pem_x509_certificate(keyfile.read_or_create(home.folder / f"{ROOT}.pem", make))


def _published(home: Home, number: int) -> Published:
    link, former = (home.folder / f"{kind}-{number}.pem" for kind in ("link", "former"))
    crl = home.folder / f"{named(number)}.crl"
    return Published(
        number,
        _read(home.folder / f"{named(number)}.pem"),
        _read(link) if link.exists() else None,
        _read(former) if former.exists() else None,
        crl.read_bytes() if crl.exists() else None,
    )


def _private(home: Home, number: int) -> ec.EllipticCurvePrivateKey:
    return CertifyingKey(home.root.open(named(number)))


def _read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _write(path: Path, certificate: x509.Certificate) -> None:
    keyfile.replace(path, _pem(certificate))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
