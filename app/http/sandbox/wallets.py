"""Wallets of one's own, for who tests them from outside; in production the operator registers them.

registers   POST /v1/sandbox/wallets          a client of the code flow
approves    POST /v1/sandbox/authorizations   what it pushed, in a resident's name: no browser, no passkey
"""

from collections.abc import Sequence
from typing import Annotated

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from app import clock
from app.auth import authorization
from app.auth.principal import Principal
from app.auth.wallets import wallet_client
from app.auth.wallets.wallet_client import WalletClient
from app.auth.wallets.wallet_provider import ProviderId
from app.credentials import issuance
from app.db import Story
from app.house import House
from app.http import ids
from app.http.oauth.authorize import Decided, OpenAuthorization
from app.http.wire import Wire
from residency.credential.configuration import CONFIGURATIONS

_ClientId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$(?!\n)", examples=["kz.example.wallet"])]
_RedirectUri = Annotated[str, Meta(min_length=1, max_length=500, examples=["https://wallet.example/callback"])]


class SandboxWallet(Wire, frozen=True):
    """A wallet: the name that residents are shown, and where its answers go, letter by letter.

    One with a `provider` proves at every request that it is this wallet (OAuth-Client-Attestation, its `sub` is `id`).
    """

    id: _ClientId
    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$(?!\n)", examples=["A wallet"])]
    redirect_uris: Annotated[Sequence[_RedirectUri], Meta(min_length=1, max_length=10)]
    provider: ProviderId | None = None


class ApproveInName(OpenAuthorization, frozen=True):
    """Who approves what the wallet pushed: the parameters it would send the resident's browser with."""

    resident: Annotated[str, Meta(examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]


@post(
    "/v1/sandbox/wallets",
    operation_id="registerSandboxWallet",
    opt={"scope": "service:operate"},
    tags=["Sandbox"],
    summary="Register a wallet for the code flow",
)
async def register(
    data: JSONBody[SandboxWallet], story: NamedDependency[Story], house: NamedDependency[House]
) -> SandboxWallet:
    """Let a wallet push authorization requests from now on; its answers may go to this machine.

    Takes no Idempotency-Key: a second call with the same id is refused and changes nothing.
    """
    new = WalletClient(data.id, data.name, list(data.redirect_uris), data.provider)
    await wallet_client.register(await story(), new, clock.real(), local=house.settings.virtual)
    return data


@post(
    "/v1/sandbox/authorizations",
    operation_id="approveSandboxAuthorization",
    opt={"scope": "service:operate"},
    tags=["Sandbox"],
    summary="Approve a wallet in a resident's name",
    status_code=200,
)
async def approve(
    data: JSONBody[ApproveInName],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
) -> Decided:
    """Do what the resident does on the page at the authorization endpoint, without a browser and a passkey.

    Takes no Idempotency-Key: a pushed request is opened once.
    """
    resident = ids.parse("resident", data.resident)
    given = await authorization.stand_in(
        story,
        house.settings,
        resident,
        client_id=data.client_id,
        request_uri=data.request_uri,
        actor=me.actor,
        now=clock.real(),
    )
    kinds = {CONFIGURATIONS[each].kind for each in given.configurations}
    await issuance.require_one_possible(await story(), resident, kinds, at=story.now)
    return Decided(redirect_to=given.back)


routes = [register, approve]
