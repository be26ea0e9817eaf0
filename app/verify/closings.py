"""The closings of days and the sums of statements, computed again from the transfers."""

# Each leg of an account up to where the days of its lane are closed, with the day it was booked on.
_LEG = """
WITH leg AS (
    SELECT transfer.lane, seq, account, version, posted, moved, (at AT TIME ZONE 'Asia/Almaty')::date AS day,
           (effective AT TIME ZONE 'Asia/Almaty')::date AS value_on
    FROM wallet.transfer CROSS JOIN LATERAL (VALUES
        (debit, debit_version, debit_posted, CASE WHEN kind IN ('post', 'capture', 'reversal') THEN -amount ELSE 0 END),
        (credit, credit_version, credit_posted,
         CASE WHEN kind IN ('post', 'capture', 'reversal') THEN amount ELSE 0 END)
    ) AS side (account, version, posted, moved)
), closed AS (
    SELECT leg.*, lead(leg.day) OVER (PARTITION BY leg.lane, account ORDER BY version) AS next_day
    FROM leg JOIN wallet.closed_day USING (lane) WHERE leg.seq <= closed_day.seq
)
"""

# Of one statement: what its account had after a leg, and what its legs moved, each by the account's own index.
_BALANCE = """
    SELECT debit_posted FROM wallet.transfer
    WHERE lane = statement.lane AND debit = statement.account AND debit_version = {version}
    UNION ALL SELECT credit_posted FROM wallet.transfer
    WHERE lane = statement.lane AND credit = statement.account AND credit_version = {version}
"""
_MOVED = """
    SELECT {sign}amount AS moved FROM wallet.transfer
    WHERE lane = statement.lane AND {side} = statement.account AND {side}_version > opening_version
      AND {side}_version <= closing_version AND kind IN ('post', 'capture', 'reversal')
"""

# table → what is wrong with it
CHECKS = (
    (
        "wallet.closing",
        _LEG  # noqa: S608  made of literals
        + """
        SELECT closing.account || '/' || closing.day AS place, 'flipped' AS kind,
               'is not what the account had after this leg' AS what
        FROM wallet.closing
        LEFT JOIN closed USING (lane, account, version)
        LEFT JOIN wallet.account ON account.lane = closing.lane AND account.id = closing.account
        WHERE closed.posted IS DISTINCT FROM closing.posted OR closed.day IS NULL OR closed.day > closing.day
           OR account.holder IS DISTINCT FROM closing.holder
        ORDER BY 1
    """,
    ),
    (
        "wallet.closing",
        _LEG  # noqa: S608  made of literals
        + """
        SELECT closed.account || '/' || closed.day AS place, 'missing' AS kind, 'ended a day and is no closing' AS what
        FROM closed LEFT JOIN wallet.closing USING (lane, account, version)
        WHERE closed.next_day IS DISTINCT FROM closed.day AND closing.version IS NULL ORDER BY 1
    """,
    ),
    (
        "wallet.value_shift",
        _LEG  # noqa: S608  made of literals
        + """
        SELECT account || '/' || value_on AS place,
               CASE WHEN shift.moved IS NULL THEN 'missing' ELSE 'flipped' END AS kind,
               'is not what was booked on another day than its value date' AS what
        FROM (SELECT lane, account, day AS recorded_on, value_on, sum(moved) AS moved FROM closed
              WHERE value_on <> day GROUP BY 1, 2, 3, 4 HAVING sum(moved) <> 0) AS booked
        FULL JOIN (SELECT lane, account, recorded_on, value_on, sum(moved) AS moved FROM wallet.value_shift
                   GROUP BY 1, 2, 3, 4 HAVING sum(moved) <> 0) AS shift USING (lane, account, recorded_on, value_on)
        WHERE booked.moved IS DISTINCT FROM shift.moved ORDER BY 1
    """,
    ),
    (
        "wallet.statement",
        f"""
        SELECT statement.id AS place, 'flipped' AS kind, 'is not what its legs add up to' AS what
        FROM wallet.statement
        CROSS JOIN LATERAL (SELECT ({_BALANCE.format(version="opening_version")}) AS opening,
                                   ({_BALANCE.format(version="closing_version")}) AS closing) AS booked
        CROSS JOIN LATERAL (
            SELECT count(*) AS entries, coalesce(sum(moved) FILTER (WHERE moved > 0), 0) AS credits,
                   coalesce(-sum(moved) FILTER (WHERE moved < 0), 0) AS debits
            FROM ({_MOVED.format(side="debit", sign="-")} UNION ALL {_MOVED.format(side="credit", sign="")}) AS leg
        ) AS rows
        WHERE coalesce(booked.opening, 0) <> statement.opening OR coalesce(booked.closing, 0) <> statement.closing
           OR (due_at IS NULL AND (rows.entries, rows.credits, rows.debits)
               IS DISTINCT FROM (statement.entries, statement.credits, statement.debits))
        ORDER BY 1
    """,  # noqa: S608  made of literals
    ),
)
