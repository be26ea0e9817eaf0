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
    """A source's list changed; `digest` is the SHA-256 of its content in hex."""

    source: str
    digest: str
    entries: int
