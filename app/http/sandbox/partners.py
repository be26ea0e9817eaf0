"""Partners of one's own making, for whoever tests from outside; not served in production."""

from typing import Annotated

from litestar import Response, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta

from app import clock, db
from app.auth import mint
from app.house import House
from app.http import ids
from app.http.wire import Wire
from app.partners import demo
from app.partners.enrolment import Wanted
from app.partners.registry import Kind

Url = Annotated[str, Meta(pattern=r"^https?://[^\s]+$(?!\n)", max_length=500, examples=["http://127.0.0.1:9101"])]


class WantedPartner(Wire, frozen=True):
    """A partner: the key it signs webhooks with, where it is called, and where it is told. A bank gets a catalogue."""

    name: Annotated[str, Meta(min_length=1, max_length=100, examples=["Demo Bank"])]
    kind: Annotated[Kind, Meta(examples=["bank"])]
    key: Annotated[
        str,
        Meta(
            pattern=r"^wh(pk|sec)_[A-Za-z0-9+/]+=*$(?!\n)",
            max_length=200,
            description="Standard Webhooks: an ed25519 public key or a shared secret.",
            examples=["whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="],
        ),
    ]
    base_url: Url | None = None
    events_url: Url | None = None


class SeededPartner(Wire, frozen=True):
    """The partner; the token is a Bearer token with which it pulls its events."""

    id: Annotated[str, Meta(examples=["partner_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    code: Annotated[str, Meta(examples=["demo-bank"])]
    access_token: Annotated[str, Meta(examples=["eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.e30.c2ln"])]
    expires_in: Annotated[int, Meta(description="Seconds.", examples=[3600])]


@put(
    "/v1/sandbox/partners/{code:str}",
    operation_id="enrolPartner",
    opt={"scope": "service:operate"},
    tags=["Sandbox"],
    summary="Enrol a partner",
)
async def enrol_partner(
    code: Annotated[str, PathParameter(pattern=r"^[a-z][a-z0-9-]{1,30}$(?!\n)")],
    data: JSONBody[WantedPartner],
    house: NamedDependency[House],
) -> Response[SeededPartner]:
    """Make the partner `code` as described.

    One that exists keeps its name and kind, is called at the new address and believed by the new key beside the old.
    """
    wanted = Wanted(
        code=code,
        name=data.name,
        kind=data.kind,
        base_url=data.base_url,
        key=data.key,
        events_url=data.events_url,
    )
    async with db.transaction(house.worker) as story:
        partner = await demo.enrol(house, story, wanted)
    async with db.transaction(house.api, holder=partner.id, audience="service") as story:
        minted = await mint.mint(
            story, house.settings, house.door, role="partner", of=partner.id, name=code, now=clock.real()
        )
    return Response(
        SeededPartner(
            id=ids.show("partner", partner.id),
            code=partner.code,
            access_token=minted.access_token,
            expires_in=minted.expires_in,
        )
    )


routes = [enrol_partner]
