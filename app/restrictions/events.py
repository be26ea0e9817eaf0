"""What happens to restrictions, as facts of the journal of the schema `app`: public classes and days, no causes."""

from datetime import datetime
from uuid import UUID

import msgspec


class ActProposed(msgspec.Struct, frozen=True, kw_only=True, tag="restriction.act_proposed"):
    """An officer proposes to impose, extend or lift; nobody but officers knows of it. Aggregate: the act."""

    act: str


class ActDropped(msgspec.Struct, frozen=True, kw_only=True, tag="restriction.act_dropped"):
    """Another officer disagrees: nothing changes. Aggregate: the act."""


class RestrictionImposed(msgspec.Struct, frozen=True, kw_only=True, tag="restriction.imposed"):
    """Two officers restrict what somebody may do with money. Aggregate: the restriction, as of all below."""

    restriction: UUID
    reason: str
    review_due: datetime


class RestrictionExtended(msgspec.Struct, frozen=True, kw_only=True, tag="restriction.extended"):
    """Two officers looked again and it stays; it is reviewed anew by `review_due`."""

    restriction: UUID
    reason: str
    review_due: datetime


class RestrictionLifted(msgspec.Struct, frozen=True, kw_only=True, tag="restriction.lifted"):
    """Everything works again that this restriction had stopped."""

    restriction: UUID
    reason: str


class ReviewOverdue(msgspec.Struct, frozen=True, kw_only=True, tag="restriction.review_overdue"):
    """Nobody reviewed it in time: the officers are reminded, and the person may know."""

    restriction: UUID
    reason: str
    review_due: datetime


class Responded(msgspec.Struct, frozen=True, kw_only=True, tag="restriction.responded"):
    """The person told the officers something."""

    restriction: UUID
    response: UUID


class Appealed(msgspec.Struct, frozen=True, kw_only=True, tag="restriction.appealed"):
    """The person appeals; an officer who had no part in it answers by `answer_due`."""

    restriction: UUID
    appeal: UUID
    answer_due: datetime


class AppealDecided(msgspec.Struct, frozen=True, kw_only=True, tag="restriction.appeal_decided"):
    """The appeal is `granted`, and the restriction lifted, or the restriction is `upheld`."""

    restriction: UUID
    appeal: UUID
    outcome: str
