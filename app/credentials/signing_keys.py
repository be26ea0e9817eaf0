"""The keys behind the credentials: a root that verifiers pin, and the seals that sign under it.

The folder holds for each key its file, unless a token of an HSM has it, and beside it the certificate:

    root.key, root.pem                 the anchor; its key may be kept elsewhere until a certificate is due
    root.crl                           the leaves that are not to be believed any more
    document-1.key, document-1.pem, …  sign credentials
    status-1.key, status-1.pem, …      sign status lists
    request-1.key, request-1.pem, …    sign what verifiers ask wallets through us
    log-1.key, log-1.pem, …            sign heads of the issuance log
    nonce.key                          by which we know our own nonces

Of a role's leaves the newest signs that has begun and is not revoked; a leaf begins at a midnight. All that have not
ended are published. One that would end soon is succeeded in time, one that names another URL at once.
"""

import contextlib
from collections.abc import Container, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from app.credentials.key_place import Files, InToken, Keys
from proof import keyfile
from proof.hsm import Token
from proof.hsm_signer import KeyThere
from proof.kms import Kms, new_data_key
from proof.signer import from_jwk
from residency.credential import issuing, metadata, pki, sd_jwt, status_cwt, status_list
from residency.credential.cose import CoseSeal
from residency.credential.presenting import asking
from residency.credential.role import PURPOSES, Role
from residency.credential.seal import Seal
from residency.credential.transparency import log_head

#: Others keep the list of our keys for an hour; a new one must have reached them before it signs.
NOTICE = timedelta(hours=2)
#: A successor is made this long before what is signed could not live its whole life under the old leaf.
AHEAD = timedelta(days=14)
#: A list of revoked leaves that ends sooner is made anew.
_RENEWED = timedelta(days=30)
_log = structlog.get_logger()


class RootKeyAbsent(Exception):
    """A certificate is due and the root's key, which would sign it, is not in the folder."""


class UnknownLeaf(Exception):
    """There is no leaf of this number."""

    def __init__(self, role: str, number: int) -> None:
        super().__init__(role, number)
        self.role = role
        self.number = number


class OnlyLeaf(Exception):
    """No other leaf of the role signs, and its key can't be made in passing: `eresidency signer rotate` comes first."""

    def __init__(self, role: str) -> None:
        super().__init__(role)
        self.role = role


class Home(msgspec.Struct, frozen=True):
    """Where an installation's certificates are, for which URL they speak, and who has the keys beside the root's."""

    folder: Path
    url: str
    root: Files
    keys: Keys

    @classmethod
    def of(cls, folder: Path, *, url: str, kms: Kms, token: Token | None = None) -> "Home":
        """Find the keys in files, or those of the leaves in a token."""
        files = Files(folder, kms)
        return cls(folder, url, files, files if token is None else InToken(token))


class Authority(msgspec.Struct, frozen=True):
    """What this installation issues with now; `signers` are the certificates of every document key to be believed."""

    url: str
    root: x509.Certificate
    documents: Seal
    statuses: Seal
    metadata: Seal
    requests: Seal
    log: Seal
    cose_documents: CoseSeal
    cose_statuses: CoseSeal
    signers: tuple[x509.Certificate, ...]
    revoked: frozenset[int]
    crl: bytes | None
    nonce_key: bytes

    @property
    def root_der(self) -> bytes:
        """The anchor, as readers of mdocs take it."""
        return self.root.public_bytes(Encoding.DER)

    @property
    def root_pem(self) -> bytes:
        """The anchor, as verifiers pin it."""
        return self.root.public_bytes(Encoding.PEM)


def opened(home: Home, *, at: datetime) -> Authority:
    """Open the keys, making what is missing or due; several processes may start at once. Raises RootKeyAbsent."""
    root = _root(home, at=at)
    documents, statuses, requests, log = (_seal(home, root, role, at=at) for role in ROLES)
    void = revoked(home)
    return Authority(
        url=home.url,
        root=root,
        documents=documents,
        statuses=statuses,
        metadata=Seal.of(documents.signer, documents.chain, typ=metadata.SIGNED_TYP),
        requests=requests,
        log=log,
        cose_documents=CoseSeal.of(documents.signer, documents.chain),
        cose_statuses=CoseSeal.of(statuses.signer, statuses.chain, typ=status_cwt.TYP),
        signers=tuple(
            found
            for found in numbers(home, "document").values()
            if at < found.not_valid_after_utc and found.serial_number not in void
        ),
        revoked=frozenset(void),
        crl=_revocations(home, root, at=at),
        nonce_key=keyfile.read_or_create(home.folder / "nonce.key", new_data_key),
    )


def rotate(home: Home, role: str, *, at: datetime, at_once: bool = False) -> x509.Certificate:
    """Make the next leaf of `role`; it signs from the first midnight when everybody knows of it, or at once.

    Raises RootKeyAbsent.
    """
    root, last = _root(home, at=at), max(numbers(home, role), default=0)
    if not _has_root_key(home):
        raise RootKeyAbsent
    with contextlib.suppress(KeyThere):  # a ceremony that was broken off left a key that nothing vouches for yet
        home.keys.make(f"{role}-{last + 1}")
    return _next(home, root, role, last + 1, at=at if at_once or not last else _day_after(at + NOTICE))


def revoke(home: Home, role: str, number: int, *, at: datetime) -> None:
    """Let nobody believe a leaf any more, another signs at once; raises RootKeyAbsent, UnknownLeaf, OnlyLeaf."""
    leaves = numbers(home, role)
    if number not in leaves:
        raise UnknownLeaf(role, number)
    if not _has_root_key(home):
        raise RootKeyAbsent
    root = _root(home, at=at)
    with keyfile.locked(home.folder):
        void = {leaves[number].serial_number: at} | revoked(home)
        if not home.keys.in_passing and not any(_signs(leaf, home, void, at) for leaf in leaves.values()):
            raise OnlyLeaf(role)
        # First the list: a process that sees the mark reads both.
        keyfile.replace(home.folder / "root.crl", _list(home, root, void, at=at))
        keyfile.read_or_create(home.folder / f"{role}-{number}.revoked", at.isoformat().encode)


def numbers(home: Home, role: str) -> dict[int, x509.Certificate]:
    """Read every leaf of a role there ever was, by its number."""
    return {
        int(path.stem.removeprefix(f"{role}-")): x509.load_pem_x509_certificate(path.read_bytes())
        for path in home.folder.glob(f"{role}-*.pem")
    }


def revoked(home: Home) -> dict[int, datetime]:
    """Read which leaves are not to be believed, by their serial numbers, and since when."""
    found = {}
    for path in home.folder.glob("*.revoked"):
        leaf = x509.load_pem_x509_certificate(path.with_suffix(".pem").read_bytes())
        found[leaf.serial_number] = datetime.fromisoformat(path.read_text(encoding="ascii"))
    return found


def _root(home: Home, *, at: datetime) -> x509.Certificate:
    def make() -> bytes:
        key = _root_key(home, or_create=True)
        return pki.root(key, url=home.url, at=at).certificate.public_bytes(Encoding.PEM)

    return x509.load_pem_x509_certificate(keyfile.read_or_create(home.folder / "root.pem", make))


def _root_key(home: Home, *, or_create: bool = False) -> ec.EllipticCurvePrivateKey:
    if not or_create and not _has_root_key(home):
        raise RootKeyAbsent
    key = home.root.open("root").private
    assert isinstance(key, ec.EllipticCurvePrivateKey), "an ES256 key is on a curve"
    return key


def _has_root_key(home: Home) -> bool:
    return (home.folder / "root.key").exists()


#: In the order of `opened`.
ROLES = tuple(Role)
_TYPES: Mapping[str, str] = {
    Role.DOCUMENT: sd_jwt.TYP,
    Role.STATUS: status_list.TYP,
    Role.REQUEST: asking.TYP,
    Role.LOG: log_head.TYP,
}
_NAMES: Mapping[str, str] = {
    Role.DOCUMENT: "Document signer",
    Role.STATUS: "Status list signer",
    Role.REQUEST: "Verifier",
    Role.LOG: "Issuance log signer",
}


def _seal(home: Home, root: x509.Certificate, role: str, *, at: datetime) -> Seal:
    """Give the seal that signs now, and see to its successor."""
    leaves, void = numbers(home, role), revoked(home)
    number = max((no for no, leaf in leaves.items() if _signs(leaf, home, void, at)), default=0)
    last = max(leaves, default=0)
    left = leaves[number].not_valid_after_utc - at if number else timedelta()
    if not number or (last == number and left < issuing.LIFE and _may_make(home)):
        number = last + 1
        leaves[number] = _next(home, root, role, number, at=at)
    elif last == number and left < issuing.LIFE + AHEAD:
        if _may_make(home):
            _next(home, root, role, last + 1, at=_day_after(at + NOTICE))
        else:
            _log.error("credential_signer_due", kind=role)
    return Seal.of(home.keys.open(f"{role}-{number}"), (leaves[number],), typ=_TYPES[role])


def _signs(leaf: x509.Certificate, home: Home, void: Container[int], at: datetime) -> bool:
    is_ours = pki.urls(leaf) == [home.url] and leaf.serial_number not in void
    return is_ours and leaf.not_valid_before_utc <= at < leaf.not_valid_after_utc


def _may_make(home: Home) -> bool:
    """Whether a leaf can be made without an operator."""
    return _has_root_key(home) and home.keys.in_passing


def _next(home: Home, root: x509.Certificate, role: str, number: int, *, at: datetime) -> x509.Certificate:
    """Make the leaf that begins with the day of `at`, unless another process has; raises RootKeyAbsent."""
    name = f"{role}-{number}"

    def make() -> bytes:
        anchor = pki.Root(_root_key(home), root)
        key = from_jwk(home.keys.open(name).public_jwk)
        assert isinstance(key, ec.EllipticCurvePublicKey), "an ES256 key is on a curve"
        leaf = pki.leaf(anchor, key, url=home.url, role=_NAMES[role], purpose=PURPOSES[role], at=at)
        return leaf.public_bytes(Encoding.PEM)

    return x509.load_pem_x509_certificate(keyfile.read_or_create(home.folder / f"{name}.pem", make))


def _day_after(at: datetime) -> datetime:
    """Answer the noon of the next day (UTC): a leaf for it begins at the midnight before."""
    return at.astimezone(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _revocations(home: Home, root: x509.Certificate, *, at: datetime) -> bytes | None:
    """Give the list of revoked leaves, making it anew in time; None where there is neither one nor the root's key."""
    path = home.folder / "root.crl"
    if _has_root_key(home) and _is_due(path, at):
        with keyfile.locked(home.folder):
            if _is_due(path, at):  # unless another process was faster
                keyfile.replace(path, _list(home, root, revoked(home), at=at))
    return path.read_bytes() if path.exists() else None


def _is_due(path: Path, at: datetime) -> bool:
    if not path.exists():
        return True
    ends = x509.load_der_x509_crl(path.read_bytes()).next_update_utc
    return ends is None or ends - at < _RENEWED


def _list(home: Home, root: x509.Certificate, void: Mapping[int, datetime], *, at: datetime) -> bytes:
    anchor = pki.Root(_root_key(home), root)
    # Whole seconds since 1970 rise with every list, without a count to be kept.
    made = pki.revoked(anchor, void, number=int(at.timestamp()), at=at)
    return made.public_bytes(Encoding.DER)
