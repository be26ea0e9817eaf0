"""What regulators read."""

from app.http.regulator import reports

routes = [*reports.routes]
