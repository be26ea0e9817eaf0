"""What a wallet's session is for: which credentials, asked for how, by whose word it is a wallet at all.

A session outlives its access tokens by far: with its refresh token a wallet renews copies and fetches more of them.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import par, session, token
from app.auth.session import Session
from app.auth.subject import Subject
from app.auth.wallets import wallet_tables
from residency.credential import metadata
from residency.credential.wallets.wallet_attestation import WalletAttestation

#: The client id of a wallet that redeemed a pre-authorized code and did not say which it is.
ANONYMOUS = "wallet"
#: Of a wallet nobody vouches for; the others' is session.WALLET's (HAIP 1.0 section 4.4: not more than about a year).
ANONYMOUS_LASTS = timedelta(days=90)


class WalletSession(msgspec.Struct, frozen=True, kw_only=True):
    """`detailed`: asked by authorization_details, so credentials are named by identifiers (OpenID4VCI 1.0, 6.2).

    `provider` attested the wallet, whose key has the thumbprint `instance`; None where nobody did.
    """

    configurations: tuple[str, ...]
    detailed: bool
    provider: str | None
    instance: str | None

    def grants(self, only: Collection[str] = ()) -> tuple[token.Grant, ...]:
        """Write what its access tokens are for; `only` the configurations of these scopes, where any are named."""
        wanted = {par.SCOPES[scope] for scope in only if scope in par.SCOPES} or set(self.configurations)
        # One identifier for each configuration: a resident has one data set.
        return tuple(
            token.Grant(name, (name,) if self.detailed else ()) for name in self.configurations if name in wanted
        )


async def begin(
    db: AsyncConnection,
    who: Subject,
    *,
    client: str,
    jkt: str,
    configurations: Sequence[str],
    detailed: bool,
    by: WalletAttestation | None,
    device: UUID | None,
    now: datetime,
) -> tuple[Session, WalletSession]:
    """Open the session of a wallet that the resident `who` let in, by their `device` where one is known."""
    opened = await session.begin(
        db,
        who,
        opened_by="code",
        client_id=client,
        jkt=jkt,
        scopes=frozenset({metadata.SCOPE}).union(par.scopes_of(configurations)),
        at=now,
        lasts=None if by is not None else ANONYMOUS_LASTS,
    )
    made = WalletSession(
        configurations=tuple(configurations),
        detailed=detailed,
        provider=by.provider if by else None,
        instance=by.instance if by else None,
    )
    row = msgspec.structs.asdict(made) | {"session": opened.id, "subject": who.id, "device": device}
    row["configurations"] = list(made.configurations)
    await db.execute(insert(wallet_tables.wallet_session).values(row))
    return opened, made


async def of(db: AsyncConnection, opened: UUID) -> WalletSession | None:
    """Say what a session is for; None for one that is no wallet's."""
    columns = wallet_tables.wallet_session.c
    query = select(columns.configurations, columns.detailed, columns.provider, columns.instance)
    found = (await db.execute(query.where(columns.session == opened))).one_or_none()
    if found is None:
        return None
    return WalletSession(
        configurations=tuple(found.configurations),
        detailed=found.detailed,
        provider=found.provider,
        instance=found.instance,
    )
