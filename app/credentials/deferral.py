"""What a wallet asked for too early: the request waits while it is still being decided whether its holder may have it.

asks        POST /openid4vci/credential   app/credentials/issuance.py ask()       keep()
comes       POST /openid4vci/deferred     app/credentials/issuance.py collect()   find(), then take() when it is met
forgotten   by the worker                 app/nonces.py                           step()

The keys a wallet proved lie sealed under a key of their row, and go with it: when the copies are signed, or in the end.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids, rowkey
from app.rowkey import Cell
from kyc.cases import case as identity_case
from kyc.cases.life import SHOWN, Shown
from proof import journal
from proof.kms import Kms
from residency import application, service
from residency.case import CLOSED, State
from residency.credential import events, tables
from residency.credential.configuration import CONFIGURATIONS, Configuration
from residency.credential.sd_jwt import StatusReference
from residency.credential.wallets.grade import Grade
from residency.status import Kind

#: How long a request waits; deciding takes weeks at the most, and a wallet can always ask anew.
LASTS = timedelta(days=90)
#: How long a wallet should wait before it comes again: officers decide in hours, not in seconds.
INTERVAL_S = 300
_TABLE = "credential.deferred"
_STATES = frozenset(State) - CLOSED - {State.DRAFT}
_LOOKED_AT = frozenset({Shown.IN_REVIEW, Shown.ACTION_NEEDED, Shown.RENEWAL_DUE})
_APPLICATIONS_MAX = 20


#: Requests of one holder that may wait, each for a batch: some wallets, each for both formats, asking again sometimes.
WAITING_MAX = 20
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('credential.deferred:' || :holder, 0))")


class UnknownTransaction(Exception):
    """No request of this holder's wallet waits under this id: it was met, it lapsed, or it is somebody else's."""


class TooManyWaiting(Exception):
    """The holder has WAITING_MAX requests that wait."""


class Voucher(msgspec.Struct, frozen=True):
    """Whose word was taken on keys, and where it would be taken back."""

    provider: str
    status: StatusReference | None


class _Proven(msgspec.Struct, frozen=True):
    """What lies sealed of a request."""

    keys: tuple[dict[str, str], ...]
    vouchers: tuple[Voucher, ...]


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A request that waits: for copies of `configuration`, one for each of `keys`, in a wallet of this `grade`."""

    holder: UUID
    configuration: Configuration
    device: str
    grade: Grade
    keys: tuple[dict[str, str], ...]
    vouchers: tuple[Voucher, ...] = ()


async def status_may_come(db: AsyncConnection, holder: UUID, proves: Kind) -> bool:
    """Say whether it is being decided if `holder` gets the status `proves`."""
    filed = await application.of_resident(db, holder, before=None, limit=_APPLICATIONS_MAX)
    return any(each.state in _STATES and service.CATALOGUE[each.service].grants is proves for each in filed)


async def identity_may_come(db: AsyncConnection, holder: UUID) -> bool:
    """Say whether it is being looked at who `holder` is."""
    found = await identity_case.of(db, holder)
    return found is not None and SHOWN[found.state] in _LOOKED_AT


async def keep(db: AsyncConnection, kms: Kms, waiting: Waiting, *, actor: str, at: datetime, now: datetime) -> str:
    """Let a request wait; gives the id by which its wallet asks for it. `now` is the real clock.

    Raises TooManyWaiting.
    """
    await _require_room(db, waiting.holder, now)
    id_, transaction_id = ids.new(), secrets.token_urlsafe(24)
    cell = rowkey.seal(kms, _TABLE, id_, _Proven(waiting.keys, waiting.vouchers))
    row = {
        "id": id_,
        "holder": waiting.holder,
        "hash": _hash(transaction_id),
        "configuration": waiting.configuration.id,
        "device": waiting.device,
        "grade": waiting.grade.value,
        "at": now,
        "expires_at": now + LASTS,
    }
    await db.execute(insert(tables.deferred).values(row | msgspec.structs.asdict(cell)))
    told = events.Deferred(configuration=waiting.configuration.id, copies=len(waiting.keys))
    fact = journal.Fact(aggregate=id_, holder=waiting.holder, at=at, actor=actor, event=told)
    await journal.append(db, tables.event, fact)
    return transaction_id


async def _require_room(db: AsyncConnection, holder: UUID, now: datetime) -> None:
    await db.execute(_LOCK, {"holder": str(holder)})  # of two that come at once the second counts the first
    columns = tables.deferred.c
    waiting = select(func.count()).where(columns.holder == holder, columns.expires_at > now)
    if (await db.scalar(waiting) or 0) >= WAITING_MAX:
        raise TooManyWaiting


async def find(
    db: AsyncConnection, kms: Kms, transaction_id: str, *, holder: UUID, device: str, now: datetime
) -> Waiting:
    """Give the request that waits under this id for this wallet; raises UnknownTransaction."""
    columns = tables.deferred.c
    mine = (columns.holder == holder) & (columns.device == device) & (columns.expires_at > now)
    query = select(tables.deferred).where(columns.hash == _hash(transaction_id), mine)
    found = (await db.execute(query)).one_or_none()
    if found is None:
        raise UnknownTransaction
    sealed = rowkey.read(kms, _TABLE, found.id, Cell(found.kek_version, found.wrapped, found.sealed))
    proven = msgspec.json.decode(sealed, type=_Proven)
    return Waiting(
        holder=holder,
        configuration=CONFIGURATIONS[found.configuration],
        device=device,
        grade=Grade(found.grade),
        keys=proven.keys,
        vouchers=proven.vouchers,
    )


async def take(db: AsyncConnection, transaction_id: str, *, holder: UUID) -> None:
    """Use a request up, with its keys; of two who try at once one waits and is refused. Raises UnknownTransaction."""
    columns = tables.deferred.c
    met = delete(tables.deferred).where(columns.hash == _hash(transaction_id), columns.holder == holder)
    if (await db.execute(met.returning(columns.id))).one_or_none() is None:
        raise UnknownTransaction


async def forget(db: AsyncConnection, *, now: datetime) -> int:
    """Delete what waited too long; answers how many. A step of the worker."""
    return (await db.execute(delete(tables.deferred).where(tables.deferred.c.expires_at <= now))).rowcount


def _hash(transaction_id: str) -> bytes:
    return hashlib.sha256(transaction_id.encode()).digest()
