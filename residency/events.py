"""What happens to applications and statuses, as facts of the journal `residency.event`.

A resident reads these in their own feed, so a fact never says what a screening found or what an officer thought of it
(tipping-off, AIFC AML rules chapter 13): ids, codes of the public catalogue and dates only.
"""

from datetime import date
from uuid import UUID

import msgspec


class ApplicationFact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every fact about an application says: `sort` is its transition, `reason` a code of residency/reason.py."""

    application_id: UUID
    service: str
    sort: int
    reason: str | None = None


class Drafted(ApplicationFact, frozen=True, tag="application.drafted"):
    """A resident began an application; nothing is owed to them yet."""


class Submitted(ApplicationFact, frozen=True, tag="application.submitted"):
    """The application was filed: its statutory clock runs from this day."""


class CheckingStarted(ApplicationFact, frozen=True, tag="application.checking_started"):
    """The automatic checks began."""


class Asked(ApplicationFact, frozen=True, tag="application.asked"):
    """The applicant was asked for something; the clock stands still."""


class Answered(ApplicationFact, frozen=True, tag="application.answered"):
    """The applicant answered; the clock runs again and the checks are repeated."""


class ReviewOpened(ApplicationFact, frozen=True, tag="application.review_opened"):
    """The checks are complete; an officer is to look at the case."""


class FirstReviewed(ApplicationFact, frozen=True, tag="application.first_reviewed"):
    """One officer has looked; a second one is to confirm."""


class ReviewReopened(ApplicationFact, frozen=True, tag="application.review_reopened"):
    """The two officers did not agree; the case is looked at anew."""


class Granted(ApplicationFact, frozen=True, tag="application.granted"):
    """Two officers granted what was asked for."""


class Refused(ApplicationFact, frozen=True, tag="application.refused"):
    """Two officers refused; `reason` says why and the decision names the ground and the last day to complain."""


class Withdrawn(ApplicationFact, frozen=True, tag="application.withdrawn"):
    """The applicant took the application back."""


class Overdue(ApplicationFact, frozen=True, tag="application.overdue"):
    """The statutory term ended without a decision."""

    due_on: date


class StatusFact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every fact about a status says; `kind` is a value of residency/status.py."""

    status_id: UUID
    kind: str
    reason: str | None = None


class StatusAssigned(StatusFact, frozen=True, tag="status.assigned"):
    """The resident holds the status from now on."""


class StatusSuspended(StatusFact, frozen=True, tag="status.suspended"):
    """The status gives no rights until it is restored."""


class StatusRestored(StatusFact, frozen=True, tag="status.restored"):
    """A suspended status gives its rights again."""


class StatusRevoked(StatusFact, frozen=True, tag="status.revoked"):
    """The status has ended for good."""
