"""Anchors: each minute one signed statement of where every log stands, chained to the statement before.

states   app/anchor.py           step()         <- you are here, a step of the worker
sends    app/sink.py             step()         to a second place, which keeps them out of our reach
checks   app/verify/anchors.py   by other means: `eresidency verify audit --anchors PLACE`
shows    GET /v1/public/anchors, and the receipt of a transfer

The logs are the feed (`feed`), the security log (`security`) and the blocks of each lane (`lane/1`). Whoever owns the
database can rewrite any of them, hashes included; what was signed about them before, and is kept elsewhere, he can't.

An anchor is a compact JWS (RFC 7515, EdDSA), which anybody can check without us. Its payload is canonical JSON:

    iss      whose logs these are                   no      1, 2, 3 … without a gap
    minute   by the machine's clock                 prev    SHA-256 of the anchor before, hex; null in the first
    heads    for each log: `position` and `hash` of its last entry, `after`, the position in the anchor before, and
             `root`, the Merkle root (RFC 6962) over the hashes of the entries in between
"""

import asyncio
import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db, outbox, security
from app.house import House
from proof import canonical, merkle
from proof.signer import Signer
from wallet import leaf

TYP = "anchor+jws"
#: How many entries of a log one anchor takes in at most; what is more waits a minute.
SIZE_MAX = 200_000

_LEASE = text("SELECT name FROM app.lease WHERE name = 'anchor' FOR UPDATE SKIP LOCKED")
_LAST = text("SELECT no, minute, jws FROM app.anchor ORDER BY no DESC LIMIT 1")
_HEADS = text("SELECT log, position, hash FROM app.anchor_head WHERE anchor = :no")
_LANES = text("SELECT lane FROM wallet.lane ORDER BY lane")
_ENTRIES = {
    "feed": "SELECT position, hash FROM app.feed WHERE position > :after ORDER BY position LIMIT :most",
    "security": "SELECT position, hash FROM app.security_event WHERE position > :after ORDER BY position LIMIT :most",
    "lane": "SELECT no AS position, hash FROM wallet.block WHERE lane = :lane AND no > :after ORDER BY no LIMIT :most",
}
_GENESIS = {"feed": outbox.FEED.genesis, "security": security.CHAIN.genesis, "lane": leaf.BLOCKS.genesis}
_WRITE = text("INSERT INTO app.anchor (no, minute, jws) VALUES (:no, :minute, :jws)")
_WRITE_HEAD = text(
    """
    INSERT INTO app.anchor_head (anchor, log, position, hash, after, root)
    VALUES (:anchor, :log, :position, :hash, :after, :root)
    """
)
_NEWEST = text(
    "SELECT * FROM (SELECT no, minute, jws FROM app.anchor ORDER BY no DESC LIMIT :size) AS newest ORDER BY no"
)
_AFTER = text("SELECT no, minute, jws FROM app.anchor WHERE no > :after ORDER BY no LIMIT :size")
_COVERING = text(
    """
    SELECT anchor.no, anchor.minute, anchor.jws, head.after, head.position
    FROM app.anchor_head AS head JOIN app.anchor ON anchor.no = head.anchor
    WHERE head.log = :log AND head.position >= :position ORDER BY head.position, head.anchor LIMIT 1
    """
)


class Anchor(msgspec.Struct, frozen=True):
    """One minute's statement."""

    no: int
    minute: datetime
    jws: str


class Head(msgspec.Struct, frozen=True):
    """Where a log stands: its last entry, and the root over the entries behind position `after`."""

    log: str
    position: int
    hash: bytes
    after: int
    root: bytes


class Covering(msgspec.Struct, frozen=True):
    """The first anchor that covers an entry of a log, and the range of entries its root is over."""

    anchor: Anchor
    after: int
    position: int


async def step(house: House) -> int:
    """State this minute's heads, unless it was done; answers how many anchors there are more."""
    async with db.transaction(house.worker) as story:
        connection = await story()
        if (await connection.execute(_LEASE)).one_or_none() is None:
            return 0
        minute = clock.real().replace(second=0, microsecond=0)
        return int(await state(connection, house.keys.audit.current(), house.settings.issuer, minute))


async def state(connection: AsyncConnection, signer: Signer, issuer: str, minute: datetime) -> bool:
    """Sign where the logs stand; False where an anchor of this or a later minute is there already."""
    last = (await connection.execute(_LAST)).one_or_none()
    if last is not None and minute <= last.minute:
        return False
    no = 1 if last is None else last.no + 1
    heads = await _heads(connection, no - 1)
    statement = {
        "iss": issuer,
        "no": no,
        "minute": shown(minute),
        "prev": None if last is None else hashlib.sha256(last.jws.encode()).hexdigest(),
        "heads": [{**msgspec.structs.asdict(head), "hash": head.hash.hex(), "root": head.root.hex()} for head in heads],
    }
    await connection.execute(_WRITE, {"no": no, "minute": minute, "jws": sign(signer, statement)})
    await connection.execute(_WRITE_HEAD, [{"anchor": no, **msgspec.structs.asdict(head)} for head in heads])
    return True


def sign(signer: Signer, statement: dict[str, Any], typ: str = TYP) -> str:
    """Write `statement` as a compact JWS; `typ` keeps one kind of statement from being taken for another."""
    header: dict[str, Any] = {"alg": signer.alg.value, "kid": signer.kid, "typ": typ}
    signed = f"{_text(canonical.dumps(header))}.{_text(canonical.dumps(statement))}"
    return f"{signed}.{_text(signer.sign(signed.encode()))}"


def shown(minute: datetime) -> str:
    """Write a minute as anchors do."""
    return minute.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def newest(connection: AsyncConnection, size: int) -> list[Anchor]:
    """Read the last `size` anchors, in order."""
    return _anchors((await connection.execute(_NEWEST, {"size": size})).all())


async def following(connection: AsyncConnection, after: int, size: int) -> list[Anchor]:
    """Read the `size` anchors that follow number `after`."""
    return _anchors((await connection.execute(_AFTER, {"after": after, "size": size})).all())


async def covering(connection: AsyncConnection, log: str, position: int) -> Covering | None:
    """Find the anchor that covers the entry of `log` at `position`; None while it waits for its minute to end."""
    row = (await connection.execute(_COVERING, {"log": log, "position": position})).one_or_none()
    return None if row is None else Covering(Anchor(row.no, row.minute, row.jws), row.after, row.position)


async def _heads(connection: AsyncConnection, former: int) -> list[Head]:
    """Read where every log stands behind the heads of the anchor numbered `former`."""
    before = {row.log: row for row in await connection.execute(_HEADS, {"no": former})}
    lanes = await connection.scalars(_LANES)
    logs = ["feed", "security", *(f"lane/{lane}" for lane in lanes)]
    return [await _head(connection, log, before.get(log)) for log in logs]


async def _head(connection: AsyncConnection, log: str, before: Row[Any] | None) -> Head:
    kind, _, lane = log.partition("/")
    after, head = (0, _GENESIS[kind]) if before is None else (before.position, before.hash)
    given = {"after": after, "most": SIZE_MAX, **({"lane": int(lane)} if lane else {})}
    entries = (await connection.execute(text(_ENTRIES[kind]), given)).all()
    position, head = (entries[-1].position, entries[-1].hash) if entries else (after, head)
    # Hundreds of thousands of hashes take a tenth of a second, which the other steps need not wait.
    root = await asyncio.to_thread(merkle.root_of_hashes, [merkle.leaf_hash(entry.hash) for entry in entries])
    return Head(log, position, head, after, root)


def _anchors(rows: Sequence[Row[Any]]) -> list[Anchor]:
    return [Anchor(row.no, row.minute, row.jws) for row in rows]


def _text(raw: bytes) -> str:
    return re.sub("=+$", "", base64.urlsafe_b64encode(raw).decode())
