"""What regulators read."""

from app.http.regulator import anchors, reports, safeguarding

routes = [*reports.routes, *anchors.routes, *safeguarding.routes]
