"""A certificate of the passport PKI, as plain values: what is needed to chain it, check it and name it.

Plain, because the ASN.1 objects decode lazily and are not safe to share between threads, and a trust store is shared.
"""

import hashlib
from datetime import datetime
from functools import lru_cache

import msgspec
from asn1crypto import x509

from kyc.chip import der

_SIZE_MAX = 64 * 1024
_DOCUMENTS = "2.23.136.1.1.6.2"  # the document type list, ICAO Doc 9303-12, section 7.1.1
# No certificate of the published lists, and no signer seen, marks another as critical.
_UNDERSTOOD = frozenset({"key_usage", "basic_constraints", "extended_key_usage", _DOCUMENTS})
_PRINTABLE, _SEQUENCE, _SET = 0x13, 0x30, 0x31


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """`subject` and `issuer` are compared as RFC 5280, 7.1 says; `country` is the subject's, two capital letters or ''.

    `algorithm` and `key` are DER, read when a signature is checked; `usage` is what the key is for, `purposes` are
    extended key usages as dotted ids, `documents` the types of document it may sign, as the MRZ begins (P, ID): None
    where it does not say. `critical` are the extensions that must be understood and are not, as dotted ids.
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
    usage: frozenset[str] | None
    purposes: frozenset[str]
    documents: frozenset[str] | None
    critical: frozenset[str]

    @property
    def links(self) -> bool:
        """Whether it links an authority's new key to its former one: same name, signed by another key (9303-12, 4.3).

        Same names alone do not tell: self-signed certificates have them too.
        """
        return self.subject == self.issuer and self.authority_key_id not in (None, self.key_id)

    @property
    def key_sha256(self) -> str:
        """The SHA-256 of its public key, in hex: what stays when the key is certified anew."""
        return hashlib.sha256(self.key).hexdigest()

    def covers(self, at: datetime) -> bool:
        """Whether `at` lies in its validity (both ends included, RFC 5280, 4.1.2.5)."""
        return self.not_before <= at <= self.not_after


def read(data: bytes) -> Certificate:
    """Read a DER or PEM certificate; raises der.Malformed."""
    data = der.unarmored(data, "certificate")
    der.bounded(data, "certificate", size_max=_SIZE_MAX)
    with der.reading("certificate"):
        return of(x509.Certificate.load(data, strict=True))


def of(found: x509.Certificate) -> Certificate:
    """Take the values out of a decoded certificate, decoding all of it; call inside `der.reading`."""
    body = found["tbs_certificate"]
    usage, constraints = found.key_usage_value, found.basic_constraints_value
    purposes = found.extended_key_usage_value
    # RFC 5280, 4.1.1.2: the outer one is not signed and must repeat the inner. A signature is of whole bytes.
    if (
        found["signature_algorithm"].dump() != body["signature"].dump()
        or found["signature_value"].contents[:1] != b"\0"
    ):
        raise der.Malformed("certificate")
    return Certificate(
        fingerprint=hashlib.sha256(found.dump()).hexdigest(),
        subject=name(found.subject),
        issuer=name(found.issuer),
        label=_label(found.subject.dump()),
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
        usage=frozenset(usage.native) if usage is not None else None,
        purposes=frozenset(purpose.dotted for purpose in purposes or ()),
        documents=_documents(body),
        critical=frozenset(
            each["extn_id"].dotted
            for each in body["extensions"] or ()
            if each["critical"].native and each["extn_id"].native not in _UNDERSTOOD
        ),
    )


def _documents(body: x509.TbsCertificate) -> frozenset[str] | None:
    """Read the document type list; one that nobody can read names no type."""
    written = [each["extn_value"].contents for each in body["extensions"] or () if each["extn_id"].native == _DOCUMENTS]
    if not written:
        return None
    try:
        parts = [part for each in written for part in der.elements(der.element(each, _SEQUENCE, "types"), "types")]
        # Indonesia and the Philippines write the types without the version and the set around them.
        inside = [part for tag, content in parts if tag == _SET for part in der.elements(content, "types")]
    except der.Malformed:
        return frozenset()
    types = {content.decode("ascii", "replace").rstrip("<") for tag, content in (*parts, *inside) if tag == _PRINTABLE}
    return frozenset(types - {""})


def name(written: x509.Name) -> str:
    """Give a name in the form in which names are compared."""
    return _compared(written.dump())


@lru_cache(maxsize=4096)  # a few hundred authorities issue all passports
def _compared(encoded: bytes) -> str:
    found: str = x509.Name.load(encoded).hashable
    return found


@lru_cache(maxsize=4096)
def _label(encoded: bytes) -> str:
    found: str = x509.Name.load(encoded).human_friendly
    return found


def _country(written: x509.Name) -> str:
    values = [
        part["value"].native for level in written.chosen for part in level if part["type"].native == "country_name"
    ]
    return values[-1].upper() if values else ""
