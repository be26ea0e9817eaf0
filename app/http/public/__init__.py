"""What anybody may read without signing in."""

from app.http.public import described, health

routes = [*health.routes, *described.routes]
