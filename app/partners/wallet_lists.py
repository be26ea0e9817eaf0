"""Status lists of wallet providers are fetched: which of their attestations still hold (draft-ietf-oauth-status-list).

named     by an attestation           app/auth/wallets/wallet_status.py note()
fetched   by the worker               step()   <- you are here, over app/partners/status_lists.py
read      with the next attestation   app/auth/wallets/wallet_status.py doubt(), which checks signature, name and end

A list that did not come, or is not the provider's, is asked for again, later each time; the last one that came is good
until its own end.
"""

import asyncio
from datetime import datetime, timedelta

import structlog
from cryptography import x509
from sqlalchemy import select, text, update

from app import clock
from app.auth.wallets import wallet_tables
from app.db import transaction
from app.house import House
from app.partners.status_lists import Lists
from residency.credential.check import NotVerified
from residency.credential.presenting import foreign_lists
from residency.credential.presenting.foreign_lists import Unanswered
from residency.credential.sd_jwt import StatusReference

#: How often a list is fetched whose provider does not say, and the bounds of what it may say.
EVERY, EVERY_MIN, EVERY_MAX = timedelta(minutes=5), timedelta(minutes=1), timedelta(hours=1)
SIZE_MAX = 8
_LEASE = timedelta(minutes=1)
_AGAIN_FIRST, _DOUBLED_MAX = timedelta(seconds=5), 10
#: Nothing its provider says is believed any more, so nobody reads the list.
_WITHOUT_PROVIDER = text(
    """
    DELETE FROM app.wallet_status_list USING app.wallet_provider
    WHERE wallet_provider.id = wallet_status_list.provider AND wallet_provider.valid_to <= :now
    """
)
_log = structlog.get_logger()


async def step(house: House) -> int:
    """Fetch the lists that are due; answers how many were asked for."""
    now, columns = clock.real(), wallet_tables.wallet_status_list.c
    provider = wallet_tables.wallet_provider.c
    async with transaction(house.worker) as story:
        db = await story()
        await db.execute(_WITHOUT_PROVIDER, {"now": now})
        waiting = select(columns.uri).where(columns.due_at <= now).order_by(columns.due_at).limit(SIZE_MAX)
        due = (await db.scalars(waiting.with_for_update(skip_locked=True))).all()
        leased = update(wallet_tables.wallet_status_list).where(columns.uri.in_(due), provider.id == columns.provider)
        leased = leased.values(due_at=now + _LEASE, attempts=columns.attempts + 1)
        taken = (await db.execute(leased.returning(columns.uri, columns.attempts, provider.root))).all()
    await asyncio.gather(*(_fetch(house, *each) for each in taken))
    return len(taken)


async def _fetch(house: House, uri: str, attempts: int, root: bytes) -> None:
    try:
        token = await Lists(house).fetch(uri)
        again = _believed(token, uri, x509.load_der_x509_certificate(root), clock.real())
        found = {"token": token, "due_at": clock.real() + again, "attempts": 0}
    except Unanswered as error:
        found = _missed(error.trouble, attempts)
    except NotVerified as error:
        found = _missed(f"not believed: {error.reason}", attempts)
    async with transaction(house.worker) as story:
        mine = update(wallet_tables.wallet_status_list).where(wallet_tables.wallet_status_list.c.uri == uri)
        await (await story()).execute(mine.values(found))


def _believed(token: bytes, uri: str, root: x509.Certificate, at: datetime) -> timedelta:
    """Say how long a list is kept that its provider signed; raises NotVerified for any other.

    It is looked at again whenever it is used.
    """
    foreign_lists.look_up(token, StatusReference(0, uri), (root,), at=at)
    return min(max(foreign_lists.read(token).ttl or EVERY, EVERY_MIN), EVERY_MAX)


def _missed(why: str, attempts: int) -> dict[str, object]:
    _log.warning("wallet_list_missing", why=why)
    return {"due_at": clock.real() + min(_AGAIN_FIRST * (1 << min(attempts - 1, _DOUBLED_MAX)), EVERY_MAX)}
