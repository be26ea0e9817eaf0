"""CSCA master lists (ICAO Doc 9303-12, section 8): read one, check that it is whole, join several."""

from collections.abc import Mapping

import msgspec
from asn1crypto import core, x509

from kyc import certificate, der, signature, signed, trust
from kyc.certificate import Certificate
from kyc.trust import Trust

_SIZE_MAX = 16 * 1024 * 1024
_CONTENT_TYPE = "2.23.136.1.1.2"
_SIGNER_PURPOSE = "2.23.136.1.1.3"


class _Certificates(core.SetOf):  # type: ignore[misc]  # asn1crypto carries no types
    _child_spec = x509.Certificate


class _List(core.Sequence):  # type: ignore[misc]  # as above
    _fields = [("version", core.Integer), ("certificates", _Certificates)]  # noqa: RUF012  # read by asn1crypto


class BadFile(Exception):
    """A file of trusted authorities is not what its name says; `why` tells what is wrong with it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


class MasterList(msgspec.Struct, frozen=True):
    """The authorities of a list; `publisher`, one of them, issued its signer. `unread` counts what does not read."""

    certificates: tuple[Certificate, ...]
    signer: Certificate
    publisher: Certificate
    unread: int


class UntrustedList(Exception):
    """The list was changed, cut or signed by someone whom it does not name; `why` says which."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def read(data: bytes) -> MasterList:
    """Read a list and check its signature and its signer; raises der.Malformed, UntrustedList.

    The check proves the list whole and unchanged since its publisher signed it. Whether that publisher is believed is
    decided by whoever puts the file into the folder of trusted authorities.
    """
    whole = signed.read(data, "master list", size_max=_SIZE_MAX)
    if whole.content_type != _CONTENT_TYPE:
        raise der.Malformed("master list")
    _check_signature(whole)
    der.bounded(whole.content, "master list", size_max=_SIZE_MAX)
    certificates: list[Certificate] = []
    unread = 0
    with der.reading("master list"):
        found = _List.load(whole.content, strict=True)["certificates"]
        encoded = [each.dump() for each in found]
    for each in encoded:
        try:
            certificates.append(certificate.read(each))
        except der.Malformed:
            unread += 1
    return MasterList(tuple(certificates), whole.signer, _publisher(whole, certificates), unread)


def load(files: Mapping[str, bytes]) -> Trust:
    """Join certificates (`*.cer`) and master lists (`*.ml`), named by file; raises BadFile."""
    trusted: list[Certificate] = []
    for name, data in files.items():
        try:
            if name.endswith(".ml"):
                trusted.extend(read(data).certificates)
            elif name.endswith(".cer"):
                trusted.append(certificate.read(data))
        except (der.Malformed, UntrustedList) as error:
            raise BadFile(name, str(error)) from error
    return trust.of(trusted)


def _check_signature(whole: signed.Signed) -> None:
    if _SIGNER_PURPOSE not in whole.signer.purposes:
        raise UntrustedList("signer")
    try:
        if not signed.digest_matches(whole):
            raise UntrustedList("digest")
        signed.verify(whole)
    except (signature.BadSignature, signature.Unsupported) as error:
        raise UntrustedList("signature") from error


def _publisher(whole: signed.Signed, certificates: list[Certificate]) -> Certificate:
    for each in trust.of(certificates).candidates(whole.signer):
        if issued(each, whole.signer) is not None:
            return each
    raise UntrustedList("publisher")


def issued(authority: Certificate, subject: Certificate) -> frozenset[str] | None:
    """Answer what is weak about the signature of `authority` on `subject`; None where there is no good one."""
    try:
        return signature.verify(
            key=authority.key, algorithm=subject.algorithm, signature=subject.signature, message=subject.body
        )
    except (signature.BadSignature, signature.Unsupported, der.Malformed):
        return None
