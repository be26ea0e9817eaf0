"""What happens to papers, files and faces, as facts for the journal `kyc.event`: ids, words of our own and times."""

from uuid import UUID

import msgspec


class FileSent(msgspec.Struct, frozen=True, tag="file.sent"):
    """A file was taken; `sha256` is of what is kept, in hex, `removed` what it was freed of."""

    file: UUID
    media: str
    size: int
    sha256: str
    removed: tuple[str, ...] = ()


class FileScanned(msgspec.Struct, frozen=True, tag="file.scanned"):
    """A scanner looked; `found` names what it found, whose file is gone then."""

    file: UUID
    scanner: str
    found: str | None = None


class PaperGiven(msgspec.Struct, frozen=True, tag="paper.given"):
    """A paper was handed in."""

    paper: UUID
    kind: str
    country: str
    files: tuple[UUID, ...]


class PaperJudged(msgspec.Struct, frozen=True, tag="paper.judged"):
    """An officer looked at a paper."""

    paper: UUID
    outcome: str
    reason: str | None = None


class FaceSessionBegun(msgspec.Struct, frozen=True, tag="face.begun"):
    """The person is to show their face, the `attempt`-th time for this document."""

    session: UUID
    document: UUID
    attempt: int


class FaceShown(msgspec.Struct, frozen=True, tag="face.shown"):
    """The selfie is there."""

    session: UUID
    file: UUID


class FaceJudged(msgspec.Struct, frozen=True, tag="face.judged"):
    """A session ended: passed, failed, expired, or for a person to look at."""

    session: UUID
    state: str
