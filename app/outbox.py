"""The relay: gives everything that happened a gap-free position in `app.feed` and links it into one hash chain.

reads    the packages' event tables by way of `app.outbox`; each lane's transfers, which are a log already
writes   app.feed, and deliveries for partners (app/partners/outgoing.py), in the same transaction
proves   head(), signed with the audit key: whoever holds a head can tell if anything before it was changed

One relay works at a time: the lease is a row lock, so a relay that dies gives it back by dying.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db
from app.house import House
from app.partners import outgoing
from proof import canonical, chain

FEED = chain.Chain("feed/v1")
SIZE_MAX = 1_000
#: How often the head is signed while things happen, and how soon once nothing does.
HEAD_EVERY = timedelta(minutes=1)
HEAD_AFTER_QUIET = timedelta(seconds=2)
#: The namespace of the ids of transfers seen from an account's side: uuid5 of the transfer's id and the side.
_SIDES = UUID("0192f7d0-6a4b-7c3e-8000-65726573666f")
_SOURCES = ("app", "cards", "credential", "invest", "kyc", "residency", "wallet")

_LEASE = text("SELECT heartbeat FROM app.lease WHERE name = 'relay' FOR UPDATE SKIP LOCKED")
_HEARTBEAT = text("UPDATE app.lease SET heartbeat = :at WHERE name = 'relay' AND coalesce(heartbeat < :at, true)")
_LAST = text("SELECT position, hash FROM app.feed ORDER BY position DESC LIMIT 1")
_QUEUED = text(
    """
    DELETE FROM app.outbox WHERE seq IN (SELECT seq FROM app.outbox ORDER BY seq LIMIT :size)
    RETURNING seq, source, event_seq, trace
    """
)
_EVENTS = """
SELECT seq, id, aggregate, version, holder, kind, actor, at, body FROM {source}.event WHERE seq = ANY(:seqs)
"""
_TRANSFERS = text(
    """
    SELECT transfer.lane, transfer.seq, transfer.id, transfer.kind, transfer.amount, transfer.currency, transfer.code,
           transfer.reference, transfer.at, debit, credit, debit_version, credit_version,
           payer.holder AS debit_holder, payee.holder AS credit_holder
    FROM wallet.lane
    CROSS JOIN LATERAL (
        SELECT * FROM wallet.transfer WHERE transfer.lane = lane.lane AND transfer.seq > lane.relayed
        ORDER BY transfer.seq LIMIT :size
    ) AS transfer
    JOIN wallet.account AS payer ON payer.lane = transfer.lane AND payer.id = transfer.debit
    JOIN wallet.account AS payee ON payee.lane = transfer.lane AND payee.id = transfer.credit
    ORDER BY transfer.lane, transfer.seq
    """
)
_RELAYED = text("UPDATE wallet.lane SET relayed = :seq WHERE lane = :lane")
_WRITE = text(
    """
    INSERT INTO app.feed (position, event_id, source, aggregate, version, holder, kind, actor, at, body,
                          relayed_at, hash)
    SELECT position, event_id, source, aggregate, version, holder, kind, actor, at, body, relayed_at,
           decode(hash, 'hex')
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS row (position bigint, event_id uuid, source text, aggregate uuid,
         version int, holder uuid, kind text, actor text, at timestamptz, body jsonb, relayed_at timestamptz,
         hash text)
    """
)
_HEAD = text(
    "INSERT INTO app.tree_head (position, hash, at, kid, signature) VALUES (:position, :hash, :at, :kid, :signature)"
)
_LAST_HEAD = text("SELECT position, at FROM app.tree_head ORDER BY position DESC LIMIT 1")


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the feed. `body` holds the event's own fields; `holder` is whose feed shows it."""

    position: int
    event_id: UUID
    source: str
    aggregate: UUID
    version: int
    holder: UUID | None
    kind: str
    actor: str
    at: datetime
    body: dict[str, Any]
    relayed_at: datetime
    hash: str = ""


def entry(item: Item) -> bytes:
    """Encode what the chain vouches for; app/verify/feed.py computes it again from the row."""
    return chain.encode(
        item.position,
        item.event_id,
        item.source,
        item.aggregate,
        item.version,
        item.holder,
        item.kind,
        item.actor,
        item.at,
        canonical.dumps(item.body),
        item.relayed_at,
    )


async def step(house: House) -> int:
    """Relay what is queued, up to SIZE_MAX of each kind; answers how many rows the feed grew by."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        lease = (await connection.execute(_LEASE)).one_or_none()
        if lease is None:
            return 0
        now = _after(lease.heartbeat, story.now)
        last = (await connection.execute(_LAST)).one_or_none()
        position, head = (last.position, last.hash) if last else (0, FEED.genesis)
        moved, reached = await _transfers(connection)
        events, told = await _events(connection)
        items = _numbered([*events, *moved], position, head, now)
        if items:
            position, head = items[-1].position, bytes.fromhex(items[-1].hash)
            await connection.execute(_WRITE, {"rows": msgspec.json.encode(items).decode()})
            traces = {item.position: each for item, each in zip(items, told, strict=False) if each}
            await outgoing.fan_out(connection, items, traces, now)
        patience = HEAD_EVERY if items else HEAD_AFTER_QUIET
        await _sign(house, connection, position, head, now, patience)
        await connection.execute(_HEARTBEAT, {"at": now})
        # Last, because it locks the lanes: batches wait for nothing but the commit.
        for lane, seq in reached.items():
            await connection.execute(_RELAYED, {"lane": lane, "seq": seq})
        return len(items)


def _after(heartbeat: datetime | None, now: datetime) -> datetime:
    """Never step back behind another machine's clock: up to the heartbeat the feed is settled for good."""
    return now if heartbeat is None else max(now, heartbeat + timedelta(microseconds=1))


def _numbered(found: Sequence[dict[str, Any]], position: int, head: bytes, now: datetime) -> list[Item]:
    items = []
    for fields in found:
        position += 1
        item = Item(position=position, relayed_at=now, **fields)
        head = FEED.extend(head, entry(item))
        items.append(msgspec.structs.replace(item, hash=head.hex()))
    return items


async def _events(connection: AsyncConnection) -> tuple[list[dict[str, Any]], list[str | None]]:
    """Read what is queued, in order, and the trace each event happened in."""
    queued = sorted((await connection.execute(_QUEUED, {"size": SIZE_MAX})).all())
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for source in {row.source for row in queued}:
        assert source in _SOURCES, "a schema with a journal is one of ours"
        seqs = [row.event_seq for row in queued if row.source == source]
        for row in await connection.execute(text(_EVENTS.format(source=source)), {"seqs": seqs}):
            fields = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's public name for a row as a mapping
            seq, event_id = fields.pop("seq"), fields.pop("id")
            rows[source, seq] = {**fields, "event_id": event_id, "source": source}
    return [rows[row.source, row.event_seq] for row in queued], [row.trace for row in queued]


async def _transfers(connection: AsyncConnection) -> tuple[list[dict[str, Any]], dict[int, int]]:
    """Read what is new of the lanes, and how far that reaches.

    One item for each side of a transfer that belongs to a resident, or one in all where neither does.
    """
    found: list[dict[str, Any]] = []
    reached: dict[int, int] = {}
    for row in await connection.execute(_TRANSFERS, {"size": SIZE_MAX}):
        reached[row.lane] = row.seq
        sides = [("debit", row.debit, row.debit_version, row.debit_holder)] if row.debit_holder else []
        if row.credit_holder or not sides:
            sides.append(("credit", row.credit, row.credit_version, row.credit_holder))
        found += [_side(row, *side) for side in sides]
    return found, reached


def _side(row: Any, side: str, account: UUID, version: int, holder: UUID | None) -> dict[str, Any]:  # noqa: ANN401  a row of _TRANSFERS
    return {
        "event_id": uuid5(_SIDES, f"{row.id}/{side}"),
        "source": "ledger",
        "aggregate": account,
        "version": version,
        "holder": holder,
        "kind": f"transfer.{row.kind}",
        "actor": "system",
        "at": row.at,
        "body": {
            "transfer": str(row.id),
            "side": side,
            "amount_minor": row.amount,
            "currency": row.currency,
            "code": row.code,
            "reference": row.reference,
            "lane": row.lane,
            "seq": row.seq,
        },
    }


async def _sign(  # noqa: PLR0917  the head and what decides about signing it
    house: House, connection: AsyncConnection, position: int, head: bytes, now: datetime, patience: timedelta
) -> None:
    """Sign the head unless the last signature covers it or is younger than `patience`."""
    last = (await connection.execute(_LAST_HEAD)).one_or_none()
    covered, signed_at = (last.position, last.at) if last else (0, None)
    if position == covered or (signed_at is not None and now - signed_at < patience):
        return
    await sign_head(house, connection, position=position, head=head, now=now)


async def sign_head(house: House, connection: AsyncConnection, *, position: int, head: bytes, now: datetime) -> None:
    """Sign the chain's head at `position`."""
    signer = house.keys.audit.current()
    signature = signer.sign(chain.encode("tree-head/v1", position, head, now))
    await connection.execute(
        _HEAD, {"position": position, "hash": head, "at": now, "kid": signer.kid, "signature": signature}
    )
