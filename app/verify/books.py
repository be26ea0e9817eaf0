"""The books, computed again from the transfers, and the blocks from the books.

Every check is a query that selects what is wrong. The leaf of each transfer is encoded and hashed by PostgreSQL, after
the description in proof/chain.py; only the tree over a block's leaves and the chain of blocks are folded here.
"""

from psycopg.rows import DictRow

from app.verify.finding import PLACES_MAX, Connection, Finding, Verdict, count, findings, snapshot
from proof import chain, merkle

_CHAIN = chain.Chain("wallet/v1")
_FETCH = 100


def ledger(dsn: str) -> Verdict:
    """Verify the ledger at `dsn`."""
    with snapshot(dsn) as connection:
        return check(connection)


def check(connection: Connection) -> Verdict:
    """Verify it over an open connection, whose transaction sees one instant."""
    found = [finding for name, statement in _CHECKS.items() for finding in findings(connection, name, statement)]
    found += _blocks(connection)
    looked_at = {
        "lanes": count(connection, "SELECT count(*) AS n FROM wallet.lane"),
        "accounts": count(connection, "SELECT count(*) AS n FROM wallet.account"),
        "transfers": count(connection, "SELECT count(*) AS n FROM wallet.transfer"),
        "holds": count(connection, "SELECT count(*) AS n FROM wallet.hold"),
        "blocks": count(connection, "SELECT count(*) AS n FROM wallet.block"),
    }
    return Verdict(looked_at=looked_at, findings=tuple(found))


# What one transfer does to each of its two accounts.
_LEG = """
WITH leg AS (
    SELECT lane, seq, currency, debit AS account, debit_version AS version, debit_posted AS posted,
           debit_hold_out AS hold_out, NULL::bigint AS hold_in, held AS out_by, 0::bigint AS in_by,
           CASE WHEN kind IN ('post', 'capture', 'reversal') THEN -amount ELSE 0 END AS posted_by
    FROM wallet.transfer
    UNION ALL
    SELECT lane, seq, currency, credit, credit_version, credit_posted, NULL, credit_hold_in, 0, held,
           CASE WHEN kind IN ('post', 'capture', 'reversal') THEN amount ELSE 0 END
    FROM wallet.transfer
)
"""

_CHECKS = {
    "trial_balance": """
        SELECT currency AS place,
               'sums to ' || sum(posted) || ', holds out ' || sum(hold_out) || ' and in ' || sum(hold_in) AS what
        FROM wallet.account GROUP BY currency HAVING sum(posted) <> 0 OR sum(hold_out) <> sum(hold_in)
        ORDER BY currency
    """,
    "balance": _LEG  # noqa: S608  made of literals
    + """
        SELECT coalesce(account.id, folded.account) AS place, 'is not the sum of its transfers' AS what
        FROM wallet.account
        FULL JOIN (
            SELECT lane, account, min(currency) AS currency, max(currency) AS other, count(*) AS version,
                   sum(posted_by) AS posted, sum(out_by) AS hold_out, sum(in_by) AS hold_in
            FROM leg GROUP BY lane, account
        ) AS folded ON folded.lane = account.lane AND folded.account = account.id
        WHERE account.id IS NULL
           OR (account.posted, account.hold_out, account.hold_in, account.version)
              IS DISTINCT FROM (coalesce(folded.posted, 0), coalesce(folded.hold_out, 0), coalesce(folded.hold_in, 0),
                                coalesce(folded.version, 0))
           OR folded.currency <> account.currency OR folded.other <> account.currency
        ORDER BY 1
    """,
    "running_balance": _LEG  # noqa: S608  made of literals
    + """
        , run AS (
            SELECT *, row_number() OVER along AS nth, sum(posted_by) OVER along AS posted_sum,
                   sum(out_by) OVER along AS out_sum, sum(in_by) OVER along AS in_sum
            FROM leg WINDOW along AS (PARTITION BY lane, account ORDER BY seq)
        )
        SELECT lane || '/' || seq AS place,
               CASE WHEN version <> nth THEN 'is version ' || version || ' of its account, should be ' || nth
                    ELSE 'leaves another balance than the transfers up to it' END AS what
        FROM run
        WHERE version <> nth OR posted <> posted_sum OR hold_out <> out_sum OR hold_in <> in_sum
        ORDER BY lane, seq
    """,
    "overdraft": """
        SELECT id AS place, 'is ' || (posted - hold_out) || ', may be no less than ' || floor AS what
        FROM wallet.account WHERE posted - hold_out < floor ORDER BY 1
    """,
    "sequence": """
        SELECT lane || '/' || seq AS place, 'is number ' || nth || ' of its lane' AS what
        FROM (
            SELECT lane, seq, row_number() OVER (PARTITION BY lane ORDER BY seq) AS nth FROM wallet.transfer
        ) AS numbered
        WHERE seq <> nth
        ORDER BY lane, seq
    """,
    "lane": """
        SELECT lane.lane AS place, 'counts ' || lane.seq || ' transfers, has ' || count(transfer.seq) AS what
        FROM wallet.lane LEFT JOIN wallet.transfer USING (lane)
        GROUP BY lane.lane, lane.seq HAVING lane.seq <> count(transfer.seq)
        ORDER BY 1
    """,
    "hold": """
        SELECT coalesce(hold.id, made.id) AS place,
               CASE WHEN hold.id IS NULL THEN 'is gone' WHEN made.id IS NULL THEN 'was never made'
                    ELSE 'is not what its transfers left' END AS what
        FROM wallet.hold
        FULL JOIN (
            SELECT made.lane, made.id, made.debit, made.credit, made.currency, made.amount,
                   made.amount + coalesce(sum(freed.held), 0) AS remaining
            FROM wallet.transfer AS made
            LEFT JOIN wallet.transfer AS freed
                 ON freed.lane = made.lane AND freed.of = made.id AND freed.kind <> 'reversal'
            WHERE made.kind = 'hold'
            GROUP BY made.lane, made.id, made.debit, made.credit, made.currency, made.amount
        ) AS made ON made.lane = hold.lane AND made.id = hold.id
        WHERE (hold.debit, hold.credit, hold.currency, hold.amount, hold.remaining)
              IS DISTINCT FROM (made.debit, made.credit, made.currency, made.amount, made.remaining)
        ORDER BY 1
    """,
    "held": """
        SELECT account.id AS place, 'holds other than its open holds add up to' AS what
        FROM wallet.account
        LEFT JOIN (SELECT lane, debit, sum(remaining) AS open FROM wallet.hold GROUP BY lane, debit) AS outgoing
             ON outgoing.lane = account.lane AND outgoing.debit = account.id
        LEFT JOIN (SELECT lane, credit, sum(remaining) AS open FROM wallet.hold GROUP BY lane, credit) AS incoming
             ON incoming.lane = account.lane AND incoming.credit = account.id
        WHERE account.hold_out <> coalesce(outgoing.open, 0) OR account.hold_in <> coalesce(incoming.open, 0)
        ORDER BY 1
    """,
}

# What a transfer's leaf says, in its order, with the letters of the encoding (proof/chain.py).
_COLUMNS = {
    "lane": "i", "seq": "i", "id": "u", "kind": "s", "debit": "u", "credit": "u", "amount": "i", "held": "i",
    "currency": "s", "of": "u", "linked": "u", "at": "d", "effective": "d", "code": "s",
    "reference": "s",
}  # fmt: skip
_CONTENT = {
    "i": "convert_to({}::text, 'UTF8')",
    "s": "convert_to({}, 'UTF8')",
    "u": "uuid_send({})",
    "d": "convert_to((extract(epoch FROM {}) * 1000000)::bigint::text, 'UTF8')",
}


def _encoded(column: str, letter: str) -> str:
    content = _CONTENT[letter].format(f"transfer.{column}")
    encoded = f"convert_to('{letter}', 'UTF8') || int4send(octet_length({content})) || {content}"
    return f"coalesce({encoded}, '\\x6e00000000'::bytea)"


_LEAF = " || ".join(_encoded(column, letter) for column, letter in _COLUMNS.items())
_BLOCKS = f"""
SELECT block.lane, block.no, block.first_seq, block.last_seq, block.root, block.prev, block.hash,
       bool_and(transfer.at = block.at) AS same_time,
       array_agg(sha256('\\x00'::bytea || {_LEAF}) ORDER BY transfer.seq)
           FILTER (WHERE transfer.seq IS NOT NULL) AS leaves
FROM wallet.block
LEFT JOIN wallet.transfer
     ON transfer.lane = block.lane AND transfer.seq BETWEEN block.first_seq AND block.last_seq
GROUP BY block.lane, block.no
ORDER BY block.lane, block.no
"""  # noqa: S608  made of the literals above


def _blocks(connection: Connection) -> list[Finding]:
    """Fold every lane's blocks from its genesis to the head the lane shows."""
    found: list[Finding] = []
    ends: dict[int, tuple[int, int, bytes]] = {}
    with connection.cursor("blocks") as rows:
        rows.itersize = _FETCH
        rows.execute(_BLOCKS.encode())
        for row in rows:
            end = ends.get(row["lane"], (0, 0, _CHAIN.genesis))
            found += _block(row, *end)
            ends[row["lane"]] = (row["no"], row["last_seq"], row["hash"])
    for lane in connection.execute("SELECT lane, block, seq, head FROM wallet.lane ORDER BY lane"):
        if ends.get(lane["lane"], (0, 0, _CHAIN.genesis)) != (lane["block"], lane["seq"], lane["head"]):
            found.append(Finding("block", str(lane["lane"]), "the lane shows another head than its blocks lead to"))
    return found[:PLACES_MAX]


def _block(row: DictRow, no: int, last_seq: int, head: bytes) -> list[Finding]:
    entry = chain.encode(row["lane"], row["no"], row["first_seq"], row["last_seq"], row["root"])
    faults = {
        f"follows block {no}": row["no"] != no + 1,
        f"begins at {row['first_seq']} after {last_seq}": row["first_seq"] != last_seq + 1,
        "its transfers are not those it vouches for": merkle.root_of_hashes(list(row["leaves"] or ())) != row["root"],
        "its transfers were not written together": row["same_time"] is not True,
        "the block before it is another": row["prev"] != head,
        "its hash is not its own": _CHAIN.extend(row["prev"], entry) != row["hash"],
    }
    where = f"{row['lane']}/{row['no']}"
    return [Finding("block", where, what) for what, wrong in faults.items() if wrong]
