"""Which country signing authorities (CSCA) are trusted: a value, made once and shared.

Published lists differ (one lacks Kazakhstan, another Indonesia), so a store is a union. A certificate is no better for
signing itself: old authorities do so with SHA-1, and link certificates don't at all. Trust comes from being in a list.
"""

from collections.abc import Iterable

import msgspec

from kyc.certificate import Certificate


class Trust(msgspec.Struct, frozen=True):
    """Trusted authorities by fingerprint, with the two ways to find an issuer; made by `of`."""

    anchors: dict[str, Certificate]
    by_key: dict[bytes, tuple[Certificate, ...]]
    by_name: dict[str, tuple[Certificate, ...]]

    def candidates(self, issued: Certificate) -> tuple[Certificate, ...]:
        """Every authority that may have issued `issued`, by key identifier or by name, without order of preference.

        Several certificates share one key with different validity, and some carry a wrong key identifier, so the caller
        tries all of them.
        """
        by_key = self.by_key.get(issued.authority_key_id or b"", ())
        found = {each.fingerprint: each for each in (*by_key, *self.by_name.get(issued.issuer, ()))}
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
