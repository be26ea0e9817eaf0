"""A certificate of the passport PKI, as plain values: what is needed to chain it, check it and name it.

Plain, because the ASN.1 objects decode lazily and are not safe to share between threads, and a trust store is shared.
"""

import hashlib
from datetime import datetime

import msgspec
from asn1crypto import pem, x509

from kyc import der

_SIZE_MAX = 64 * 1024


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """`subject` and `issuer` are compared as RFC 5280, 7.1 says; `country` is the subject's, two capital letters or ''.

    `algorithm` and `key` are DER, read when a signature is checked; `purposes` are extended key usages as dotted ids.
    """

    fingerprint: str
    subject: str
    issuer: str
    label: str
    country: str
    serial: int
    key_id: bytes | None
    authority_key_id: bytes | None
    key: bytes
    body: bytes
    algorithm: bytes
    signature: bytes
    not_before: datetime
    not_after: datetime
    authority: bool
    purposes: frozenset[str]

    def covers(self, at: datetime) -> bool:
        """Whether `at` lies in its validity (both ends included, RFC 5280, 4.1.2.5)."""
        return self.not_before <= at <= self.not_after


def read(data: bytes) -> Certificate:
    """Read a DER or PEM certificate; raises der.Malformed."""
    with der.reading("certificate"):
        if pem.detect(data):
            _, _, data = pem.unarmor(data)
    der.bounded(data, "certificate", size_max=_SIZE_MAX)
    with der.reading("certificate"):
        return of(x509.Certificate.load(data, strict=True))


def of(found: x509.Certificate) -> Certificate:
    """Take the values out of a decoded certificate, decoding all of it; call inside `der.reading`."""
    body = found["tbs_certificate"]
    usage, constraints = found.key_usage_value, found.basic_constraints_value
    purposes = found.extended_key_usage_value
    if found["signature_algorithm"].dump() != body["signature"].dump():
        raise der.Malformed("certificate")  # RFC 5280, 4.1.1.2: the outer one is not signed and must repeat the inner
    return Certificate(
        fingerprint=hashlib.sha256(found.dump()).hexdigest(),
        subject=found.subject.hashable,
        issuer=found.issuer.hashable,
        label=found.subject.human_friendly,
        country=_country(found.subject),
        serial=found.serial_number,
        key_id=found.key_identifier,
        authority_key_id=found.authority_key_identifier,
        key=body["subject_public_key_info"].dump(),
        body=body.dump(),
        algorithm=found["signature_algorithm"].dump(),
        signature=found.signature,
        not_before=found.not_valid_before,
        not_after=found.not_valid_after,
        # Some authorities of the published lists lack one of the two marks, none lacks both.
        authority=bool(constraints and constraints["ca"].native) or bool(usage and "key_cert_sign" in usage.native),
        purposes=frozenset(purpose.dotted for purpose in purposes or ()),
    )


def _country(name: x509.Name) -> str:
    values = [part["value"].native for level in name.chosen for part in level if part["type"].native == "country_name"]
    return values[-1].upper() if values else ""
