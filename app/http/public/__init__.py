"""What anybody may read without signing in."""

from app.http.public import (
    anchors,
    card_programme,
    described,
    health,
    issuance_log,
    printed_codes,
    showings,
    statements,
)

routes = [
    *health.routes,
    *described.routes,
    *anchors.routes,
    *card_programme.routes,
    *issuance_log.routes,
    *printed_codes.routes,
    *showings.routes,
    *statements.routes,
]
