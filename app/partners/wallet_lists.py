"""Status lists of wallet providers are fetched: which of their attestations still hold (draft-ietf-oauth-status-list).

named     by an attestation           app/auth/wallets/wallet_status.py note()
fetched   by the worker               step()   <- you are here, over app/partners/status_lists.py
read      with the next attestation   app/auth/wallets/wallet_status.py doubt(), which checks signature, name and end

A list that did not come is asked for again, later each time; the last one that came is good until its own end.
"""

import asyncio
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy import select, text, update

from app import clock
from app.auth.wallets import wallet_tables
from app.db import transaction
from app.house import House
from app.partners.status_lists import Lists
from residency.credential import jws
from residency.credential.presenting.foreign_lists import Unanswered

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


class _Payload(msgspec.Struct, frozen=True):
    ttl: float | None = None


async def step(house: House) -> int:
    """Fetch the lists that are due; answers how many were asked for."""
    now, columns = clock.real(), wallet_tables.wallet_status_list.c
    async with transaction(house.worker) as story:
        db = await story()
        await db.execute(_WITHOUT_PROVIDER, {"now": now})
        waiting = select(columns.uri).where(columns.due_at <= now).order_by(columns.due_at).limit(SIZE_MAX)
        due = (await db.scalars(waiting.with_for_update(skip_locked=True))).all()
        leased = update(wallet_tables.wallet_status_list).where(columns.uri.in_(due))
        leased = leased.values(due_at=now + _LEASE, attempts=columns.attempts + 1)
        taken = (await db.execute(leased.returning(columns.uri, columns.attempts))).all()
    await asyncio.gather(*(_fetch(house, uri, attempts) for uri, attempts in taken))
    return len(taken)


async def _fetch(house: House, uri: str, attempts: int) -> None:
    try:
        token: bytes | None = await Lists(house).fetch(uri)
    except Unanswered as error:
        _log.warning("wallet_list_missing", why=error.trouble)
        token = None
    now, columns = clock.real(), wallet_tables.wallet_status_list.c
    async with transaction(house.worker) as story:
        db = await story()
        mine = update(wallet_tables.wallet_status_list).where(columns.uri == uri)
        if token is not None:
            await db.execute(mine.values(token=token, due_at=now + _ttl(token), attempts=0))
        else:
            await db.execute(mine.values(due_at=_later(now, attempts)))


def _ttl(token: bytes) -> timedelta:
    """Read how long a provider wants its list kept; who signed it is looked at whenever it is used."""
    try:
        told = msgspec.convert(jws.parse(token.decode("ascii")).payload, _Payload).ttl
    except (UnicodeDecodeError, jws.Unreadable, msgspec.ValidationError):
        return EVERY
    if told is None:
        return EVERY
    return timedelta(seconds=min(max(told, EVERY_MIN.total_seconds()), EVERY_MAX.total_seconds()))


def _later(now: datetime, attempts: int) -> datetime:
    return now + min(_AGAIN_FIRST * (1 << min(attempts - 1, _DOUBLED_MAX)), EVERY_MAX)
