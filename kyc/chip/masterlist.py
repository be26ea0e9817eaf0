"""A CSCA master list (ICAO Doc 9303-12, section 8): read it, and check that it is whole and who vouches for it."""

from datetime import datetime

import msgspec
from asn1crypto import core, x509

from kyc.chip import certificate, der, signature, signed, trust
from kyc.chip.certificate import Certificate

_SIZE_MAX = 16 * 1024 * 1024
_CONTENT_TYPE = "2.23.136.1.1.2"
_SIGNER_PURPOSE = "2.23.136.1.1.3"


class _Certificates(core.SetOf):  # type: ignore[misc]  # asn1crypto carries no types
    _child_spec = x509.Certificate


class _List(core.Sequence):  # type: ignore[misc]  # as above
    _fields = [("version", core.Integer), ("certificates", _Certificates)]  # noqa: RUF012  # read by asn1crypto


class MasterList(msgspec.Struct, frozen=True):
    """The authorities of a list; `publisher`, one of them, issued its signer. `unread` counts what does not read."""

    certificates: tuple[Certificate, ...]
    signer: Certificate
    publisher: Certificate
    unread: int
    signed_at: datetime | None


class UntrustedList(Exception):
    """The list was changed, cut or signed by someone whom it does not name; `why` says which."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def read(data: bytes, known: dict[bytes, Certificate] | None = None) -> MasterList:
    """Read a list and check its signature and its signer; raises der.Malformed, UntrustedList.

    The check proves the list whole and unchanged since its publisher signed it; whether that publisher is believed is
    decided in kyc/chip/store.py. `known` remembers certificates by their bytes: published lists have most in common.
    """
    whole, *others = signed.read(data, "master list", size_max=_SIZE_MAX)
    if others:
        raise der.Malformed("master list")
    if whole.content_type != _CONTENT_TYPE:
        raise der.Malformed("master list")
    _check_signature(whole)
    der.bounded(whole.content, "master list", size_max=_SIZE_MAX)
    known = {} if known is None else known
    certificates: list[Certificate] = []
    unread = 0
    with der.reading("master list"):
        found = _List.load(whole.content, strict=True)["certificates"]
        encoded = [each.dump() for each in found]
    for each in encoded:
        try:
            if each not in known:
                known[each] = certificate.read(each)
        except der.Malformed:
            unread += 1
        else:
            certificates.append(known[each])
    return MasterList(tuple(certificates), whole.signer, _publisher(whole, certificates), unread, whole.signed_at)


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
