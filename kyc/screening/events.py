"""What happens in screening, as facts of the journal: ids, digests, editions.

In nobody's feed: who is looked at closer must not learn it from us.
"""

from datetime import datetime
from uuid import UUID

import msgspec


class Looked(msgspec.Struct, frozen=True, kw_only=True, tag="screening.looked"):
    """A person or a cohort was looked up; `root` is over a leaf for each person. Aggregate: the look, or the cohort."""

    look: UUID
    edition: int
    persons: int
    found: int
    root: str


class AlertRaised(msgspec.Struct, frozen=True, kw_only=True, tag="alert.raised"):
    """Somebody came near an entity; `listed` is the digest of what its list says. Aggregate: the alert, as below.

    Who it is stands in the alert alone, which goes with the person.
    """

    alert: UUID
    source: str
    listed: str


class AlertReopened(msgspec.Struct, frozen=True, kw_only=True, tag="alert.reopened"):
    """A whitelisting ran out, or what had vanished from a list is there again."""

    alert: UUID


class AlertLapsed(msgspec.Struct, frozen=True, kw_only=True, tag="alert.lapsed"):
    """It is so no more: the list or the person's data changed before anybody decided."""

    alert: UUID


class AlertActProposed(msgspec.Struct, frozen=True, kw_only=True, tag="alert.act_proposed"):
    """An officer wants to free somebody of an alert."""

    alert: UUID
    act: UUID
    what: str
    reason: str


class AlertActDropped(msgspec.Struct, frozen=True, kw_only=True, tag="alert.act_dropped"):
    """Another officer disagrees: nothing changes."""

    alert: UUID
    act: UUID


class AlertCleared(msgspec.Struct, frozen=True, kw_only=True, tag="alert.cleared"):
    """Two officers found that it is somebody else; `until` where they want to look again then."""

    alert: UUID
    act: UUID
    what: str
    until: datetime | None = None


class AlertConfirmed(msgspec.Struct, frozen=True, kw_only=True, tag="alert.confirmed"):
    """An officer found that it is the person; what the law demands follows at once."""

    alert: UUID
    act: UUID
    reason: str
