"""What anybody may read without signing in."""

from app.http.public import anchors, card_programme, described, health, statements

routes = [*health.routes, *described.routes, *anchors.routes, *card_programme.routes, *statements.routes]
