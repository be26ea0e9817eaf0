"""What anybody may read without signing in."""

from app.http.public import anchors, described, health, statements

routes = [*health.routes, *described.routes, *anchors.routes, *statements.routes]
