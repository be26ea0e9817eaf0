"""Letting staff, machines and wallets in, from the operator's command line (app/auth/commands.py)."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from app import clock, db, ids
from app.auth import client, duty, jose, subject
from app.auth.principal import Role
from app.auth.scopes import Duty
from app.auth.subject import Subject
from app.auth.wallets import wallet_client, wallet_provider
from app.auth.wallets.wallet_client import WalletClient
from app.auth.wallets.wallet_provider import NewProvider
from app.house import House

# The command line acts for the operator: its story is a service's, which row-level security lets see every subject.
_AUDIENCE = "service"

#: What an invited officer may do unless the operator says otherwise: see, decide, change statuses.
DUTIES: tuple[Duty, ...] = ("approver",)


class _Jwks(msgspec.Struct, frozen=True):
    keys: list[jose.Jwk]


async def invite_officer(house: House, name: str, duties: Iterable[Duty] = DUTIES) -> str:
    """Make a new officer's invitation, for the `invitation` of POST /v1/auth/registrations within a day."""
    who = Subject(ids.new(), "officer", name)
    async with db.transaction(house.api, audience=_AUDIENCE) as story:
        invitation = await subject.invite(story, who, clock.real())
        await duty.give(await story(), who.id, duties, clock.real())
    return invitation


async def grant_duties(house: House, officer: UUID, duties: Iterable[Duty]) -> None:
    """Give an officer duties by the operator's own word; raises UnknownOfficer, DutyHeld."""
    async with db.transaction(house.api, holder=officer, audience=_AUDIENCE) as story:
        await duty.give(await story(), officer, duties, clock.real())


async def add_client(
    house: House, client_id: str, role: Role, jwks: bytes, asked: frozenset[str] | None = None
) -> UUID:
    """Register a machine, the public keys (a JWK set) it proves itself with and its scopes; gives its subject.

    Raises jose.Unreadable for what is no public key, client.AlreadyRegistered, scopes.NotOfRole.
    """
    held = keys(jwks)
    who = Subject(ids.new(), role, client_id)
    async with db.transaction(house.api, audience=_AUDIENCE) as story:
        await client.register(story, who, held, clock.real(), asked=asked)
    return who.id


def keys(jwks: bytes) -> tuple[jose.Jwk, ...]:
    """Read a JWK set of public keys; raises jose.Unreadable."""
    found = jose.read(msgspec.json.Decoder(_Jwks), jwks, "jwks").keys
    for jwk in found:
        jose.key_of(jwk)
    return tuple(found)


async def narrow_client(house: House, client_id: str, asked: frozenset[str]) -> None:
    """Let a machine ask for these scopes and no others; raises client.UnknownClient, scopes.NotOfRole."""
    async with db.transaction(house.api, audience=_AUDIENCE) as story:
        await client.narrow(story, client_id, asked, clock.real())


async def add_wallet(
    house: House, wallet: str, name: str, redirect_uris: Sequence[str], provider: str | None = None
) -> None:
    """Register a wallet for the code flow, attested by `provider` where one is named.

    Raises wallet_client.BadAddress, wallet_client.WalletKnown, wallet_provider.UnknownProvider.
    """
    new = WalletClient(wallet, name, list(redirect_uris), provider)
    async with db.transaction(house.api, audience=_AUDIENCE) as story:
        await wallet_client.register(await story(), new, clock.real(), local=house.settings.virtual)


async def suspend_wallet(house: House, wallet: str) -> None:
    """Take nothing of a wallet any more; raises wallet_client.UnknownWallet."""
    async with db.transaction(house.api, audience=_AUDIENCE) as story:
        await wallet_client.suspend(await story(), wallet, clock.real())


async def trust_provider(house: House, new: NewProvider) -> None:
    """Believe a wallet provider; raises wallet_provider.BadRoot, wallet_provider.ProviderKnown."""
    async with db.transaction(house.api, audience=_AUDIENCE) as story:
        await wallet_provider.trust(await story(), new, clock.real(), actor="operator")


async def distrust_provider(house: House, provider: str) -> None:
    """Believe a wallet provider no more; raises wallet_provider.UnknownProvider."""
    async with db.transaction(house.api, audience=_AUDIENCE) as story:
        await wallet_provider.distrust(await story(), provider, clock.real(), actor="operator")
