"""What is known of the phones a resident signs in with: a signal for officers, nothing is decided by it."""

from datetime import datetime
from typing import Annotated, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from app.auth import attestation
from app.db import Story
from app.http import ids
from app.http.officer import whom
from app.http.wire import Wire


class AttestedSession(Wire, frozen=True, kw_only=True):
    """What the platform said of the app in one session; `verdict` is absent while nobody has looked."""

    session: Annotated[str, Meta(examples=["session_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    platform: Literal["android", "ios"]
    at: datetime
    verdict: Literal["trusted", "doubtful", "refused", "unknown"] | None = None
    findings: Annotated[list[str], Meta(description="What was wrong.", examples=[["device"]])]


class AttestedSessions(Wire, frozen=True):
    """The latest first."""

    attestations: list[AttestedSession]


@get(
    "/v1/officer/residents/{resident_id:str}/attestations",
    operation_id="listAttestationsOf",
    opt={"scope": "officer:read"},
    tags=["Cases"],
    summary="What the platform said of a resident's app",
)
async def list_attestations_of(resident_id: FromPath[str], story: NamedDependency[Story]) -> AttestedSessions:
    """List the attestations of a resident's sessions."""
    db = await story()
    found = await attestation.of(db, await whom.resident(db, resident_id))
    return AttestedSessions(
        attestations=[
            AttestedSession(
                session=ids.show("session", each.session),
                platform=each.platform,
                at=each.at,
                verdict=each.verdict,
                findings=each.findings,
            )
            for each in found
        ]
    )


routes = [list_attestations_of]
