"""What the operator's officers decide."""

from app.http.officer import cases, statuses

routes = [*cases.routes, *statuses.routes]
