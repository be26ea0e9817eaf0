"""The audit chain: whether every event is in the feed, in order and unchanged, under signed heads and anchors."""

import time
from collections.abc import Mapping

from psycopg import sql

from app.verify import anchors, encoding, issuances
from app.verify.anchors import Marks
from app.verify.encoding import Forged, Keys
from app.verify.finding import Connection, Finding, Kind, Verdict, count, findings, snapshot
from app.verify.log import FEED, SECURITY, Walk

_HEAD = encoding.encoder("sibd")


def audit(dsn: str, *trusted: Mapping[str, str], elsewhere: Mapping[int, str] | None = None) -> Verdict:
    """Verify the audit chain at `dsn` against the public keys (JWK) that may sign, and anchors kept `elsewhere`.

    `looked_at` tells, beside what was checked, how many rows at the end no signature, and no anchor, covers yet. Read
    the second place before calling: what it keeps was in the database first.
    """
    with snapshot(dsn) as connection:
        return check(connection, *trusted, elsewhere=elsewhere)


def check(connection: Connection, *trusted: Mapping[str, str], elsewhere: Mapping[int, str] | None = None) -> Verdict:
    """Verify it over an open connection, whose transaction sees one instant."""
    began, keys = time.perf_counter(), encoding.keys(*trusted)
    stated, found, anchored = anchors.read(connection, keys, elsewhere)
    heads = {row["position"] for row in connection.execute("SELECT position FROM app.tree_head")}
    feed, security = (
        Walk(log, Marks(log.name, log.table, log.chain.genesis, stated), frozenset(heads)) for log in (FEED, SECURITY)
    )
    feed.through(connection)
    security.through(connection)
    found += feed.findings + _heads(connection, feed, keys) + security.findings
    events, lost = _journals(connection, feed_is_whole=feed.whole)
    found += lost + _ledger(connection, feed_is_whole=feed.whole)
    issued, untrue = issuances.walk(connection)
    found += untrue
    if feed.position and not anchored:
        found.append(Finding(anchors.TABLE, "-", Kind.TRUNCATED, "holds no anchor, and the feed has rows"))
    looked_at = {
        "rows": feed.position,
        "heads": len(heads),
        "unsigned_rows": feed.position - max(heads, default=0),
        "events": events,
        "transfers": count(connection, "SELECT count(*) AS n FROM wallet.transfer"),
        "security_events": security.position,
        "issuance_log_entries": issued,
        "anchors": anchored,
        "anchors_elsewhere": len(elsewhere or {}),
        "unanchored_rows": feed.position - min(feed.stated, feed.position),
    }
    return Verdict(looked_at, tuple(found), round(time.perf_counter() - began, 3))


def _heads(connection: Connection, walked: Walk, trusted: Keys) -> list[Finding]:
    """Check the heads that are signed between two anchors."""
    found = []
    for row in connection.execute("SELECT position, hash, at, kid, signature FROM app.tree_head ORDER BY position"):
        where = str(row["position"])
        try:
            message = _HEAD(("tree-head/v1", row["position"], row["hash"], row["at"]))
            encoding.signed(trusted, row["kid"], message, row["signature"])
        except Forged as forged:
            found.append(Finding("app.tree_head", where, Kind.SIGNATURE, forged.why))
            continue
        if row["position"] not in walked.hashes:
            found.append(Finding(FEED.table, where, Kind.TRUNCATED, "was signed for, and is gone"))
        elif walked.hashes[row["position"]] != row["hash"]:
            found.append(Finding(FEED.table, where, Kind.FLIPPED, "is not what was signed, or one before it is not"))
    return found


_JOURNALS = """
SELECT table_schema AS name FROM information_schema.tables
WHERE table_name = 'event' AND table_type = 'BASE TABLE' ORDER BY table_schema
"""
# An event is relayed or waits in the queue; what the feed says is what the journal says.
_JOURNAL = """
SELECT coalesce(event.id, feed.event_id) AS place,
       CASE WHEN event.id IS NULL THEN 'missing' WHEN feed.event_id IS NULL THEN {unfed} ELSE 'flipped' END AS kind,
       CASE WHEN event.id IS NULL THEN 'is in the feed but was never written, or is gone'
            WHEN feed.event_id IS NULL THEN 'is neither in the feed nor queued for it'
            ELSE 'differs between journal and feed' END AS what
FROM {journal} AS event
FULL JOIN (SELECT * FROM app.feed WHERE source = {name}) AS feed ON feed.event_id = event.id
LEFT JOIN app.outbox ON outbox.source = {name} AND outbox.event_seq = event.seq
WHERE event.id IS NULL
   OR (feed.event_id IS NULL AND outbox.seq IS NULL)
   OR (feed.event_id IS NOT NULL
       AND (event.aggregate, event.version, event.holder, event.kind, event.actor, event.at, event.body)
           IS DISTINCT FROM
           (feed.aggregate, feed.version, feed.holder, feed.kind, feed.actor, feed.at, feed.body))
ORDER BY 1
"""
_STRANGERS = """
SELECT position AS place, 'backdated' AS kind, 'comes from ' || source || ', where nothing is written' AS what
FROM app.feed WHERE source <> 'ledger' AND source <> ALL(%(names)s) ORDER BY position
"""


def _journals(connection: Connection, *, feed_is_whole: bool) -> tuple[int, list[Finding]]:
    """Compare every package's events with the feed; where the feed's chain holds, the journal was changed."""
    names = [row["name"] for row in connection.execute(_JOURNALS)]
    found = findings(connection, FEED.table, _STRANGERS, {"names": names})
    events = 0
    for name in names:
        journal = sql.Identifier(name, "event")
        events += count(connection, sql.SQL("SELECT count(*) AS n FROM {}").format(journal))
        unfed = sql.Literal("backdated" if feed_is_whole else "missing")
        statement = sql.SQL(_JOURNAL).format(journal=journal, name=sql.Literal(name), unfed=unfed)
        table = f"{name}.event" if feed_is_whole else FEED.table
        found += findings(connection, table, statement.as_string(connection))
    return events, found


# A transfer shows once for each side that belongs to a resident, and once for the credit side where neither does.
_SIDES = """
WITH side AS (
    SELECT transfer.*, 'debit' AS side, debit AS account, debit_version AS version, payer.holder
    FROM wallet.transfer JOIN wallet.account AS payer ON payer.lane = transfer.lane AND payer.id = transfer.debit
    WHERE payer.holder IS NOT NULL
    UNION ALL
    SELECT transfer.*, 'credit', credit, credit_version, payee.holder
    FROM wallet.transfer
    JOIN wallet.account AS payer ON payer.lane = transfer.lane AND payer.id = transfer.debit
    JOIN wallet.account AS payee ON payee.lane = transfer.lane AND payee.id = transfer.credit
    WHERE payee.holder IS NOT NULL OR payer.holder IS NULL
), due AS (
    SELECT side.* FROM side JOIN wallet.lane USING (lane) WHERE side.seq <= lane.relayed
), shown AS (
    -- As text: what somebody forged may be no number at all.
    SELECT *, body->>'lane' AS lane, body->>'seq' AS seq, body->>'side' AS side FROM app.feed WHERE source = 'ledger'
)
SELECT coalesce(due.lane::text, shown.lane) || '/' || coalesce(due.seq::text, shown.seq) AS place,
       CASE WHEN due.id IS NULL THEN 'missing' WHEN shown.position IS NULL THEN {unfed} ELSE 'flipped' END AS kind,
       CASE WHEN due.id IS NULL THEN 'is in the feed but not in the ledger'
            WHEN shown.position IS NULL THEN 'is in the ledger but not in the feed'
            ELSE 'differs between ledger and feed' END AS what
FROM due FULL JOIN shown ON (shown.lane, shown.seq, shown.side) = (due.lane::text, due.seq::text, due.side)
WHERE due.id IS NULL OR shown.position IS NULL
   OR (due.account, due.version, due.holder, 'transfer.' || due.kind, due.at, due.id::text, due.amount::text,
       due.currency, due.code, due.reference)
      IS DISTINCT FROM
      (shown.aggregate, shown.version, shown.holder, shown.kind, shown.at, shown.body->>'transfer',
       shown.body->>'amount_minor', shown.body->>'currency', shown.body->>'code', shown.body->>'reference')
ORDER BY 1
"""


def _ledger(connection: Connection, *, feed_is_whole: bool) -> list[Finding]:
    unfed = sql.Literal("backdated" if feed_is_whole else "missing")
    statement = sql.SQL(_SIDES).format(unfed=unfed).as_string(connection)
    return findings(connection, "wallet.transfer" if feed_is_whole else FEED.table, statement)
