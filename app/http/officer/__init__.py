"""What the operator's officers decide."""

from app.http.officer import cases, devices, duties, recoveries, security, statuses, suspensions

routes = [
    *cases.routes,
    *devices.routes,
    *duties.routes,
    *recoveries.routes,
    *security.routes,
    *statuses.routes,
    *suspensions.routes,
]
