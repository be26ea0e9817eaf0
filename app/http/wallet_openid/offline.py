"""What a verifier takes along to where there is no network, public and anonymous like the lists it is made of.

path   GET /.well-known/eresidency-bundle  ->  app/credentials/offline_bundle.py  Bundles.of()
"""

from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from app import clock
from app.credentials import offline_bundle
from app.db import Story
from app.house import House
from residency.credential.presenting import bundle


@get(
    "/.well-known/eresidency-bundle",
    operation_id="getOfflineBundle",
    opt={"scope": "public", "cors": "*", "cache": f"public, max-age={offline_bundle.EVERY_S}"},
    tags=["OpenID4VP"],
    summary="All that a verifier needs without a network",
    media_type=bundle.MEDIA_TYPE,
    responses={304: ResponseSpec(None, description="The caller's copy is the current one.", generate_examples=False)},
)
async def get_offline_bundle(
    request: Request[Any, Any, State], story: NamedDependency[Story], house: NamedDependency[House]
) -> Response[bytes]:
    """Give roots, trust list, status lists and what the types say, signed under our root and good for a day."""
    db, by = await story(), house.credentials.authority
    signed = await house.bundles.of(db, by, law_at=story.now, now=clock.real(), noted=house.watch.signed)
    # Weak: another process signs the same with other bytes.
    headers = {"ETag": f'W/"{signed.tag}"'}
    if f'"{signed.tag}"' in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(signed.text, media_type=bundle.MEDIA_TYPE, headers=headers)


routes: list[HTTPRouteHandler] = [get_offline_bundle]
