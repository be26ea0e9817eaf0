"""Lists of revoked signers of foreign issuers (RFC 5280 section 5): whether who signed a document still stands.

brought  like status tokens, by somebody or by the worker   residency/credential/presenting/foreign_lists.py
tells    look_up()                                          <- you are here

A list speaks for the one authority that signed it. What it does not speak of is not known, and so is what a list of
another scope (a part, a difference to another list) would leave open: such a list is not taken.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509

from residency.credential import pki
from residency.credential.check import Check, NotVerified, require
from residency.credential.status_list import Status

MEDIA_TYPE = "application/pkix-crl"
_SEQUENCE = b"\x30"


def is_one(token: bytes) -> bool:
    """Tell a list in DER from the tokens of status lists."""
    return token[:1] == _SEQUENCE


def read(token: bytes) -> tuple[x509.CertificateRevocationList, datetime]:
    """Read a list, and until when it is good; raises NotVerified."""
    try:
        found = x509.load_der_x509_crl(token)
        ends = found.next_update_utc
        parts = [each for each in found.extensions if each.critical and not _names_its_place(each.value)]
        _ = [each.serial_number for each in found]
    except pki.UNREADABLE as error:
        raise NotVerified(Check.SIGNER, "unreadable_list") from error
    require(not parts, Check.SIGNER, "partial_list")
    if ends is None:
        raise NotVerified(Check.SIGNER, "no_expiry")
    return found, ends


def _names_its_place(scope: x509.ExtensionType) -> bool:
    """Whether an extension says where a list lies and leaves nothing out of it (RFC 5280 section 5.2.5)."""
    if not isinstance(scope, x509.IssuingDistributionPoint) or scope.only_some_reasons is not None:
        return False
    only = (scope.only_contains_user_certs, scope.only_contains_ca_certs, scope.only_contains_attribute_certs)
    return not (scope.indirect_crl or any(only))


def signed_at(found: x509.CertificateRevocationList) -> datetime:
    """Say when a list was made."""
    return found.last_update_utc.astimezone(UTC)


def look_up(token: bytes, path: Sequence[x509.Certificate], *, at: datetime) -> Status:
    """Say whether a list revokes a certificate on the `path` from a signer to what is trusted; raises NotVerified.

    Bad news is believed however old it is. That nothing is revoked is only known where the list speaks for every step.
    """
    found, ends = read(token)
    listed = [below for below, issuer in pairwise(path) if pki.lists(found, issuer)]
    if any(found.get_revoked_certificate_by_serial_number(each.serial_number) is not None for each in listed):
        return Status.INVALID
    require(len(listed) == len(path) - 1, Check.SIGNER, "other_authority")
    require(at < ends, Check.SIGNER, "list_expired")
    return Status.VALID
