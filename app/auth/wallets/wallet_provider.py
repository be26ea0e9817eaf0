"""Wallet providers whose word is taken, from one instant to another: who vouches for wallets and for their keys.

trusted   by the operator            eresidency wallet trust | distrust
          by who tests, in a demo    POST /v1/sandbox/wallet-providers
asked     at PAR and token           app/auth/wallets/attested.py
          with proofs of keys        app/credentials/issuance.py
"""

from datetime import datetime
from hashlib import sha256
from typing import Annotated
from uuid import UUID, uuid5

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Meta
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.events import WalletProviderEnded, WalletProviderTrusted
from app.auth.wallets import wallet_tables
from app.tables import event
from proof import journal
from residency.credential.wallets.wallet_provider import Provider

ProviderId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{1,62}$(?!\n)", examples=["wallet-provider-one"])]
_PROVIDERS = UUID("0192f7d0-6a4b-7c3e-9001-77616c6c6574")


class BadRoot(Exception):
    """It is no certificate of an authority with a key on P-256."""


class ProviderKnown(Exception):
    """There is a wallet provider of this id, or with this root."""


class UnknownProvider(Exception):
    """There is no wallet provider of this id that is trusted from now on."""


class NewProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider to be trusted. `root` is a PEM certificate; without `valid_to` it is trusted until it is not."""

    id: ProviderId
    name: str
    root: bytes
    valid_from: datetime
    valid_to: datetime | None = None


async def trust(db: AsyncConnection, new: NewProvider, at: datetime, *, actor: str) -> None:
    """Believe what a provider says; raises BadRoot, ProviderKnown."""
    der = _authority(new.root).public_bytes(Encoding.DER)
    row = {"id": new.id, "name": new.name, "root": der, "at": at}
    row |= {"valid_from": new.valid_from, "valid_to": new.valid_to}
    columns = wallet_tables.wallet_provider.c
    made = insert(wallet_tables.wallet_provider).values(row).on_conflict_do_nothing().returning(columns.id)
    if (await db.execute(made)).one_or_none() is None:
        raise ProviderKnown
    told = WalletProviderTrusted(
        provider=new.id, root=sha256(der).hexdigest(), valid_from=new.valid_from, valid_to=new.valid_to
    )
    await _record(db, new.id, told, at, actor)


async def distrust(db: AsyncConnection, provider: str, at: datetime, *, actor: str) -> None:
    """Believe nothing of a provider from now on; raises UnknownProvider."""
    columns = wallet_tables.wallet_provider.c
    standing = (columns.id == provider) & (columns.valid_to.is_(None) | (columns.valid_to > at))
    # One that was to be trusted later never is.
    ends = update(wallet_tables.wallet_provider).where(standing, columns.valid_from <= at).values(valid_to=at)
    never = (
        update(wallet_tables.wallet_provider)
        .where(standing, columns.valid_from > at)
        .values(valid_to=columns.valid_from)
    )
    ended = [row for each in (ends, never) for row in await db.execute(each.returning(columns.valid_to))]
    if not ended:
        raise UnknownProvider
    await _record(db, provider, WalletProviderEnded(provider=provider, valid_to=ended[0].valid_to), at, actor)


async def trusted(db: AsyncConnection, at: datetime) -> tuple[Provider, ...]:
    """List the providers whose word is taken at `at`, of the real clock."""
    columns = wallet_tables.wallet_provider.c
    stands = (columns.valid_from <= at) & (columns.valid_to.is_(None) | (columns.valid_to > at))
    rows = await db.execute(select(columns.id, columns.root).where(stands).order_by(columns.id))
    return tuple(Provider(row.id, x509.load_der_x509_certificate(row.root)) for row in rows)


def _authority(pem: bytes) -> x509.Certificate:
    try:
        root = x509.load_pem_x509_certificate(pem)
        constraints = root.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = root.extensions.get_extension_for_class(x509.KeyUsage).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise BadRoot from error
    key = root.public_key()
    if not (constraints.ca and usage.key_cert_sign and isinstance(key, ec.EllipticCurvePublicKey)):
        raise BadRoot
    return root


async def _record(
    db: AsyncConnection,
    provider: str,
    told: WalletProviderTrusted | WalletProviderEnded,
    at: datetime,
    actor: str,
) -> None:
    fact = journal.Fact(aggregate=uuid5(_PROVIDERS, provider), at=at, actor=actor, event=told)
    await journal.append(db, event, fact)
