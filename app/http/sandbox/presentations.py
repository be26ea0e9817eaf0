"""A verifier session for who tests wallets from outside: the same request and verdict that partners get."""

from app.http import presentation_views

routes = presentation_views.routes(
    "/v1/sandbox/presentations",
    scope="service:operate",
    tags=["Sandbox"],
    asks=("sandboxAskPresentation", "Start a verifier session"),
    reads=("sandboxReadPresentation", "The verdict of a verifier session"),
)
