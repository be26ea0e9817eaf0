"""The audit chain, computed again from the rows of the feed.

chain    position by position: no gap, and each hash follows from the one before and the row
heads    each signed head is by a trusted key and is the chain's hash at its position
sources  each event of every journal and each transfer is in the feed as it was written, and nothing else is
"""

from collections.abc import Mapping, Sequence

from psycopg import sql
from psycopg.rows import DictRow

from app.verify.finding import PLACES_MAX, Connection, Finding, Verdict, Witness, count, findings, snapshot
from proof import canonical, chain, signer

_CHAIN = chain.Chain("feed/v1")
_HEAD = "tree-head/v1"
_FETCH = 1_000


def audit(dsn: str, *trusted: Mapping[str, str], witnessed: Sequence[Witness] = ()) -> Verdict:
    """Verify the audit chain at `dsn` against the public keys (JWK) that may sign its heads.

    `looked_at` tells, beside what was checked, how many rows at the end no signature covers yet.
    """
    with snapshot(dsn) as connection:
        return check(connection, *trusted, witnessed=witnessed)


def check(connection: Connection, *trusted: Mapping[str, str], witnessed: Sequence[Witness] = ()) -> Verdict:
    """Verify it over an open connection, whose transaction sees one instant."""
    wanted = {row["position"] for row in connection.execute("SELECT position FROM app.tree_head")}
    walked = _Walk(wanted | {witness.position for witness in witnessed})
    walked.through(connection)
    found = walked.findings
    found += _heads(connection, walked, {signer.thumbprint(key): key for key in trusted})
    found += _witnessed(walked, witnessed)
    events, lost = _journals(connection)
    found += lost + _ledger(connection)
    looked_at = {
        "rows": walked.position,
        "heads": len(wanted),
        "unsigned_rows": walked.position - max(wanted, default=0),
        "events": events,
        "transfers": count(connection, "SELECT count(*) AS n FROM wallet.transfer"),
    }
    return Verdict(looked_at=looked_at, findings=tuple(found))


class _Walk:
    """One pass over the feed, which keeps the recomputed hash at each position somebody signed or witnessed."""

    def __init__(self, wanted: set[int]) -> None:
        self.wanted = wanted
        self.hashes: dict[int, bytes] = {}
        self.findings: list[Finding] = []
        self.position = 0

    def through(self, connection: Connection) -> None:
        head = _CHAIN.genesis
        with connection.cursor("feed") as rows:
            rows.itersize = _FETCH
            rows.execute(
                """
                SELECT position, event_id, source, aggregate, version, holder, kind, actor, at, body, relayed_at, hash
                FROM app.feed ORDER BY position
                """
            )
            for row in rows:
                if row["position"] != self.position + 1:
                    self._found(row["position"], f"follows position {self.position}")
                self.position = row["position"]
                recomputed = _link(head, row)
                if recomputed != row["hash"]:
                    self._found(self.position, "the row or its hash was changed")
                # Go on from what is stored, so that one change is one finding.
                head = row["hash"]
                if self.position in self.wanted:
                    self.hashes[self.position] = recomputed

    def _found(self, position: int, what: str) -> None:
        if len(self.findings) < PLACES_MAX:
            self.findings.append(Finding("chain", str(position), what))


def _link(head: bytes, row: DictRow) -> bytes:
    """Compute the hash of `row` behind `head`; empty where the row holds what was never written."""
    try:
        entry = chain.encode(
            row["position"],
            row["event_id"],
            row["source"],
            row["aggregate"],
            row["version"],
            row["holder"],
            row["kind"],
            row["actor"],
            row["at"],
            canonical.dumps(row["body"]),
            row["relayed_at"],
        )
    except canonical.NotCanonical:
        return b""
    return _CHAIN.extend(head, entry)


def _heads(connection: Connection, walked: _Walk, trusted: Mapping[str, Mapping[str, str]]) -> list[Finding]:
    found = []
    signed = 0
    for row in connection.execute("SELECT position, hash, at, kid, signature FROM app.tree_head ORDER BY position"):
        signed += 1
        where = str(row["position"])
        key = trusted.get(row["kid"])
        message = chain.encode(_HEAD, row["position"], row["hash"], row["at"])
        if key is None:
            found.append(Finding("head", where, f"signed by {row['kid']}, which is not trusted"))
        elif not signer.verify(key, message, row["signature"]):
            found.append(Finding("head", where, "the signature is not of this head"))
        elif row["position"] not in walked.hashes:
            found.append(Finding("head", where, "the row it vouches for is gone"))
        elif walked.hashes[row["position"]] != row["hash"]:
            found.append(Finding("head", where, "the chain is not the one that was signed"))
    if walked.position and not signed:
        found.append(Finding("head", "-", "no head was ever signed, or all are gone"))
    return found


def _witnessed(walked: _Walk, witnessed: Sequence[Witness]) -> list[Finding]:
    return [
        Finding("witness", str(witness.position), "the chain is not the one that was witnessed")
        for witness in witnessed
        if walked.hashes.get(witness.position) != witness.hash
    ]


_JOURNALS = """
SELECT table_schema AS name FROM information_schema.tables WHERE table_name = 'event' ORDER BY table_schema
"""
# An event is relayed or waits in the queue; what the feed says is what the journal says.
_JOURNAL = """
SELECT coalesce(event.id, feed.event_id) AS place,
       CASE WHEN event.id IS NULL THEN 'is in the feed but was never written'
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
SELECT position AS place, 'comes from ' || source || ', where nothing is written' AS what
FROM app.feed WHERE source <> 'ledger' AND source <> ALL(%(names)s) ORDER BY position
"""


def _journals(connection: Connection) -> tuple[int, list[Finding]]:
    names = [row["name"] for row in connection.execute(_JOURNALS)]
    found = findings(connection, "source", _STRANGERS, {"names": names})
    events = 0
    for name in names:
        journal = sql.Identifier(name, "event")
        events += count(connection, sql.SQL("SELECT count(*) AS n FROM {}").format(journal))
        statement = sql.SQL(_JOURNAL).format(journal=journal, name=sql.Literal(name))
        found += findings(connection, "source", statement.as_string(connection))
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


def _ledger(connection: Connection) -> list[Finding]:
    return findings(connection, "transfer", _SIDES)
