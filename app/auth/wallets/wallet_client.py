"""Wallets that may ask for credentials by the code flow: clients that the operator registers.

One that is registered with its provider authenticates itself by the provider's attestation, in attested.py. One that is
not proves itself by nothing but where its answers go; either way that is compared letter by letter (RFC 9700 section
2.1).
"""

import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import tables
from app.auth.wallets import wallet_provider
from app.auth.wallets.wallet_provider import UnknownProvider

_ADDRESS_MAX = 500
#: RFC 8252 section 7.1: an app's own scheme is a domain of its maker's, turned round; so it holds a full stop.
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+", re.ASCII)
_LOOPBACK = {"127.0.0.1", "[::1]", "localhost"}


class BadAddress(Exception):
    """A wallet's answers may not go there: `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WalletKnown(Exception):
    """There is a wallet of this id."""


class UnknownWallet(Exception):
    """There is no wallet of this id."""


class WalletClient(msgspec.Struct, frozen=True):
    """A wallet; `name` is what residents are shown. One with a `provider` is believed only with its attestation."""

    id: str
    name: str
    redirect_uris: Sequence[str]
    provider: str | None = None


async def register(db: AsyncConnection, new: WalletClient, at: datetime, *, local: bool) -> None:
    """Let a wallet ask; raises BadAddress, WalletKnown, UnknownProvider.

    In a demo or test (`local`) it may be on this machine.
    """
    for address in new.redirect_uris:
        check(address, local=local)
    if new.provider is not None and new.provider not in {each.id for each in await wallet_provider.trusted(db, at)}:
        raise UnknownProvider
    row = insert(tables.wallet_client).values(**msgspec.structs.asdict(new), at=at).on_conflict_do_nothing()
    if (await db.execute(row.returning(tables.wallet_client.c.id))).one_or_none() is None:
        raise WalletKnown


async def suspend(db: AsyncConnection, wallet: str, at: datetime) -> None:
    """Take nothing of a wallet any more; raises UnknownWallet."""
    mine = update(tables.wallet_client).where(tables.wallet_client.c.id == wallet)
    if (await db.execute(mine.values(suspended_at=at).returning(tables.wallet_client.c.id))).one_or_none() is None:
        raise UnknownWallet


async def suspended(db: AsyncConnection, wallet: str) -> bool:
    """Whether nothing is taken of a wallet any more; never of one that is not registered."""
    columns = tables.wallet_client.c
    found = select(columns.id).where(columns.id == wallet, columns.suspended_at.is_not(None))
    return (await db.execute(found)).one_or_none() is not None


async def find(db: AsyncConnection, wallet: str) -> WalletClient | None:
    """Load a wallet that may ask."""
    columns = tables.wallet_client.c
    standing = (columns.id == wallet) & columns.suspended_at.is_(None)
    rows = await db.execute(select(columns.id, columns.name, columns.redirect_uris, columns.provider).where(standing))
    return WalletClient(*row) if (row := rows.one_or_none()) else None


def check(address: str, *, local: bool) -> None:
    """Refuse (BadAddress) an address that no answer should go to."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError as error:
        raise BadAddress("it can't be read") from error
    if len(address) > _ADDRESS_MAX or not address.isascii() or not address.isprintable() or " " in address:
        raise BadAddress("it is not a short line of printable ASCII")
    if "#" in address or parts.username is not None or "\\" in address or "*" in address:
        raise BadAddress("it holds a fragment, a name, a backslash or a wildcard")
    if parts.scheme == "https" and host:
        return
    if local and parts.scheme == "http" and parts.netloc.rpartition(":")[0] in _LOOPBACK:
        return
    if not _OWN_SCHEME.fullmatch(parts.scheme):
        raise BadAddress("its scheme is neither https nor an app's own, such as kz.wallet.app")
