"""Which signer may sign what: the one place that says so, to those who issue and to those who verify.

A certificate names its purpose by a number. Ours do, but for the signer of status lists, whose purpose has no number
yet (`id-kp-oauthStatusSigning`). Foreign ones may name none, or numbers we do not know; what they must not name is a
purpose of which we know that it is another.
"""

import enum
from collections.abc import Container, Mapping

from cryptography import x509

from residency.credential import pki
from residency.credential.check import Check, require


class Role(enum.StrEnum):
    """What a signer is for. Its files are called so, too."""

    DOCUMENT = "document"
    STATUS = "status"
    REQUEST = "request"
    LOG = "log"


#: Signing heads of an issuance log: nobody has given that a number, so it is one of those anybody may make (X.667).
LOG_HEADS = x509.ObjectIdentifier("2.25.289453321898201801141053727120809565536")
PURPOSES: Mapping[str, x509.ObjectIdentifier | None] = {
    Role.DOCUMENT: pki.DOCUMENT_SIGNING,
    Role.STATUS: None,
    Role.REQUEST: pki.READER,
    Role.LOG: LOG_HEADS,
}
#: Whose these are signs neither documents nor lists. Who signs documents may well keep the lists of them himself.
_ELSEWHERE = frozenset({pki.READER.dotted_string, LOG_HEADS.dotted_string})
_REASONS = {
    Role.DOCUMENT: "not_for_documents",
    Role.STATUS: "not_for_status_lists",
    Role.REQUEST: "not_for_requests",
    Role.LOG: "not_for_log_heads",
}


def require_may(signer: pki.Signatory, role: Role, *, named: bool = True, revoked: Container[int] = ()) -> None:
    """Refuse who is not to sign in a role, or not any more by its serial number; raises NotVerified.

    Where the purpose need not be `named`, it is enough that none is that we know to be another.
    """
    require(_may(signer, role, named=named), Check.CHAIN, _REASONS[role])
    require(signer.serial not in revoked, Check.CHAIN, "revoked")


def _may(signer: pki.Signatory, role: Role, *, named: bool) -> bool:
    purpose = PURPOSES[role]
    if purpose is not None and purpose.dotted_string in signer.purposes:
        return True
    return not (named or signer.purposes & _ELSEWHERE)
