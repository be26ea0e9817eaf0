"""What is no transfer and still decides where money goes or what is believed of it, against the journal.

The chart of accounts, addresses of wallets, closed periods, statements: whoever owns the database may change a row, and
the events of app/verify/feed.py, which signed heads and anchors cover, say what it was. As in app/verify/books.py every
check is a query that selects what is wrong.
"""

_KIND = """
    CASE WHEN {row} IS NULL THEN 'missing' WHEN {event} IS NULL THEN 'backdated' ELSE 'flipped' END AS kind
"""

_CHART = f"""
SELECT coalesce(chart.purpose, told.purpose) AS place, {_KIND.format(row="chart.purpose", event="told.purpose")},
       'is not the line that was added to the chart' AS what
FROM wallet.chart
FULL JOIN (
    SELECT DISTINCT ON (body->>'purpose') body, body->>'purpose' AS purpose
    FROM wallet.event WHERE kind = 'chart.line_added' ORDER BY body->>'purpose', version DESC
) AS told USING (purpose)
WHERE to_jsonb(chart) IS DISTINCT FROM told.body
ORDER BY 1
"""  # noqa: S608  made of literals

_ADDRESS = f"""
SELECT coalesce(address.account, told.aggregate) AS place,
       {_KIND.format(row="address.account", event="told.aggregate")},
       'is not the address that was given to the wallet' AS what
FROM wallet.address
FULL JOIN (
    SELECT DISTINCT ON (aggregate) * FROM wallet.event WHERE kind = 'wallet.addressed' ORDER BY aggregate, version DESC
) AS told ON told.aggregate = address.account
WHERE (address.holder, address.lane::text, address.issued_at, encode(sha256(salt || convert_to(iban, 'UTF8')), 'hex'))
      IS DISTINCT FROM (told.holder, told.body->>'lane', told.at, told.body->>'sha256')
ORDER BY 1
"""  # noqa: S608  made of literals

_PERIOD = f"""
SELECT coalesce(period.id, told.aggregate) AS place, {_KIND.format(row="period.id", event="told.aggregate")},
       'is not what two officers decided' AS what
FROM wallet.period
FULL JOIN (
    SELECT asked.aggregate, asked.body->>'closed_until' AS until, asked.actor, asked.at,
           closed.actor AS closed_by, closed.at AS closed_at, dropped.actor AS dropped_by, dropped.at AS dropped_at
    FROM wallet.event AS asked
    LEFT JOIN wallet.event AS closed ON closed.aggregate = asked.aggregate AND closed.kind = 'period.closed'
    LEFT JOIN wallet.event AS dropped ON dropped.aggregate = asked.aggregate AND dropped.kind = 'period.withdrawn'
    WHERE asked.kind = 'period.proposed'
) AS told ON told.aggregate = period.id
WHERE (to_char(closed_until, 'YYYY-MM-DD'), proposed_by, proposed_at, approved_by, approved_at, withdrawn_by,
       withdrawn_at)
      IS DISTINCT FROM (told.until, told.actor, told.at, closed_by, closed_at, dropped_by, dropped_at)
ORDER BY 1
"""  # noqa: S608  made of literals

# An event of before 0030 says nothing of the code.
_STATEMENT = f"""
SELECT coalesce(statement.id, told.aggregate) AS place,
       {_KIND.format(row="statement.id", event="told.aggregate")},
       'is not the statement that was issued' AS what
FROM wallet.statement
LEFT JOIN wallet.account ON account.id = statement.account AND account.lane = statement.lane
     AND account.currency = statement.currency
FULL JOIN (SELECT * FROM wallet.event WHERE kind = 'statement.issued') AS told ON told.aggregate = statement.id
WHERE (statement.holder, account.id::text, to_char(begins_on, 'YYYY-MM-DD'), to_char(ends_on, 'YYYY-MM-DD'),
       final::text, made_at)
      IS DISTINCT FROM (told.holder, told.body->>'account', told.body->>'begins_on', told.body->>'ends_on',
                        told.body->>'final', told.at)
   OR encode(sha256(code), 'hex') <> nullif(told.body->>'code_sha256', '')
ORDER BY 1
"""  # noqa: S608  made of literals

# Where its days are over, what an account had is in the closings; where they are not, the rows tell by themselves
# (app/verify/papers.py) that none is of another day.
_LEGS = """
SELECT statement.id AS place, 'flipped' AS kind, 'leaves out legs of its days, or takes in others' AS what
FROM wallet.statement
CROSS JOIN LATERAL (
    SELECT coalesce(max(version) FILTER (WHERE day < begins_on), 0) AS opening, coalesce(max(version), 0) AS closing
    FROM wallet.closing
    WHERE closing.lane = statement.lane AND closing.account = statement.account AND day <= ends_on
) AS closed
WHERE final AND (opening_version, closing_version) <> (closed.opening, closed.closing)
ORDER BY 1
"""

# table → what is wrong with it
CHECKS = (
    ("wallet.chart", _CHART),
    ("wallet.address", _ADDRESS),
    ("wallet.period", _PERIOD),
    ("wallet.statement", _STATEMENT),
    ("wallet.statement", _LEGS),
)
