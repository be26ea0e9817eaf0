"""Whose documents are believed: ourselves for our own, foreign issuers for what two officers agreed to.

An issuer is believed for the types it stands for and for no others: a foreign root can't vouch for a document of ours.
"""

import enum
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec
from cryptography import x509

from residency.credential import pki, role
from residency.credential.check import Check, NotVerified
from residency.credential.configuration import DOC_TYPES, vct
from residency.credential.dataset import AUTHORITY, COUNTRY, Kind
from residency.credential.role import Role


class StatusPolicy(enum.StrEnum):
    """What is asked of the status of a document: that it names where it is kept, or only where it does."""

    REQUIRED = "required"
    WHERE_NAMED = "where_named"


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """One issuer: the certificates it is known by, roots or its signers themselves, and the `types` it stands for.

    `id` names its entry in the trust list, None ourselves. With a `url` only signers that speak for it are believed.
    `lists_at` is where its status lists live, so that they may be asked for; no status that is older than
    `status_age_max_s` is believed, whatever its token says. `crl_at` is where its roots list the signers that they
    revoked: None, and nobody knows of any. `revoked` are the serial numbers of signers of it that
    are not believed any more.
    """

    id: UUID | None
    name: str
    country: str
    types: frozenset[str]
    certificates: tuple[x509.Certificate, ...]
    url: str | None
    legal_ground: str
    status: StatusPolicy
    lists_at: str | None
    status_age_max_s: int | None
    revoked: frozenset[int] = frozenset()
    crl_at: str | None = None


class Trust(msgspec.Struct, frozen=True):
    """Whom a verifier believes, and at which instant it judges."""

    anchors: tuple[Anchor, ...]
    at: datetime

    def roots(self, type_: str) -> tuple[x509.Certificate, ...]:
        """Give the certificates under which a document of this type may be issued."""
        return tuple(one for anchor in self.anchors if type_ in anchor.types for one in anchor.certificates)

    def types(self) -> tuple[str, ...]:
        """Name every type somebody stands for."""
        return tuple(sorted({type_ for anchor in self.anchors for type_ in anchor.types}))

    def of(self, signatory: pki.Signatory, type_: str, iss: object = None) -> Anchor:
        """Find whose document it is, by what it was verified under and the issuer it names; raises NotVerified."""
        for anchor in self.anchors:
            if type_ in anchor.types and signatory.anchor in anchor.certificates and _speaks(signatory, anchor, iss):
                # Every certificate of ours names its purpose; that of a foreign signer need not.
                role.require_may(signatory, Role.DOCUMENT, named=anchor.id is None, revoked=anchor.revoked)
                return anchor
        raise NotVerified(Check.CLAIMS, "other_issuer")


def _speaks(signatory: pki.Signatory, anchor: Anchor, iss: object) -> bool:
    return anchor.url is None or (anchor.url in signatory.urls and iss in {None, anchor.url})


def own_types(url: str) -> frozenset[str]:
    """Name the types of the issuer at `url`, which nobody else may stand for."""
    return frozenset({*DOC_TYPES.values(), *(vct(url, kind) for kind in Kind)})


def own(url: str, roots: Iterable[x509.Certificate], revoked: Iterable[int] = ()) -> Anchor:
    """Believe ourselves, for our own documents: each of them names its status."""
    return Anchor(
        id=None,
        name=AUTHORITY,
        country=COUNTRY,
        types=own_types(url),
        certificates=tuple(roots),
        url=None,
        legal_ground="Decree 1242 of 25 April 2026",
        status=StatusPolicy.REQUIRED,
        lists_at=None,
        status_age_max_s=None,
        revoked=frozenset(revoked),
    )
