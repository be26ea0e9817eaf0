"""A verifier session for who tests wallets from outside: the same request and verdict that partners get."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.principal import Principal
from app.http import presentation_views

#: Whoever tests speaks for nobody, and the holder's wallet says so.
TESTER = "A test of e-Residency: nobody asks"


async def _tester(_: AsyncConnection, __: Principal) -> str:
    return TESTER


routes = presentation_views.routes(
    "/v1/sandbox/presentations",
    scope="service:operate",
    tags=["Sandbox"],
    names=_tester,
    asks=("sandboxAskPresentation", "Start a verifier session"),
    reads=("sandboxReadPresentation", "The verdict of a verifier session"),
)
