"""A bank, an employer, customs or a city service asks a holder to prove something, and reads the verdict.

POST /v1/presentations             ->   app/credentials/presentations.py   ask()
POST /v1/presentations/proximity   ->   app/credentials/proximity.py       judged()
"""

from typing import Annotated, Any

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from app import clock
from app.credentials import proximity
from app.db import Story
from app.house import House
from app.http import presentation_views, status_list_views
from app.http.presentation_views import Asks, Dcql, VerdictView, query_of
from app.http.wire import Wire
from app.partners import registry
from residency.credential import jws
from residency.credential.presenting import proximity as meetings
from residency.credential.presenting.proximity import BadMeeting, Met

_SCOPE, _TAGS = "presentation:ask", ["Presentations"]
_BASE64URL = r"^[A-Za-z0-9_-]+$(?!\n)"
Octets = Annotated[str, Meta(min_length=1, max_length=400_000, pattern=_BASE64URL, examples=["oWR0ZXN0"])]


class Shown(Wire, frozen=True, kw_only=True):
    """What a phone showed to a reader beside it (ISO 18013-5): bytes in base64url, as they travelled."""

    engagement: Annotated[
        str,
        Meta(
            max_length=5_000,
            pattern=r"^(mdoc:)?[A-Za-z0-9_-]+$(?!\n)",
            description="The DeviceEngagement, as the QR code has it.",
            examples=["mdoc:owBjMS4wAYIB2BhYS6QBAiABIVggWojRgrzl9C76"],
        ),
    ]
    handover: Annotated[Octets, Meta(description="That of NFC, as CBOR; absent after a QR code.")] | None = None
    reader_key: Annotated[Octets, Meta(description="EReaderKeyBytes, as they were sent.")]
    reader_private_key: Annotated[
        dict[str, Any],
        Meta(
            description="The reader's ephemeral key as a JWK; it is good for this meeting and not kept.",
            examples=[{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2", "y": "x_FEzRu9", "d": "jpsQnnGQ"}],
        ),
    ]
    session_data: Annotated[Octets, Meta(description="What the phone sent, encrypted.")] | None = None
    device_response: Annotated[Octets, Meta(description="The same, if the reader decrypted it.")] | None = None
    query: Dcql | None = None
    question: Annotated[Asks, Meta(examples=["over_18"])] | None = None


@post(
    "/v1/presentations/proximity",
    operation_id="judgeProximity",
    opt={"scope": _SCOPE},
    tags=_TAGS,
    summary="Judge what a phone showed to a reader",
    status_code=200,
)
async def judge_proximity(
    data: JSONBody[Shown], story: NamedDependency[Story], house: NamedDependency[House]
) -> VerdictView:
    """Check a device retrieval response with the session it was sent in. Nothing of it is kept, and no key is asked."""
    response = data.session_data or data.device_response
    if response is None or (data.session_data is not None and data.device_response is not None):
        raise BadMeeting("not one of session_data and device_response")
    met = Met(
        meetings.engagement(data.engagement),
        _octets(data.reader_key),
        meetings.key_of(data.reader_private_key),
        None if data.handover is None else _octets(data.handover),
    )
    verdict = await proximity.judged(
        await story(),
        house.credentials.authority,
        met,
        _octets(response),
        query_of(data.query, data.question, house.settings.issuer),
        encrypted=data.session_data is not None,
        law_at=story.now,
        now=clock.real(),
    )
    return VerdictView.of(verdict, data.question)


def _octets(text: str) -> bytes:
    try:
        return jws.unb64(text)
    except jws.Unreadable as error:
        raise BadMeeting("not base64url, as it is written without padding") from error


routes = [
    *presentation_views.routes(
        "/v1/presentations",
        scope=_SCOPE,
        tags=_TAGS,
        names=registry.registered_name,
        asks=("askPresentation", "Ask a holder for a proof"),
        reads=("readPresentation", "The verdict"),
    ),
    judge_proximity,
    status_list_views.route("/v1/status-list-tokens", scope=_SCOPE, operation="bringStatusList", tags=_TAGS),
]
