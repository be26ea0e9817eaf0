"""The resident's ID in the app: offer it to a wallet, see what is held, make it unusable.

Paused is undone by the holder, revoked is for good; either is seen by verifiers within a minute, in every copy.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Literal

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock
from app.account import lost_device
from app.auth import code, device, stepup
from app.auth.principal import Principal
from app.credentials import after_loss, issuance
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wallet_openid import offers
from app.http.wire import Wire
from app.idempotency import Once
from residency.credential import holding, issuing, life
from residency.credential.configuration import CONFIGURATIONS, ConfigurationId
from residency.credential.dataset import Kind
from residency.credential.holding import Holding
from residency.credential.life import Act, Reason, State
from residency.credential.wallets.grade import Grade

_TAGS = ["Credentials"]


class OfferCredential(Wire, frozen=True):
    """Which credential a wallet shall be offered."""

    configuration: Annotated[
        ConfigurationId,
        Meta(description="A key of the issuer's metadata.", examples=["e_resident_sd_jwt"]),
    ] = "e_resident_sd_jwt"
    by: Annotated[
        Literal["value", "reference"],
        Meta(description="Whether the link holds the offer or its address: a shorter QR code.", examples=["value"]),
    ] = "value"
    with_tx_code: Annotated[
        bool, Meta(description="Whether the wallet must also send a code that only the app shows.", examples=[False])
    ] = False
    step_up: Annotated[
        stepup.Confirmation | None,
        Meta(description="Of `credential.offer`, which shows the `configuration`: asked for after a device was lost."),
    ] = None


class CredentialOffer(Wire, frozen=True):
    """An offer for one wallet, to be opened there or shown as a QR code; it is good once."""

    offer_uri: Annotated[
        str,
        Meta(
            description="OpenID4VCI 1.0 credential offer with a pre-authorized code.",
            examples=[
                f"{offers.SCHEME}?credential_offer=%7B%22credential_issuer%22%3A%22https%3A%2F%2Fid.example%22%7D"
            ],
        ),
    ]
    expires_at: Annotated[datetime, Meta(description="After this instant of the real clock the code is void.")]
    tx_code: Annotated[
        str | None, Meta(description="To be typed into the wallet; good for five tries.", examples=["493536"])
    ] = None


class CredentialView(Wire, frozen=True, kw_only=True):
    """What the resident holds of one kind, in however many copies."""

    id: Annotated[str, Meta(examples=["credential_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    kind: Kind
    state: State
    opened_at: datetime
    changed_at: datetime
    reason: Annotated[str | None, Meta(description="Why it stands so.", examples=["holder_request"])] = None
    copies: Annotated[int, Meta(ge=0, description="Copies that have neither ended nor been revoked.", examples=[1])]
    expires_at: Annotated[datetime | None, Meta(description="When the last of them ends, on the real clock.")] = None
    grade: Annotated[
        Grade | None,
        Meta(
            description="The lowest of its wallets: basic (nobody vouches for it), attested, high (for its keys too).",
            examples=["attested"],
        ),
    ] = None
    until: Annotated[
        datetime | None,
        Meta(description="Superseded: it ends then, or before, when every wallet has copies of its successor."),
    ] = None

    @classmethod
    def of(cls, held: Holding) -> "CredentialView":
        """Show what is held."""
        return cls(
            id=ids.show("credential", held.id),
            kind=held.kind,
            state=held.state,
            opened_at=held.opened_at,
            changed_at=held.changed_at,
            reason=held.reason,
            copies=held.copies,
            expires_at=held.expires_at,
            until=held.until,
            grade=held.grade,
        )


class CredentialList(Wire, frozen=True):
    """The latest first."""

    credentials: list[CredentialView]


@post(
    "/v1/me/credential-offers",
    operation_id="offerCredential",
    opt={"scope": "credential:write"},
    tags=_TAGS,
    summary="Offer the ID to a wallet",
)
async def offer_credential(
    data: JSONBody[OfferCredential],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
) -> CredentialOffer:
    """Make an offer with which a wallet fetches the caller's document; after a loss the passkey confirms it.

    Takes no Idempotency-Key: an answer kept for repeats would keep the code, of which we store only a hash. A second
    offer does no harm; each is good once, for ten minutes.
    """
    db, now = await story(), clock.real()
    kind = CONFIGURATIONS[data.configuration].kind
    await issuance.require_possible(db, me.subject, kind, at=story.now)
    await issuing.require_issuable(db, me.subject, kind)
    await after_loss.confirm(
        db,
        house.settings,
        me,
        kind,
        operation="credential.offer",
        shown={"configuration": data.configuration},
        confirmation=data.step_up,
    )
    offer = await offers.made(
        db,
        me.subject,
        [data.configuration],
        issuer=house.settings.issuer,
        by=data.by,
        with_tx_code=data.with_tx_code,
        device=await device.of_session(db, me.session),
        now=now,
    )
    return CredentialOffer(offer_uri=offer.uri, expires_at=now + code.LIFETIME, tx_code=offer.tx_code)


@get(
    "/v1/me/credentials",
    operation_id="listCredentials",
    opt={"scope": "credential:read"},
    tags=_TAGS,
    summary="The caller's credentials",
)
async def list_credentials(story: NamedDependency[Story], me: NamedDependency[Principal]) -> CredentialList:
    """List what the caller holds, revoked ones included."""
    held = await holding.of_holder(await story(), me.subject, at=clock.real())
    return CredentialList(credentials=list(map(CredentialView.of, held)))


@post(
    "/v1/me/credentials/{credential_id:str}/pause",
    operation_id="pauseCredential",
    opt={"scope": "credential:write"},
    tags=_TAGS,
    summary="Pause the ID",
    status_code=200,
)
async def pause_credential(
    credential_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[CredentialView]:
    """Make every copy unusable until it is resumed."""
    return await once(_act(credential_id, me, Act.PAUSE))


@post(
    "/v1/me/credentials/{credential_id:str}/resume",
    operation_id="resumeCredential",
    opt={"scope": "credential:write"},
    tags=_TAGS,
    summary="Resume the ID",
    status_code=200,
)
async def resume_credential(
    credential_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[CredentialView]:
    """Make the copies usable again that the caller paused."""
    return await once(_act(credential_id, me, Act.RESUME))


@post(
    "/v1/me/credentials/{credential_id:str}/renew",
    operation_id="renewCredential",
    opt={"scope": "credential:write"},
    tags=_TAGS,
    summary="Renew the ID",
    status_code=200,
)
async def renew_credential(
    credential_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[CredentialView]:
    """Have all copies replaced: the next offer opens a new credential, and this one ends when every wallet has it.

    More copies of the same need no renewal: a wallet fetches them as long as the credential is active.
    """
    return await once(_act(credential_id, me, Act.RENEW))


class RevokeCredential(Wire, frozen=True):
    """Why it shall be void."""

    reason: Annotated[Literal["holder_request", "device_lost"], Meta(examples=["device_lost"])] = "holder_request"


@post(
    "/v1/me/credentials/{credential_id:str}/revoke",
    operation_id="revokeCredential",
    opt={"scope": "credential:write"},
    tags=_TAGS,
    summary="Revoke the ID",
    status_code=200,
)
async def revoke_credential(
    credential_id: FromPath[str],
    data: JSONBody[RevokeCredential],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[CredentialView]:
    """Make every copy void for good; a new offer then opens a new credential.

    With `device_lost` the wallets that hold it are signed out, and the passkey confirms the next offer. All that a lost
    phone held ends at once by POST /v1/me/devices/{id}/lost.
    """
    return await once(_act(credential_id, me, Act.REVOKE, Reason(data.reason)))


def _act(
    credential_id: str, me: Principal, act: Act, reason: Reason = Reason.HOLDER_REQUEST
) -> Callable[[Story], Awaitable[CredentialView]]:
    async def do(story: Story) -> CredentialView:
        db, credential = await story(), ids.parse("credential", credential_id)
        if reason is Reason.DEVICE_LOST:
            await lost_device.sign_out_wallets(db, me.subject, credential, clock.real())
        until = clock.real() + life.GRACE if act is Act.RENEW else None
        await life.act_on(db, credential, act, reason=reason, actor=me.actor, at=story.now, until=until)
        return CredentialView.of(await holding.one(db, me.subject, credential, at=clock.real()))

    return do


routes: list[HTTPRouteHandler] = [
    offer_credential,
    list_credentials,
    pause_credential,
    resume_credential,
    renew_credential,
    revoke_credential,
]
