"""Credential offers for who tests wallets from outside: to any resident of the sandbox, by either grant."""

from typing import Annotated, Literal

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from app import clock
from app.credentials import issuance
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wallet_openid import offers
from app.http.wire import Wire
from residency.credential import issuing
from residency.credential.configuration import CONFIGURATIONS, ConfigurationId


class SandboxOffer(Wire, frozen=True):
    """Whom to offer what, and how a wallet shall get it."""

    resident: Annotated[str, Meta(examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    configuration: Annotated[
        ConfigurationId,
        Meta(examples=["e_resident_sd_jwt"]),
    ] = "e_resident_sd_jwt"
    grant: Annotated[Literal["pre-authorized_code", "authorization_code"], Meta(examples=["pre-authorized_code"])] = (
        "pre-authorized_code"
    )
    by: Annotated[Literal["value", "reference"], Meta(examples=["value"])] = "value"
    with_tx_code: Annotated[bool, Meta(examples=[True])] = True


class SandboxOfferView(Wire, frozen=True):
    """The offer, and the transaction code that its wallet must send."""

    offer_uri: Annotated[str, Meta(examples=["openid-credential-offer://?credential_offer=%7B%7D"])]
    tx_code: Annotated[str | None, Meta(examples=["493536"])] = None


@post(
    "/v1/sandbox/credential-offers",
    operation_id="sandboxCredentialOffer",
    opt={"scope": "service:operate"},
    tags=["Sandbox"],
    summary="Offer a credential in a resident's name",
)
async def offer(
    data: JSONBody[SandboxOffer], story: NamedDependency[Story], house: NamedDependency[House]
) -> SandboxOfferView:
    """Make the offer that the resident would make in the app. With `authorization_code` the resident still approves."""
    issuer, wanted = house.settings.issuer, CONFIGURATIONS[data.configuration]
    resident = ids.parse("resident", data.resident)
    await story.speak_for(resident)
    db = await story()
    await issuance.require_possible(db, resident, wanted.kind, at=story.now)
    await issuing.require_issuable(db, resident, wanted.kind)
    if data.grant == "authorization_code":
        ready = offers.for_authorization(data.configuration, issuer=issuer, by=data.by)
    else:
        ready = await offers.made(
            db, resident, [wanted.id], issuer=issuer, by=data.by, with_tx_code=data.with_tx_code, now=clock.real()
        )
    return SandboxOfferView(offer_uri=ready.uri, tx_code=ready.tx_code)


routes = [offer]
