"""What happens in kyc, as facts for the journal `kyc.event`: ids, words of our own and times, no personal data."""

from datetime import date
from uuid import UUID

import msgspec


class DocumentChecked(msgspec.Struct, frozen=True, tag="document.checked"):
    """A document was scanned and decided about; `grade` is the chip's."""

    document: UUID
    grade: str
    outcome: str


class DocumentDecided(msgspec.Struct, frozen=True, tag="document.decided"):
    """A later look, at a new list for instance, changed what was decided about a document."""

    document: UUID
    outcome: str


class ResidentIdentified(msgspec.Struct, frozen=True, tag="resident.identified"):
    """The holder is who they say, by this document, until it expires."""

    document: UUID
    expires: date


class ListReplaced(msgspec.Struct, frozen=True, tag="list.replaced"):
    """A source's list changed; `digest` is the SHA-256 of its content in hex, `edition` all lists together since."""

    source: str
    digest: str
    entries: int
    added: int = 0
    removed: int = 0
    edition: int = 0


class CaseMoved(msgspec.Struct, frozen=True, tag="identity_case.moved"):
    """A case made a move, the `sort`-th; nobody's feed shows it, the chain holds it. Aggregate: the move."""

    identity_case: UUID
    sort: int
    state: str
    before: str | None
    act: str | None
    reason: str | None


class IdentityChanged(msgspec.Struct, frozen=True, tag="identity.changed"):
    """What the person may see of their case changed. Aggregate: the case."""

    identity_case: UUID
    state: str
