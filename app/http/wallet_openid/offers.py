"""Credential offers (OpenID4VCI 1.0 section 4.1): what a wallet is handed by a link or a QR code.

make    app/http/mobile/credentials.py, app/http/sandbox/credential_offers.py   ->  made()
fetch   GET /openid4vci/offers/{reference}                                      ->  app/auth/code.py fetch()

A reference is a secret for as long as its code is good, or the id of a configuration: the offer of the authorization
code, which is for anybody and does not end.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote, urlencode
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.auth import code
from app.credentials import entitlement
from app.db import Story
from app.house import House
from app.http.oauth.wallet_token import PRE_AUTHORIZED
from law.calendar import statutory_date
from residency.credential.configuration import CONFIGURATIONS, ConfigurationId

PATH = "/openid4vci/offers/"
SCHEME = "openid-credential-offer://"
By = Literal["value", "reference"]
#: What a person reads off one screen and types into another.
TX_CODE_DIGITS = 6
_TX_CODE = {"input_mode": "numeric", "length": TX_CODE_DIGITS, "description": "Shown in the e-Residency app."}


class Offer(msgspec.Struct, frozen=True):
    """An offer as it is handed over, and the code that must go another way, where there is one."""

    uri: str
    tx_code: str | None


class CredentialOfferObject(msgspec.Struct, frozen=True):
    """OpenID4VCI 1.0 section 4.1.1."""

    credential_issuer: str
    credential_configuration_ids: Sequence[str]
    grants: dict[str, dict[str, Any]]


async def made(
    db: AsyncConnection,
    owner: UUID,
    configurations: Sequence[str],
    *,
    issuer: str,
    by: By,
    with_tx_code: bool,
    device: UUID | None = None,
    now: datetime,
) -> Offer:
    """Make an offer with a pre-authorized code to the resident `owner`, for whom the story speaks, from a `device`."""
    tx_code = str(secrets.randbelow(10**TX_CODE_DIGITS)).zfill(TX_CODE_DIGITS) if with_tx_code else None
    ready = await code.issue_code(db, owner, configurations, now=now, tx_code=tx_code, device=device)
    if by == "reference":
        return Offer(_link(credential_offer_uri=f"{issuer}{PATH}{ready.reference}"), tx_code)
    told = _object(issuer, configurations, ready.code, has_tx_code=with_tx_code)
    return Offer(_link(credential_offer=msgspec.json.encode(told).decode()), tx_code)


def for_authorization(configuration: ConfigurationId, *, issuer: str, by: By) -> Offer:
    """Make an offer that a wallet follows with the authorization code: it says nothing of anybody, and never ends."""
    if by == "reference":
        return Offer(_link(credential_offer_uri=f"{issuer}{PATH}{configuration}"), None)
    told = _for_anybody(configuration, issuer)
    return Offer(_link(credential_offer=msgspec.json.encode(told).decode()), None)


def _for_anybody(configuration: str, issuer: str) -> CredentialOfferObject:
    return CredentialOfferObject(issuer, [configuration], {"authorization_code": {}})


def _object(
    issuer: str, configurations: Sequence[str], pre_authorized: str, *, has_tx_code: bool
) -> CredentialOfferObject:
    grant: dict[str, Any] = {"pre-authorized_code": pre_authorized}
    if has_tx_code:
        grant["tx_code"] = _TX_CODE
    return CredentialOfferObject(issuer, configurations, {PRE_AUTHORIZED: grant})


def _link(**parameters: str) -> str:
    # Wallets that decode by RFC 3986 would show a plus sign for each space of the form encoding.
    return f"{SCHEME}?{urlencode(parameters, quote_via=quote)}"


@get(
    f"{PATH}{{reference:str}}",
    operation_id="getCredentialOffer",
    opt={"scope": "public", "standard": "openid4vci", "cors": "*", "quota": "token"},
    tags=["OpenID4VCI"],
    summary="Credential offer by reference",
)
async def get_offer(
    reference: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> Response[CredentialOfferObject]:
    """Give the offer that a resident made, for as long as its code is good, or that of a configuration; else 404."""
    await story()  # its clock is the law's
    if reference in CONFIGURATIONS:
        if CONFIGURATIONS[reference].kind not in entitlement.offered(statutory_date(story.now)):
            raise NotFoundException
        return _told(_for_anybody(reference, house.settings.issuer))
    found = await code.fetch(story, reference, now=clock.real())
    if found is None:
        raise NotFoundException
    return _told(_object(house.settings.issuer, found.configurations, found.code, has_tx_code=found.has_tx_code))


def _told(offer: CredentialOfferObject) -> Response[CredentialOfferObject]:
    return Response(offer, headers={"Cache-Control": "no-store"})


routes: list[HTTPRouteHandler] = [get_offer]
