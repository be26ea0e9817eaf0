"""What the operator's officers decide."""

from app.http.officer import cases

routes = [*cases.routes]
