"""Whether an attestation of a wallet or of its keys still holds, by the status list that its provider publishes.

A list is fetched by the worker (app/partners/wallet_lists.py), never within a request. So one that is named for the
first time is not known yet, and the wallet comes again a moment later; one that could not be fetched lately is expired.
"""

import re
from datetime import datetime

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.wallets import wallet_tables
from residency.credential.check import NotVerified
from residency.credential.presenting import foreign_lists
from residency.credential.sd_jwt import StatusReference
from residency.credential.status_list import Status

_URI = re.compile(r"https?://[!-~]{1,490}", re.ASCII)


class NotFetchedYet(Exception):
    """The list of `provider` at `uri` is named for the first time, or did not come so far: the wallet may come again.

    Whoever hears it writes it down (`note`), in a transaction that is committed.
    """

    def __init__(self, provider: str, uri: str) -> None:
        super().__init__(provider, uri)
        self.provider = provider
        self.uri = uri


async def doubt(db: AsyncConnection, provider: str, of: StatusReference, now: datetime) -> str | None:
    """Say why the entry `of` a list of `provider` does not stand; None where it does. Raises NotFetchedYet."""
    if not _URI.fullmatch(of.uri):
        return "is at an address that can't be asked"
    lists, providers = wallet_tables.wallet_status_list.c, wallet_tables.wallet_provider.c
    query = (
        select(lists.provider, lists.token, providers.root)
        .join_from(wallet_tables.wallet_status_list, wallet_tables.wallet_provider)
        .where(lists.uri == of.uri)
    )
    found = (await db.execute(query)).one_or_none()
    if found is not None and found.provider != provider:
        return "is in the list of another provider"
    if found is None or found.token is None:
        raise NotFetchedYet(provider, of.uri)
    root = x509.load_der_x509_certificate(found.root)
    try:
        stands = foreign_lists.look_up(found.token, of, (root,), at=now)
    except NotVerified as refused:
        return f"is unknown: {refused.reason}"
    return None if stands == Status.VALID else "is not valid any more"


async def note(db: AsyncConnection, missing: NotFetchedYet, now: datetime) -> None:
    """Have a list fetched from now on."""
    row = {"uri": missing.uri, "provider": missing.provider, "due_at": now}
    await db.execute(insert(wallet_tables.wallet_status_list).values(row).on_conflict_do_nothing())
