"""The keys behind the credentials: roots that verifiers pin, and the seals that sign under them.

The folder holds for each key its file, unless a token of an HSM has it, and beside it the certificate:

    root.key, root.pem, root.crl       the anchor, and what it does not vouch for any more: app/credentials/roots.py
    document-1.key, document-1.pem, …  sign credentials
    status-1.key, status-1.pem, …      sign status lists
    request-1.key, request-1.pem, …    sign what verifiers ask wallets through us
    log-1.key, log-1.pem, …            sign heads of the issuance log
    nonce.key                          by which we know our own nonces

Of a role's leaves the newest signs that has begun, is not revoked and stands under a root that is believed; a leaf
begins at a midnight. All that have not ended are published. One that would end soon is succeeded in time, one that
names another URL at once.
"""

import contextlib
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from app.credentials import revocations, roots
from app.credentials.key_place import Home
from app.credentials.roots import ROOT, Published, RootKeyAbsent
from proof import keyfile
from proof.hsm_signer import KeyThere
from proof.kms import new_data_key
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
_log = structlog.get_logger()


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


class Authority(msgspec.Struct, frozen=True):
    """What this installation issues with now; `signers` are the certificates of every document key to be believed.

    `published` are the roots to be believed, first the one that signs; `revoked` the serial numbers of what is not.
    """

    url: str
    published: tuple[Published, ...]
    documents: Seal
    statuses: Seal
    metadata: Seal
    requests: Seal
    log: Seal
    cose_documents: CoseSeal
    cose_statuses: CoseSeal
    signers: tuple[x509.Certificate, ...]
    revoked: frozenset[int]
    nonce_key: bytes

    @property
    def root(self) -> x509.Certificate:
        """The anchor that signs now."""
        return self.published[0].certificate

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """Every anchor to be believed."""
        return tuple(each.certificate for each in self.published)

    def published_as(self, number: int) -> Published | None:
        """Find an anchor to be believed by its number."""
        return next((each for each in self.published if each.number == number), None)

    @property
    def links(self) -> tuple[x509.Certificate, ...]:
        """How the anchors vouch for each other."""
        links = (link for each in self.published for link in (each.link, each.former) if link is not None)
        known = (each for each in links if each.serial_number not in self.revoked)
        return tuple(each for each in known if any(pki.is_issued(each, root) for root in self.roots))


def opened(home: Home, *, at: datetime) -> Authority:
    """Open the keys, making what is missing or due; several processes may start at once.

    Raises RootKeyAbsent, roots.RootEnded.
    """
    believed = [each.certificate for each in roots.believed(home, at=at)]
    if roots.is_due(home, at=at):
        _log.error("credential_root_due")
    documents, statuses, requests, log = (_seal(home, believed, role, at=at) for role in ROLES)
    void = revoked(home)
    revocations.renew(home, at=at)
    return Authority(
        url=home.url,
        published=roots.believed(home, at=at),
        documents=documents,
        statuses=statuses,
        metadata=Seal.of(documents.signer, documents.chain, typ=metadata.SIGNED_TYP),
        requests=requests,
        log=log,
        cose_documents=CoseSeal.of(documents.signer, documents.chain),
        cose_statuses=CoseSeal.of(statuses.signer, statuses.chain, typ=status_cwt.TYP),
        signers=tuple(found for found in numbers(home, "document").values() if _stands(found, believed, void, at)),
        revoked=frozenset(void),
        nonce_key=keyfile.read_or_create(home.folder / "nonce.key", new_data_key),
    )


def rotate(home: Home, role: str, *, at: datetime, at_once: bool = False) -> x509.Certificate:
    """Make the next leaf of `role`; it signs from the first midnight when everybody knows of it, or at once.

    Raises RootKeyAbsent, roots.RootEnded.
    """
    roots.believed(home, at=at)
    last = max(numbers(home, role), default=0)
    begins = at if at_once or not last else _day_after(at + NOTICE)
    if not roots.has_key(home, roots.signing(home, at=begins)):
        raise RootKeyAbsent
    with contextlib.suppress(KeyThere):  # a ceremony that was broken off left a key that nothing vouches for yet
        home.keys.make(f"{role}-{last + 1}")
    return _next(home, role, last + 1, at=begins)


def revoke(home: Home, role: str, number: int, *, at: datetime) -> None:
    """Let nobody believe a leaf, or a root, any more; another signs at once.

    Raises RootKeyAbsent, UnknownLeaf, OnlyLeaf.
    """
    known = roots.numbers(home) if role == ROOT else numbers(home, role)
    if number not in known:
        raise UnknownLeaf(role, number)
    with keyfile.locked(home.folder):
        left = {no: each for no, each in roots.living(home, at=at).items() if (role, no) != (ROOT, number)}
        if not any(each.not_valid_before_utc <= at for each in left.values()):
            raise OnlyLeaf(ROOT)
        if not home.keys.in_passing:
            void = {*revoked(home), *(each.serial_number for each in revocations.of(home, role, number))}
            for needed in ROLES if role == ROOT else (role,):
                if not any(_signs(leaf, home, left.values(), void, at) for leaf in numbers(home, needed).values()):
                    raise OnlyLeaf(needed)
        revocations.mark(home, role, number, at=at)


def numbers(home: Home, role: str) -> dict[int, x509.Certificate]:
    """Read every leaf of a role there ever was, by its number."""
    return {
        int(path.stem.removeprefix(f"{role}-")): x509.load_pem_x509_certificate(path.read_bytes())
        for path in home.folder.glob(f"{role}-*.pem")
    }


def revoked(home: Home) -> dict[int, datetime]:
    """Read which certificates are not to be believed, by their serial numbers, and since when."""
    return {each.serial_number: since for each, since in revocations.voided(home).items()}


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


def _seal(home: Home, believed: Sequence[x509.Certificate], role: str, *, at: datetime) -> Seal:
    """Give the seal that signs now, and see to its successor."""
    leaves, void = numbers(home, role), revoked(home)
    number = max((no for no, leaf in leaves.items() if _signs(leaf, home, believed, void, at)), default=0)
    last = max(leaves, default=0)
    if not number:
        number = last + 1
        leaves[number] = _next(home, role, number, at=at)
    elif last == number and (begins := _succeeded(home, leaves[number], at=at)) is not None:
        if not (home.keys.in_passing and roots.has_key(home, roots.signing(home, at=begins))):
            _log.error("credential_signer_due", kind=role)
        else:
            leaves[last + 1] = _next(home, role, last + 1, at=begins)
            number += begins == at
    return Seal.of(home.keys.open(f"{role}-{number}"), (leaves[number],), typ=_TYPES[role])


def _succeeded(home: Home, leaf: x509.Certificate, *, at: datetime) -> datetime | None:
    """Say from when another is to sign in the place of a leaf; None while there is no need.

    There is when it would end too soon, unless no root lives longer than it does, and when another root signs now.
    """
    root = roots.numbers(home)[roots.signing(home, at=at)]
    left, later = leaf.not_valid_after_utc - at, _day_after(at + NOTICE)
    if left < issuing.LIFE + AHEAD and root.not_valid_after_utc > leaf.not_valid_after_utc:
        return at if left < issuing.LIFE else later
    return None if pki.is_issued(leaf, root) else later


def _signs(
    leaf: x509.Certificate, home: Home, believed: Iterable[x509.Certificate], void: Container[int], at: datetime
) -> bool:
    is_ours = pki.urls(leaf) == [home.url] and leaf.not_valid_before_utc <= at
    return is_ours and _stands(leaf, believed, void, at)


def _stands(leaf: x509.Certificate, believed: Iterable[x509.Certificate], void: Container[int], at: datetime) -> bool:
    """Whether a leaf has not ended and leads to a root that is believed."""
    if leaf.serial_number in void or at >= leaf.not_valid_after_utc:
        return False
    return any(pki.is_issued(leaf, root) for root in believed)


def _next(home: Home, role: str, number: int, *, at: datetime) -> x509.Certificate:
    """Make the leaf that begins with the day of `at`, unless another process has; raises RootKeyAbsent, RootEnded."""
    name = f"{role}-{number}"

    def make() -> bytes:
        anchor = roots.opened(home, roots.signing(home, at=at))
        key = from_jwk(home.keys.open(name).public_jwk)
        assert isinstance(key, ec.EllipticCurvePublicKey), "an ES256 key is on a curve"
        leaf = pki.leaf(anchor, key, url=home.url, role=_NAMES[role], purpose=PURPOSES[role], at=at)
        return leaf.public_bytes(Encoding.PEM)

    return x509.load_pem_x509_certificate(keyfile.read_or_create(home.folder / f"{name}.pem", make))


def _day_after(at: datetime) -> datetime:
    """Answer the noon of the next day (UTC): a leaf for it begins at the midnight before."""
    return at.astimezone(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
