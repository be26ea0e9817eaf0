"""What the roots do not vouch for any more: leaves, and the keys of roots; the lists that say so to verifiers.

document-1.revoked, root-2.revoked     since when
root.crl, root-2.crl                   each root's list, of what it signed itself
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from app.credentials import roots
from app.credentials.key_place import VERIFIERS, Home
from app.credentials.roots import ROOT
from proof import keyfile
from residency.credential import pki
from residency.credential.role import Role

#: A list that ends sooner is made anew.
_RENEWED = timedelta(days=30)


def voided(home: Home) -> dict[x509.Certificate, datetime]:
    """Read which certificates are not to be believed, and since when."""
    found: dict[x509.Certificate, datetime] = {}
    for path in home.folder.glob("*.revoked"):
        since = datetime.fromisoformat(path.read_text(encoding="ascii"))
        found |= dict.fromkeys(of(home, *_named(path)), since)
    return found


def of(home: Home, role: str, number: int) -> list[x509.Certificate]:
    """List the certificates that go with a leaf, or with a root: those over the same key."""
    if role == ROOT:
        return roots.vouching(home, number)
    leaf = _read(home.folder / f"{role}-{number}.pem")
    verifiers = map(_read, (home.folder / VERIFIERS).glob("*.pem")) if role == Role.REQUEST else ()
    return [leaf, *(each for each in verifiers if each.public_key() == leaf.public_key())]


def mark(home: Home, role: str, number: int, *, at: datetime) -> None:
    """Note that a leaf or a root is not to be believed, for who holds the folder's lock; raises RootKeyAbsent."""
    gone = of(home, role, number)
    void = dict.fromkeys(gone, at) | voided(home)
    lists = {
        _path(home, no): _list(home, no, void, at=at)
        for no, root in roots.living(home, at=at).items()
        if (role, no) != (ROOT, number) and any(pki.is_issued(each, root) for each in gone)
    }
    # First the lists: a process that sees the mark reads both.
    for path, told in lists.items():
        keyfile.replace(path, told)
    keyfile.read_or_create(home.folder / f"{role}-{number}.revoked", at.isoformat().encode)


def renew(home: Home, *, at: datetime) -> None:
    """Make the lists anew in time, of the roots that have begun and whose keys are here."""
    for number, root in roots.living(home, at=at).items():
        path = _path(home, number)
        if root.not_valid_before_utc <= at and roots.has_key(home, number) and _is_due(path, at):
            with keyfile.locked(home.folder):
                if _is_due(path, at):  # unless another process was faster
                    keyfile.replace(path, _list(home, number, voided(home), at=at))


def _read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _named(path: Path) -> tuple[str, int]:
    role, _, number = path.stem.rpartition("-")
    return role, int(number)


def _path(home: Home, number: int) -> Path:
    return home.folder / f"{roots.named(number)}.crl"


def _is_due(path: Path, at: datetime) -> bool:
    if not path.exists():
        return True
    ends = x509.load_der_x509_crl(path.read_bytes()).next_update_utc
    return ends is None or ends - at < _RENEWED


def _list(home: Home, number: int, void: Mapping[x509.Certificate, datetime], *, at: datetime) -> bytes:
    root = roots.opened(home, number)
    told = {each.serial_number: since for each, since in void.items() if pki.is_issued(each, root.certificate)}
    # Whole seconds since 1970 rise with every list, without a count to be kept.
    return pki.revoked(root, told, number=int(at.timestamp()), at=at).public_bytes(Encoding.DER)
