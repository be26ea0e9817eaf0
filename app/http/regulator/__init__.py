"""What regulators read."""

from app.http.regulator import anchors, reports

routes = [*reports.routes, *anchors.routes]
