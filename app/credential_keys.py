"""The keys behind the credentials: a root that verifiers pin, and the seals that sign under it.

The folder holds for each key a PEM file, and beside it the certificate once there is one:

    root.key, root.pem                 the anchor; its key may be kept elsewhere until a certificate is due
    document-1.key, document-1.pem, …  sign credentials: the highest number signs, all that are valid are published
    status-1.key, status-1.pem, …      sign status lists
    request-1.key, request-1.pem, …    sign what verifiers ask wallets through us
    nonce.key                          by which we know our own nonces

A leaf that names another URL, or would end before what it signs, is succeeded by the next number.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from proof import keyfile
from proof.kms import new_data_key
from proof.signer import Alg, FileSigner, from_jwk
from residency.credential import issuing, metadata, pki, sd_jwt, status_cwt, status_list
from residency.credential.cose import CoseSeal
from residency.credential.presenting import asking
from residency.credential.seal import Seal


class RootKeyAbsent(Exception):
    """A certificate is due and the root's key, which would sign it, is not in the folder."""


class Authority(msgspec.Struct, frozen=True):
    """What this installation issues with; `signers` are the certificates of every document key that is still valid."""

    url: str
    root: x509.Certificate
    documents: Seal
    statuses: Seal
    metadata: Seal
    requests: Seal
    cose_documents: CoseSeal
    cose_statuses: CoseSeal
    signers: tuple[x509.Certificate, ...]
    nonce_key: bytes

    @property
    def root_der(self) -> bytes:
        """The anchor, as readers of mdocs take it."""
        return self.root.public_bytes(Encoding.DER)

    @property
    def root_pem(self) -> bytes:
        """The anchor, as verifiers pin it."""
        return self.root.public_bytes(Encoding.PEM)


def opened(folder: Path, *, url: str, at: datetime) -> Authority:
    """Open the keys, making what is missing or due; several processes may start at once. Raises RootKeyAbsent."""
    root = _root(folder, url=url, at=at)
    documents = _seal(folder, root, "document", url=url, at=at)
    statuses = _seal(folder, root, "status", url=url, at=at)
    return Authority(
        url=url,
        root=root,
        documents=documents,
        statuses=statuses,
        metadata=Seal.of(documents.signer, documents.chain, typ=metadata.SIGNED_TYP),
        requests=_seal(folder, root, "request", url=url, at=at),
        cose_documents=CoseSeal.of(documents.signer, documents.chain),
        cose_statuses=CoseSeal.of(statuses.signer, statuses.chain, typ=status_cwt.TYP),
        signers=tuple(found for _, found in _leaves(folder, "document") if at < found.not_valid_after_utc),
        nonce_key=keyfile.read_or_create(folder / "nonce.key", new_data_key),
    )


def _root(folder: Path, *, url: str, at: datetime) -> x509.Certificate:
    def make() -> bytes:
        key = _root_key(folder, or_create=True)
        return pki.root(key, url=url, at=at).certificate.public_bytes(Encoding.PEM)

    return x509.load_pem_x509_certificate(keyfile.read_or_create(folder / "root.pem", make))


def _root_key(folder: Path, *, or_create: bool) -> ec.EllipticCurvePrivateKey:
    path = folder / "root.key"
    if not or_create and not path.exists():
        raise RootKeyAbsent
    FileSigner.open(path, Alg.ES256)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey), "an ES256 key is on a curve"
    return key


_PURPOSES = {"document": pki.DOCUMENT_SIGNING, "status": None, "request": pki.READER}
_TYPES = {"document": sd_jwt.TYP, "status": status_list.TYP, "request": asking.TYP}
_NAMES = {"document": "Document signer", "status": "Status list signer", "request": "Verifier"}


def _seal(folder: Path, root: x509.Certificate, role: str, *, url: str, at: datetime) -> Seal:
    number, leaf = max(_leaves(folder, role), default=(0, None), key=lambda found: found[0])
    if leaf is None or not _fits(leaf, url=url, at=at):
        number += 1
        leaf = _next(folder, root, role, number, url=url, at=at)
    signer = FileSigner.open(folder / f"{role}-{number}.key", Alg.ES256)
    return Seal.of(signer, (leaf,), typ=_TYPES[role])


def _leaves(folder: Path, role: str) -> Iterator[tuple[int, x509.Certificate]]:
    for path in folder.glob(f"{role}-*.pem"):
        yield int(path.stem.removeprefix(f"{role}-")), x509.load_pem_x509_certificate(path.read_bytes())


def _fits(leaf: x509.Certificate, *, url: str, at: datetime) -> bool:
    """Whether what `leaf` signs today can live its whole life under it."""
    return pki.urls(leaf) == [url] and leaf.not_valid_after_utc - at >= issuing.LIFE


def _next(folder: Path, root: x509.Certificate, role: str, number: int, *, url: str, at: datetime) -> x509.Certificate:
    def make() -> bytes:
        anchor = pki.Root(_root_key(folder, or_create=False), root)
        key = from_jwk(FileSigner.open(folder / f"{role}-{number}.key", Alg.ES256).public_jwk)
        assert isinstance(key, ec.EllipticCurvePublicKey), "an ES256 key is on a curve"
        leaf = pki.leaf(anchor, key, url=url, role=_NAMES[role], purpose=_PURPOSES[role], at=at)
        return leaf.public_bytes(Encoding.PEM)

    return x509.load_pem_x509_certificate(keyfile.read_or_create(folder / f"{role}-{number}.pem", make))
