"""Wallet providers of one's own, for who tests wallets from outside; in production the operator trusts them."""

from datetime import datetime
from typing import Annotated

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from app import clock
from app.auth.principal import Principal
from app.auth.wallets import wallet_provider
from app.auth.wallets.wallet_provider import NewProvider, ProviderId
from app.db import Story
from app.http.wire import Wire


class SandboxProvider(Wire, frozen=True):
    """A provider: its name, and the root under which its attestations of wallets and keys are signed."""

    id: ProviderId
    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$(?!\n)", examples=["A wallet"])]
    root: Annotated[
        str,
        Meta(
            max_length=10_000,
            description="The certificate of an authority with a key on P-256, PEM.",
            examples=["-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"],
        ),
    ]


class SandboxProviderView(Wire, frozen=True):
    """From when on its word is taken, by the real clock."""

    id: ProviderId
    trusted_from: datetime


@post(
    "/v1/sandbox/wallet-providers",
    operation_id="trustWalletProvider",
    opt={"scope": "service:operate"},
    tags=["Sandbox"],
    summary="Believe a wallet provider",
)
async def trust(
    data: JSONBody[SandboxProvider], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> SandboxProviderView:
    """Take the provider's word on its wallets and their keys from now on.

    Takes no Idempotency-Key: a second call with the same id is refused and changes nothing.
    """
    now = clock.real()
    new = NewProvider(id=data.id, name=data.name, root=data.root.encode(), valid_from=now)
    await wallet_provider.trust(await story(), new, now, actor=me.actor)
    return SandboxProviderView(id=data.id, trusted_from=now)


routes = [trust]
