"""The app brings what its platform says of it: app/auth/attestation.py tells what becomes of that."""

from datetime import datetime
from typing import Annotated

from litestar import Request, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock
from app.auth import attestation, jose
from app.auth.principal import Principal
from app.auth.token import Claims
from app.db import Story
from app.http import ids
from app.http.wire import Wire

_TAGS = ["Devices"]


class AttestationView(Wire, frozen=True):
    """What is to be attested: SHA-256 over `<challenge>.<thumbprint of the device key>`, in ASCII."""

    id: Annotated[str, Meta(examples=["attestation_06AC0Q8DZ9VGYWKXCR2A5NN1WM"])]
    challenge: Annotated[str, Meta(examples=["mWqGvVt4v0xZ3GkQ1cC3SgmWqGvVt4v0xZ3GkQ1cC3Q"])]
    expires_at: datetime


class BroughtAttestation(Wire, frozen=True):
    """What the platform gave."""

    evidence: attestation.Evidence


@post(
    "/v1/auth/attestations",
    operation_id="beginAttestation",
    opt={"scope": "me:write"},
    tags=_TAGS,
    summary="Begin to attest the app: get a challenge",
)
async def begin_attestation(me: NamedDependency[Principal], story: NamedDependency[Story]) -> AttestationView:
    """Give a challenge for Play Integrity or App Attest, good for this session."""
    made = await attestation.begin(await story(), me, clock.real())
    return AttestationView(
        id=ids.show("attestation", made.id), challenge=jose.b64(made.challenge), expires_at=made.expires_at
    )


@post(
    "/v1/auth/attestations/{attestation_id:str}",
    operation_id="finishAttestation",
    opt={"scope": "me:write"},
    tags=_TAGS,
    summary="Finish to attest the app",
    status_code=202,
)
async def finish_attestation(
    request: Request[Claims, Principal, State],
    attestation_id: FromPath[str],
    data: JSONBody[BroughtAttestation],
    me: NamedDependency[Principal],
    story: NamedDependency[Story],
) -> None:
    """Keep it to be looked at. Nothing is refused for what it says; a lost answer is no loss."""
    key = request.user.cnf
    jkt = key.jkt if key else ""
    asked = ids.parse("attestation", attestation_id)
    await attestation.submit(await story(), me, asked, data.evidence, jkt=jkt, now=clock.real())


routes = [begin_attestation, finish_attestation]
