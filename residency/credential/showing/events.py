"""What happens to what a resident shows, as facts of `credential.event`.

Nobody erases the journal: what was shown to whom stands in the row of the showing alone, which goes after a year.
"""

from datetime import datetime
from uuid import UUID

import msgspec


class ShowingFact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every such fact says. Aggregate: the showing."""

    showing: UUID


class CodeShown(ShowingFact, frozen=True, tag="showing.opened"):
    """The resident agreed that whoever scans a code first may see some of the document of this kind."""

    kind: str
    expires_at: datetime


class CodeWithdrawn(ShowingFact, frozen=True, tag="showing.withdrawn"):
    """The code is void before its time: taken back before anybody scanned it, or left on a phone that was lost."""


class CodeScanned(ShowingFact, frozen=True, tag="showing.scanned"):
    """Somebody scanned the code and saw what was agreed to."""
