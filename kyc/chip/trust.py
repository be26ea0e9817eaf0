"""Which country signing authorities (CSCA) are trusted: a value, made once and shared.

Published lists differ (one lacks Kazakhstan, another Indonesia), so a store is a union. A certificate is no better for
signing itself: old authorities do so with SHA-1, and link certificates don't at all. Trust comes from being in a list.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from kyc.chip.certificate import Certificate
from kyc.chip.revocation import Revocations


class Source(msgspec.Struct, frozen=True):
    """Where authorities come from: a master list with its publisher and the time it was signed, or one certificate.

    `unread` counts certificates of the list that do not read.
    """

    name: str
    sha256: str
    certificates: int
    publisher: str = ""
    signed_at: datetime | None = None
    unread: int = 0

    def age_days(self, at: datetime) -> int | None:
        """How many days ago it was signed; None where nobody says when, or `at` is before that."""
        return None if self.signed_at is None or at < self.signed_at else (at - self.signed_at).days


class Trust(msgspec.Struct, frozen=True):
    """Trusted authorities by fingerprint, with the two ways to find an issuer; made by `of`.

    `origins` names the sources of each, `revocations` are the newest list of each authority's key.
    """

    anchors: dict[str, Certificate]
    by_key: dict[bytes, tuple[Certificate, ...]]
    by_name: dict[str, tuple[Certificate, ...]]
    sources: tuple[Source, ...] = ()
    origins: Mapping[str, tuple[str, ...]] = {}
    revocations: Mapping[bytes, Revocations] = {}

    def candidates(self, issued: Certificate) -> tuple[Certificate, ...]:
        """Every authority that may have issued `issued`, by key identifier or by name, without order of preference.

        Several certificates share one key with different validity, and some carry a wrong key identifier, so the caller
        tries all of them.
        """
        return self.named(issued.authority_key_id, issued.issuer)

    def named(self, key_id: bytes | None, name: str) -> tuple[Certificate, ...]:
        """Every authority with this key identifier or this name."""
        by_key = self.by_key.get(key_id or b"", ())
        found = {each.fingerprint: each for each in (*by_key, *self.by_name.get(name, ()))}
        return tuple(found.values())


def of(certificates: Iterable[Certificate]) -> Trust:
    """Trust `certificates`; those that are no authorities are left out."""
    anchors = {each.fingerprint: each for each in certificates if each.authority}
    by_key: dict[bytes, tuple[Certificate, ...]] = {}
    by_name: dict[str, tuple[Certificate, ...]] = {}
    for each in anchors.values():
        if each.key_id:
            by_key[each.key_id] = (*by_key.get(each.key_id, ()), each)
        by_name[each.subject] = (*by_name.get(each.subject, ()), each)
    return Trust(anchors, by_key, by_name)
