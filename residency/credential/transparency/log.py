"""The log of issuance: every copy that is signed gets a leaf, and nothing is told of it but to its holder.

signs     residency/credential/issuing.py            sign()
commits   residency/credential/transparency/log.py   append()     <- you are here, in the transaction that issues
merges    app/credentials/issuance_log.py            step()       within a minute or so: merge()
proves    residency/credential/transparency/log.py   receipts()   to the holder, who has the copy

An issuer who signs in secret leaves copies without a receipt; one who takes a leaf back contradicts a head that others
keep. The published log holds salted hashes in random order, some of nothing: whoever reads it learns of nobody.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import delete, exists, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from proof import journal
from residency.credential import events, jws, tables
from residency.credential.issuing import Order, Reserved
from residency.credential.seal import Seal
from residency.credential.transparency import log_head, log_tree
from residency.credential.transparency.log_head import HASH_BYTES, Receipt
from residency.credential.transparency.log_tables import leaf, log_entry, log_waiting
from residency.credential.transparency.log_tables import log_head as heads

#: How long a leaf may wait for others, among which it is lost; then one head takes in all that wait.
WAITS = timedelta(minutes=1)
#: How many leaves one head takes in at most.
AT_ONCE = 4_096
#: The log as an aggregate of the journal.
LOG = UUID("0192f7d0-6a4b-7c3e-9000-69737375616e")
_ACTOR = "system"


class UnknownSize(Exception):
    """No head was signed about a log of `size` entries."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """A copy, by its entry in the status list, and its receipt; None while it waits for the next head."""

    list: UUID
    idx: int
    receipt: Receipt | None


class Signed(msgspec.Struct, frozen=True):
    """A head as it is published."""

    size: int
    jws: str


async def append(
    db: AsyncConnection,
    order: Order,
    reserved: Reserved,
    copies: Sequence[str],
    *,
    key: str,
    actor: str,
    at: datetime,
) -> None:
    """Commit to `copies`, which `key` signed for the entries of `reserved`, in their order."""
    salts = [secrets.token_bytes(HASH_BYTES) for _ in copies]
    commitments = [log_head.commitment(salt, copy) for salt, copy in zip(salts, copies, strict=True)]
    of = {"issuance": reserved.issuance, "holder": order.holder}
    rows = [
        {"commitment": commitment, "salt": salt, "list": entry.list, "idx": entry.idx, **of}
        for commitment, salt, entry in zip(commitments, salts, reserved.entries, strict=True)
    ]
    await db.execute(insert(leaf), rows)
    await db.execute(insert(log_waiting), [{"commitment": commitment, "at": at} for commitment in commitments])
    signed = events.Signed(
        credential=reserved.credential, issuance=reserved.issuance, key=key, signatures=len(commitments)
    )
    fact = journal.Fact(aggregate=reserved.credential, holder=order.holder, at=at, actor=actor, event=signed)
    await journal.append(db, tables.event, fact)


async def merge(db: AsyncConnection, seal: Seal, *, url: str, now: datetime, at: datetime) -> int:
    """Put what waits into the log once the oldest has waited long enough, and sign the new head; answer how many.

    The caller holds the lease. `now` is the clock that leaves wait by, `at` the real one, whose day the head tells.
    """
    due = select(log_waiting.c.commitment).where(log_waiting.c.at <= now - WAITS)
    taken = select(log_waiting.c.commitment).where(exists(due)).limit(AT_ONCE)
    gone = delete(log_waiting).where(log_waiting.c.commitment.in_(taken)).returning(log_waiting.c.commitment)
    commitments = list(await db.scalars(gone))
    if not commitments:
        return 0
    former = await newest(db)
    size, prev = (former.size, log_head.digest(former.jws)) if former else (0, None)
    leaves = log_tree.filled(commitments)
    root = await log_tree.grow(db, size, leaves)
    size += len(leaves)
    signed = log_head.sign(seal, url=url, size=size, root=root, prev=prev, at=at)
    await db.execute(insert(heads).values(size=size, root=root, prev=prev, jws=signed))
    fact = events.Headed(size=size, root=root.hex(), head=log_head.digest(signed).hex(), key=seal.signer.kid)
    await journal.append(db, tables.event, journal.Fact(aggregate=LOG, at=now, actor=_ACTOR, event=fact))
    return len(commitments)


async def newest(db: AsyncConnection) -> Signed | None:
    """Read the last head; None while nothing was issued."""
    found = (await db.execute(select(heads.c.size, heads.c.jws).order_by(heads.c.size.desc()).limit(1))).one_or_none()
    return None if found is None else Signed(found.size, found.jws)


async def following(db: AsyncConnection, after: int, limit: int) -> list[Signed]:
    """Read the heads of more than `after` entries, the smallest first."""
    rows = select(heads.c.size, heads.c.jws).where(heads.c.size > after).order_by(heads.c.size).limit(limit)
    return [Signed(row.size, row.jws) for row in await db.execute(rows)]


async def entries(db: AsyncConnection, start: int, limit: int) -> list[bytes]:
    """Read the entries of the log from position `start` on: whoever mirrors them can compute every root."""
    rows = select(log_entry.c.commitment).where(log_entry.c.position >= start)
    return list(await db.scalars(rows.order_by(log_entry.c.position).limit(limit)))


async def growth(db: AsyncConnection, first: int, second: int) -> list[str]:
    """Prove that the log of `second` entries begins with that of `first`; raises UnknownSize."""
    known = set(await db.scalars(select(heads.c.size).where(heads.c.size.in_([first, second]))))
    for size in (first, second):
        if size not in known:
            raise UnknownSize(size)
    if first > second:
        raise UnknownSize(first)
    return [jws.b64(each) for each in await log_tree.consistency(db, first, second)]


async def receipts(db: AsyncConnection, credential: UUID, *, at: datetime) -> list[Logged]:
    """Give the receipts of the copies of a credential that have not ended at `at`, under the newest head."""
    issuance = tables.issuance
    rows = (
        await db.execute(
            select(leaf.c.list, leaf.c.idx, leaf.c.salt, log_entry.c.position)
            .join(issuance, issuance.c.id == leaf.c.issuance)
            .outerjoin(log_entry, log_entry.c.commitment == leaf.c.commitment)
            .where(issuance.c.credential == credential, issuance.c.expires_at > at)
            .order_by(leaf.c.list, leaf.c.idx)
        )
    ).all()
    head = await newest(db)
    placed = [row.position for row in rows if row.position is not None]
    paths = await log_tree.inclusion(db, placed, head.size) if head is not None else {}
    return [
        Logged(
            list=row.list,
            idx=row.idx,
            receipt=None
            if head is None or row.position is None
            else Receipt(
                salt=jws.b64(row.salt), index=row.position, path=tuple(map(jws.b64, paths[row.position])), head=head.jws
            ),
        )
        for row in rows
    ]
