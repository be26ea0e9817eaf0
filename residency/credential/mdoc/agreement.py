"""What a holder agrees to with an mdoc: the device signs digests of it beside what is shown (OpenID4VP 1.0, B.2.1).

Each type of transaction data would name an element of its own for it; ours share one, over whatever was sent. A device
may only say what its issuer authorized its key to (ISO 18013-5 section 9.1.2.4), so the issuer has to know the element.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from residency.credential.check import Check, require

NAMESPACE, ELEMENT = "kz.gov.e-residency.agreement.1", "transaction_data_hashes"
#: `KeyAuthorizations` of our copies.
AUTHORIZED = {"dataElements": {NAMESPACE: [ELEMENT]}}


def hashes(sent: Sequence[str]) -> list[bytes]:
    """Give what a device says to agree: SHA-256 over each text as it was sent, in their order."""
    return [hashlib.sha256(each.encode("ascii")).digest() for each in sent]


def require_agreed(said: Mapping[str, Mapping[str, Any]], sent: Sequence[str]) -> None:
    """Let the device have agreed to all that was sent; raises NotVerified."""
    if sent:
        require(said.get(NAMESPACE, {}).get(ELEMENT) == hashes(sent), Check.TRANSACTION, "other_transaction")


def require_authorized(said: Mapping[str, Mapping[str, Any]], authorizations: object) -> None:
    """Let the device have said nothing that its issuer did not authorize its key to say; raises NotVerified."""
    told = authorizations if isinstance(authorizations, dict) else {}
    spaces, elements = told.get("nameSpaces"), told.get("dataElements")
    for space, names in said.items():
        whole = isinstance(spaces, list) and space in spaces
        some = elements.get(space) if isinstance(elements, dict) else None
        named = isinstance(some, list) and all(name in some for name in names)
        require(whole or named, Check.BINDING, "not_authorized")
