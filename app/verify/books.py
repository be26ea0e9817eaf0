"""The books, computed again from the transfers, and what the blocks and the anchors say of them.

Every check of the books is a query that selects what is wrong; the blocks are folded in app/verify/blocks.py.
"""

import time
from collections.abc import Mapping

from app.verify import anchors, blocks, closings, encoding, groups, papers, vouched
from app.verify.finding import Connection, Finding, Verdict, count, findings, snapshot


def ledger(dsn: str, *trusted: Mapping[str, str], elsewhere: Mapping[int, str] | None = None) -> Verdict:
    """Verify the ledger at `dsn`; with the public keys (JWK) that may sign, against the anchors too.

    Anchors kept `elsewhere` are compared with those here. Read them before calling.
    """
    with snapshot(dsn) as connection:
        return check(connection, *trusted, elsewhere=elsewhere)


def check(connection: Connection, *trusted: Mapping[str, str], elsewhere: Mapping[int, str] | None = None) -> Verdict:
    """Verify it over an open connection, whose transaction sees one instant."""
    began = time.perf_counter()
    found: list[Finding] = []
    stated: list[anchors.Statement] = []
    anchored = 0
    if trusted:
        stated, found, anchored = anchors.read(connection, encoding.keys(*trusted), elsewhere)
    for table, statement in (*_CHECKS, *groups.CHECKS, *closings.CHECKS, *vouched.CHECKS):
        found += findings(connection, table, statement)
    walked = blocks.walk(connection, stated)
    statements, wrong = papers.walk(connection)
    looked_at = {
        "lanes": count(connection, "SELECT count(*) AS n FROM wallet.lane"),
        "accounts": count(connection, "SELECT count(*) AS n FROM wallet.account"),
        "transfers": walked.transfers,
        "holds": count(connection, "SELECT count(*) AS n FROM wallet.hold"),
        "blocks": walked.blocks,
        "statements": statements,
        "anchors": anchored,
        "anchors_elsewhere": len(elsewhere or {}),
        "unanchored_blocks": walked.unanchored,
    }
    return Verdict(looked_at, (*found, *walked.findings, *wrong), round(time.perf_counter() - began, 3))


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

# table → what is wrong with it
_CHECKS = (
    (
        "wallet.account",
        """
        SELECT currency AS place, 'flipped' AS kind,
               'sums to ' || sum(posted) || ', holds out ' || sum(hold_out) || ' and in ' || sum(hold_in) AS what
        FROM wallet.account GROUP BY currency HAVING sum(posted) <> 0 OR sum(hold_out) <> sum(hold_in)
        ORDER BY currency
    """,
    ),
    (
        "wallet.account",
        _LEG  # noqa: S608  made of literals
        + """
        SELECT coalesce(account.id, folded.account) AS place,
               CASE WHEN account.id IS NULL THEN 'missing' ELSE 'flipped' END AS kind,
               'is not the sum of its transfers' AS what
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
    ),
    (
        "wallet.transfer",
        _LEG  # noqa: S608  made of literals
        + """
        , run AS (
            SELECT *, row_number() OVER along AS nth, sum(posted_by) OVER along AS posted_sum,
                   sum(out_by) OVER along AS out_sum, sum(in_by) OVER along AS in_sum
            FROM leg WINDOW along AS (PARTITION BY lane, account ORDER BY seq)
        )
        SELECT lane || '/' || seq AS place, 'flipped' AS kind,
               CASE WHEN version <> nth THEN 'is version ' || version || ' of its account, should be ' || nth
                    ELSE 'leaves another balance than the transfers up to it' END AS what
        FROM run
        WHERE version <> nth OR posted <> posted_sum OR hold_out <> out_sum OR hold_in <> in_sum
        ORDER BY lane, seq
    """,
    ),
    (
        "wallet.account",
        """
        SELECT id AS place, 'flipped' AS kind, 'is ' || (posted - hold_out) || ', may be no less than ' || floor AS what
        FROM wallet.account WHERE posted - hold_out < floor ORDER BY 1
    """,
    ),
    (
        "wallet.transfer",
        """
        SELECT lane || '/' || seq AS place, 'missing' AS kind,
               'comes after a gap: is number ' || nth || ' of its lane' AS what
        FROM (
            SELECT lane, seq, row_number() OVER (PARTITION BY lane ORDER BY seq) AS nth FROM wallet.transfer
        ) AS numbered
        WHERE seq <> nth
        ORDER BY lane, seq
    """,
    ),
    (
        "wallet.transfer",
        """
        SELECT lane.lane || '/' || lane.seq AS place,
               CASE WHEN lane.seq > count(transfer.seq) THEN 'truncated' ELSE 'backdated' END AS kind,
               'counts ' || lane.seq || ' transfers, has ' || count(transfer.seq) AS what
        FROM wallet.lane LEFT JOIN wallet.transfer USING (lane)
        GROUP BY lane.lane, lane.seq HAVING lane.seq <> count(transfer.seq)
        ORDER BY 1
    """,
    ),
    (
        "wallet.hold",
        """
        SELECT coalesce(hold.id, made.id) AS place,
               CASE WHEN hold.id IS NULL THEN 'missing' WHEN made.id IS NULL THEN 'backdated' ELSE 'flipped' END
                   AS kind,
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
           OR made.remaining < 0
        ORDER BY 1
    """,
    ),
    (
        "wallet.account",
        """
        SELECT account.id AS place, 'flipped' AS kind, 'holds other than its open holds add up to' AS what
        FROM wallet.account
        LEFT JOIN (SELECT lane, debit, sum(remaining) AS open FROM wallet.hold GROUP BY lane, debit) AS outgoing
             ON outgoing.lane = account.lane AND outgoing.debit = account.id
        LEFT JOIN (SELECT lane, credit, sum(remaining) AS open FROM wallet.hold GROUP BY lane, credit) AS incoming
             ON incoming.lane = account.lane AND incoming.credit = account.id
        WHERE account.hold_out <> coalesce(outgoing.open, 0) OR account.hold_in <> coalesce(incoming.open, 0)
        ORDER BY 1
    """,
    ),
    # An account is as its event says, and the holder's lane too.
    (
        "wallet.account",
        """
        SELECT coalesce(account.id, event.aggregate) AS place,
               CASE WHEN account.id IS NULL THEN 'missing' WHEN event.id IS NULL THEN 'backdated' ELSE 'flipped' END
                   AS kind,
               'is not the account that was opened' AS what
        FROM wallet.account
        FULL JOIN (SELECT * FROM wallet.event WHERE kind IN ('wallet.opened', 'wallet.account_opened')) AS event
             ON event.aggregate = account.id
        WHERE (account.holder, account.lane::text, account.currency, account.opened_at, account.purpose, account.label,
               account.floor)
              IS DISTINCT FROM (event.holder, event.body->>'lane', event.body->>'currency', event.at,
                                coalesce(event.body->>'purpose', 'wallet'), coalesce(event.body->>'label', ''),
                                CASE WHEN event.holder IS NOT NULL THEN 0 END)
        ORDER BY 1
    """,
    ),
    (
        "wallet.account",
        """
        SELECT coalesce(account.id, event.aggregate) AS place, 'flipped' AS kind,
               'is closed, and was not, or not empty; or the other way round' AS what
        FROM (SELECT * FROM wallet.account WHERE closed_at IS NOT NULL) AS account
        FULL JOIN (SELECT * FROM wallet.event WHERE kind = 'wallet.account_closed') AS event
             ON event.aggregate = account.id
        WHERE account.closed_at IS DISTINCT FROM event.at
           OR (account.posted, account.hold_out, account.hold_in) <> (0, 0, 0)
        ORDER BY 1
    """,
    ),
    (
        "wallet.account",
        """
        SELECT account.id AS place, 'flipped' AS kind, 'is not what the chart says of ' || account.purpose AS what
        FROM wallet.account LEFT JOIN wallet.chart USING (purpose)
        WHERE chart.purpose IS NULL OR (chart.owner = 'resident') <> (account.holder IS NOT NULL)
           OR chart.floor IS DISTINCT FROM account.floor OR chart.currency <> account.currency
           OR (chart.label IS NULL) <> (account.label = '')
        ORDER BY 1
    """,
    ),
    (
        "wallet.holder",
        """
        SELECT coalesce(holder.holder, event.holder) AS place,
               CASE WHEN holder.holder IS NULL THEN 'missing' WHEN event.id IS NULL THEN 'backdated' ELSE 'flipped' END
                   AS kind,
               'is not who opened a wallet' AS what
        FROM wallet.holder
        FULL JOIN (SELECT * FROM wallet.event WHERE kind = 'wallet.opened') AS event ON event.holder = holder.holder
        WHERE (holder.lane::text, holder.opened_at) IS DISTINCT FROM (event.body->>'lane', event.at)
        ORDER BY 1
    """,
    ),
)
