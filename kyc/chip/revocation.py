"""What an authority takes back: its certificate revocation list (CRL, RFC 5280, section 5; ICAO Doc 9303-12, 7.1.4)."""

from datetime import datetime

import msgspec
from asn1crypto import crl

from kyc.chip import certificate, der

_SIZE_MAX = 16 * 1024 * 1024


class Revocations(msgspec.Struct, frozen=True, kw_only=True):
    """The serial numbers an authority revoked, when and why; `issuer` as kyc/chip/certificate.py compares names."""

    issuer: str
    authority_key_id: bytes | None
    issued_at: datetime
    next_at: datetime | None
    revoked: dict[int, tuple[datetime, str]]
    body: bytes
    algorithm: bytes
    signature: bytes


def read(data: bytes) -> Revocations:
    """Read a DER or PEM list; whether its authority signed it is asked by the caller. Raises der.Malformed."""
    data = der.unarmored(data, "revocations")
    der.bounded(data, "revocations", size_max=_SIZE_MAX)
    with der.reading("revocations"):
        found = crl.CertificateList.load(data, strict=True)
        body = found["tbs_cert_list"]
        if found["signature_algorithm"].dump() != body["signature"].dump():
            raise der.Malformed("revocations")
        reasons = {each["user_certificate"].native: _reason(each) for each in body["revoked_certificates"]}
        return Revocations(
            issuer=certificate.name(body["issuer"]),
            authority_key_id=found.authority_key_identifier,
            issued_at=body["this_update"].native,
            next_at=body["next_update"].native,
            revoked=reasons,
            body=body.dump(),
            algorithm=found["signature_algorithm"].dump(),
            signature=found["signature"].native,
        )


def _reason(revoked: crl.RevokedCertificate) -> tuple[datetime, str]:
    reason = revoked.crl_reason_value
    return revoked["revocation_date"].native, reason.native if reason else "unspecified"
