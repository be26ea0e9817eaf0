"""How much is known of the wallet that holds a copy: the grade, which stays with the copy and decides what it may get.

basic      the holder let it in; nobody vouches for it or for where it keeps its keys
attested   a trusted wallet provider vouches for the wallet (OpenID4VCI 1.0, appendix E)
high       and for its keys: kept and used under protection that resists a skilled attacker (appendix D, HAIP 1.0)
"""

import enum
from collections.abc import Sequence

from residency.credential.dataset import Kind
from residency.credential.wallets.key_attestation import KeyAttestation


class Grade(enum.StrEnum):
    """The grades, the lowest first."""

    BASIC = "basic"
    ATTESTED = "attested"
    HIGH = "high"

    def reaches(self, needed: "Grade") -> bool:
        """Say whether this is `needed` or more."""
        order = list(Grade)
        return order.index(self) >= order.index(needed)


#: What each document asks for: one that is equal to an identity card lives only where its key can't be copied.
NEEDED = {Kind.E_RESIDENT: Grade.BASIC, Kind.RESIDENT_ID: Grade.HIGH}
#: What an attestation must say of the storage of keys, and of how their use is unlocked, for the high grade.
RESISTANT = ("iso_18045_high", "iso_18045_moderate")


class GradeTooLow(Exception):
    """The document asks for a wallet of the grade `needed`, and this one reaches `reached`."""

    def __init__(self, needed: Grade, reached: Grade) -> None:
        super().__init__(needed, reached)
        self.needed = needed
        self.reached = reached


def reached(*, attested: bool, attestations: Sequence[KeyAttestation]) -> Grade:
    """Grade a request by whether its wallet is attested, and by the attestations that cover all its keys, if any do."""
    if not attested:
        return Grade.BASIC
    return Grade.HIGH if attestations and all(map(_resists, attestations)) else Grade.ATTESTED


def _resists(attestation: KeyAttestation) -> bool:
    return not attestation.key_storage.isdisjoint(RESISTANT) and not attestation.user_authentication.isdisjoint(
        RESISTANT
    )


def require(kind: Kind, found: Grade) -> None:
    """Let pass a wallet of the grade that the document asks for; raises GradeTooLow."""
    if not found.reaches(NEEDED[kind]):
        raise GradeTooLow(NEEDED[kind], found)
