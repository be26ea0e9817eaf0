"""A wallet authenticates itself as a client, by its provider's attestation and a proof of its own.

comes      with PAR and token requests, in two fields of the header
believed   residency/credential/wallets/wallet_attestation.py   check()   <- by recognise(), here
once       each proof, by its jti: app/auth/gate.py spend()
standing   the status the provider publishes: app/auth/wallets/wallet_status.py
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth import gate, session, tables
from app.auth.wallets import wallet_provider, wallet_session, wallet_status
from residency.credential.wallets import wallet_attestation
from residency.credential.wallets.wallet_attestation import POP_AGE_MAX_S, WalletAttestation
from residency.credential.wallets.wallet_provider import LEEWAY_S, Unattested

METHOD = "attest_jwt_client_auth"
ATTESTATION, POP = "OAuth-Client-Attestation", "OAuth-Client-Attestation-PoP"
#: What sessions are called that are no such wallet's.
_OURS = frozenset({session.APP, wallet_session.ANONYMOUS})
_REMEMBERED = timedelta(seconds=POP_AGE_MAX_S + LEEWAY_S)


#: What a wallet hears whose provider's status list is not here yet; the worker fetches it within a second or two.
AGAIN_AFTER_S = 2


class Refused(Exception):
    """The wallet is not what it says: OAuth's `error`, and a `reason` for its developer.

    `again`: nothing is wrong with it, and it may come again in a moment.
    """

    def __init__(self, reason: str, *, error: str = "invalid_client", again: bool = False) -> None:
        super().__init__(error, reason)
        self.error = error
        self.reason = reason
        self.again = again


class Presented(NamedTuple):
    """What came in the header: every field of either name."""

    attestations: Sequence[str]
    pops: Sequence[str]


async def recognise(
    db: AsyncConnection, presented: Presented, *, client_id: str | None, issuer: str, now: datetime
) -> WalletAttestation:
    """Believe what a wallet presents, once; raises Refused."""
    if (len(presented.attestations), len(presented.pops)) != (1, 1):
        raise Refused(f"not exactly one {ATTESTATION} and one {POP}")
    [attestation], [pop] = presented
    providers = await wallet_provider.trusted(db, now)
    try:
        found = wallet_attestation.check(attestation, pop, providers, audience=issuer, at=now)
    except Unattested as refused:
        error = "use_fresh_attestation" if refused.stale else "invalid_client"
        raise Refused(f"client attestation: {refused.check}", error=error) from refused
    if client_id is not None and client_id != found.client:
        raise Refused("client attestation: client_id is not its sub")
    await _check_registered(db, found)
    await _check_status(db, found, now)
    if not await gate.spend(db, f"wallet:{found.instance}", found.jti, now + _REMEMBERED):
        raise Refused("client attestation: PoP: jti was used before")
    return found


async def _check_status(db: AsyncConnection, found: WalletAttestation, now: datetime) -> None:
    if found.status is None:
        return
    try:
        why = await wallet_status.doubt(db, found.provider, found.status, now)
    except wallet_status.NotFetchedYet as missing:
        await wallet_status.note(db, missing, now)
        reason = "client attestation: the status list is not here yet"
        raise Refused(reason, error="temporarily_unavailable", again=True) from missing
    if why is not None:
        raise Refused(f"client attestation: status {why}")


async def _check_registered(db: AsyncConnection, found: WalletAttestation) -> None:
    """Let a provider speak for its own wallets and for strangers: for none that is registered otherwise, never for us.

    What is registered without a provider has a name that residents are shown; nobody else may come under it.
    """
    if found.client in _OURS:
        raise Refused("client attestation: sub is a name that is taken")
    columns = tables.wallet_client.c
    query = select(columns.provider, columns.suspended_at).where(columns.id == found.client)
    known = (await db.execute(query)).one_or_none()
    if known is None:
        return
    if known.suspended_at is not None:
        raise Refused("the wallet is suspended")
    if known.provider is None:
        raise Refused("client attestation: the wallet is registered without a provider")
    if known.provider != found.provider:
        raise Refused("client attestation: of another provider than the one the wallet is registered with")
