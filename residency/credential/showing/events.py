"""What happens to what a resident shows, as facts of `credential.event`: names of fields, never what they say."""

from datetime import datetime
from uuid import UUID

import msgspec


class ShowingFact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every such fact says. Aggregate: the showing."""

    showing: UUID


class CodeShown(ShowingFact, frozen=True, tag="showing.opened"):
    """The resident agreed that whoever scans a code first may see these fields, or the answer to one question."""

    kind: str
    fields: tuple[str, ...]
    expires_at: datetime
    question: str | None = None


class CodeWithdrawn(ShowingFact, frozen=True, tag="showing.withdrawn"):
    """The resident took the code back before anybody scanned it."""


class CodeScanned(ShowingFact, frozen=True, tag="showing.scanned"):
    """Somebody scanned the code and saw what was agreed to: a registered client, or whoever said who it was."""

    verifier: str | None = None
