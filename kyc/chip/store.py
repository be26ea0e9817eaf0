"""A store of trusted authorities out of files: certificates, the master lists of believed publishers, revocations.

A list is believed when its publisher's key is pinned (kyc/chip/list_signers.toml) or its publisher's certificate is
among the files: a certificate that lies there by itself was put there by the operator and is trusted as it is.
"""

import enum
import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from kyc.chip import certificate, der, masterlist, pins, revocation, signature, trust
from kyc.chip.certificate import Certificate
from kyc.chip.masterlist import MasterList, UntrustedList
from kyc.chip.pins import Pin
from kyc.chip.revocation import Revocations
from kyc.chip.trust import Source, Trust


class Kind(enum.StrEnum):
    """What a file is to hold, by the end of its name."""

    CERTIFICATE = ".cer"
    LIST = ".ml"
    REVOCATIONS = ".crl"


class File(msgspec.Struct, frozen=True):
    """A file of trusted authorities."""

    name: str
    kind: Kind
    data: bytes


class BadFile(Exception):
    """A file of trusted authorities is not what its name says; `why` tells what is wrong with it.

    One that `reads` is well formed, and nobody vouches for it.
    """

    def __init__(self, name: str, why: str, *, reads: bool = True) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why
        self.reads = reads


class Sifted(msgspec.Struct, frozen=True):
    """What can be trusted, and the files that can't, with why."""

    trust: Trust
    refused: tuple[BadFile, ...]


class _Contents(msgspec.Struct, frozen=True):
    certificates: dict[str, Certificate]
    lists: dict[str, MasterList]
    revocations: dict[str, Revocations]


def load(files: Mapping[str, bytes], believed: Sequence[Pin] | None = None) -> Trust:
    """Join certificates (`*.cer`), master lists (`*.ml`) and revocations (`*.crl`), by file name; raises BadFile.

    `believed` are by default the pins that come with the house.
    """
    known = (File(name, kind, data) for name, data in files.items() for kind in Kind if name.endswith(kind))
    sifted = sift(known, believed)
    if sifted.refused:
        raise sifted.refused[0]
    return sifted.trust


def sift(files: Iterable[File], believed: Sequence[Pin] | None = None) -> Sifted:
    """Trust what can be trusted of the files, and tell of the rest why it can't."""
    given = {file.name: file for file in files}
    known: dict[bytes, Certificate] = {}
    read, refused = _Contents({}, {}, {}), []
    for file in given.values():
        try:
            _read(file, read, known)
        except der.Malformed as error:
            refused.append(BadFile(file.name, f"no readable {error.what}", reads=False))
        except UntrustedList as error:
            refused.append(BadFile(file.name, str(error)))
    pinned = {pin.key for pin in (pins.published() if believed is None else believed)}
    pinned |= {each.key_sha256 for each in read.certificates.values()}
    for name, found in tuple(read.lists.items()):
        if found.publisher.key_sha256 not in pinned:
            refused.append(BadFile(name, "publisher not pinned"))
            del read.lists[name]
    trusted, unsigned = _joined(read, given)
    return Sifted(trusted, (*refused, *unsigned))


def unusable(certificates: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """Find those whose key can't be loaded: passports of theirs could not be verified."""
    return tuple(each for each in certificates if not signature.usable(each.key))


def _read(file: File, into: _Contents, known: dict[bytes, Certificate]) -> None:
    match file.kind:
        case Kind.CERTIFICATE:
            into.certificates[file.name] = certificate.read(file.data)
        case Kind.LIST:
            into.lists[file.name] = masterlist.read(file.data, known)
        case Kind.REVOCATIONS:
            into.revocations[file.name] = revocation.read(file.data)


def _joined(read: _Contents, files: Mapping[str, File]) -> tuple[Trust, tuple[BadFile, ...]]:
    contents: dict[str, tuple[Certificate, ...]] = {name: (each,) for name, each in read.certificates.items()}
    contents |= {name: each.certificates for name, each in read.lists.items()}
    origins: dict[str, tuple[str, ...]] = {}
    for name, certificates in contents.items():
        for each in certificates:
            origins[each.fingerprint] = (*origins.get(each.fingerprint, ()), name)
    anchors = trust.of(each for certificates in contents.values() for each in certificates)
    revocations, unsigned = _revocations(read.revocations, anchors)
    sources = tuple(_source(files[name], read) for name in contents)
    whole = msgspec.structs.replace(anchors, sources=sources, origins=origins, revocations=revocations)
    return whole, unsigned


def _source(file: File, read: _Contents) -> Source:
    sha256 = hashlib.sha256(file.data).hexdigest()
    if (found := read.lists.get(file.name)) is None:
        return Source(file.name, sha256, 1)
    return Source(file.name, sha256, len(found.certificates), found.publisher.label, found.signed_at, found.unread)


def _revocations(
    read: Mapping[str, Revocations], anchors: Trust
) -> tuple[dict[bytes, Revocations], tuple[BadFile, ...]]:
    """Keep the newest list of each key, if a trusted authority signed it."""
    kept: dict[bytes, Revocations] = {}
    unsigned = []
    for name, each in sorted(read.items(), key=lambda pair: pair[1].issued_at):
        signers = {by.key for by in anchors.named(each.authority_key_id, each.issuer) if _signed(each, by)}
        if not signers:
            unsigned.append(BadFile(name, "not signed by a trusted authority"))
        kept |= dict.fromkeys(signers, each)
    return kept, tuple(unsigned)


def _signed(revoked: Revocations, by: Certificate) -> bool:
    try:
        signature.verify(key=by.key, algorithm=revoked.algorithm, signature=revoked.signature, message=revoked.body)
    except (signature.BadSignature, signature.Unsupported, der.Malformed):
        return False
    return True
