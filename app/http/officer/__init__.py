"""What the operator's officers decide."""

from app.http.officer import (
    adjustments,
    cases,
    devices,
    duties,
    periods,
    recoveries,
    restrictions,
    safeguarding,
    security,
    statuses,
    suspense,
    suspensions,
)

routes = [
    *adjustments.routes,
    *cases.routes,
    *devices.routes,
    *duties.routes,
    *periods.routes,
    *recoveries.routes,
    *restrictions.routes,
    *safeguarding.routes,
    *security.routes,
    *statuses.routes,
    *suspense.routes,
    *suspensions.routes,
]
