"""The hash of each statement, computed again from the transfers, and whether its rows are of its days."""

from collections.abc import Iterator
from typing import Any

from psycopg.rows import tuple_row

from app.verify import encoding
from app.verify.finding import PLACES_MAX, Connection, Finding, Kind

#: What the first leaf says: format, account, currency, days, whether they were over, what was there before and after.
_HEAD = encoding.encoder("susss?ii")
_FORMAT = "eresidency-statement/1"
#: What each row's leaf says.
_ROW = {"version": "i", "id": "u", "at": "d", "effective": "d", "kind": "s", "code": "s", "reference": "s",
        "moved": "i", "balance": "i"}  # fmt: skip
_LEAF = encoding.encoder("".join(_ROW.values()))
_FETCH = 2_000

_STATEMENTS = """
    SELECT id, root, final, lane, account, opening_version, closing_version, currency, opening, closing,
           to_char(begins_on, 'YYYY-MM-DD') AS begins_on, to_char(ends_on, 'YYYY-MM-DD') AS ends_on
    FROM wallet.statement WHERE root IS NOT NULL ORDER BY id
"""
_SIDE = """
    SELECT {side}_version AS version, id, at, effective, kind, code, reference, {sign}amount AS moved,
           {side}_posted AS balance, to_char(at AT TIME ZONE 'Asia/Almaty', 'YYYY-MM-DD') AS day
    FROM wallet.transfer
    WHERE lane = %(lane)s AND {side} = %(account)s
      AND {side}_version > %(opening_version)s AND {side}_version <= %(closing_version)s
      AND kind IN ('post', 'capture', 'reversal')
"""
_ROWS = f"{_SIDE.format(side='debit', sign='-')} UNION ALL {_SIDE.format(side='credit', sign='')} ORDER BY version"
_BEFORE = """
    SELECT to_char(max(at) AT TIME ZONE 'Asia/Almaty', 'YYYY-MM-DD') AS day FROM wallet.transfer
    WHERE lane = %(lane)s AND ((debit = %(account)s AND debit_version = %(opening_version)s)
                               OR (credit = %(account)s AND credit_version = %(opening_version)s))
"""


def walk(connection: Connection) -> tuple[int, list[Finding]]:
    """Compare every statement with its rows; answers how many there are, and what was found."""
    found: list[Finding] = []
    statements = connection.execute(_STATEMENTS).fetchall()
    for each in statements:
        found += (Finding("wallet.statement", str(each["id"]), Kind.FLIPPED, what) for what in _wrong(connection, each))
    return len(statements), found[:PLACES_MAX]


def _wrong(connection: Connection, made: dict[str, Any]) -> Iterator[str]:
    """Say what is wrong with one statement."""
    head = ("account", "currency", "begins_on", "ends_on", "final", "opening", "closing")
    leaves = [encoding.leaf(_HEAD((_FORMAT, *(made[name] for name in head))))]
    days = set()
    with connection.cursor("rows", row_factory=tuple_row) as rows:
        rows.itersize = _FETCH
        rows.execute(_ROWS.encode(), made, binary=True)
        for *row, day in rows:
            leaves.append(encoding.leaf(_LEAF(row)))
            days.add(day)
    if encoding.root(leaves) != made["root"]:
        yield "has another hash than its rows"
    # Of one that is final the closings say which legs are its own (app/verify/vouched.py).
    before = connection.execute(_BEFORE, made).fetchone()
    is_early = before is not None and before["day"] is not None and before["day"] >= made["begins_on"]
    if not made["final"] and (is_early or any(not made["begins_on"] <= day <= made["ends_on"] for day in days)):
        yield "leaves out rows of its days, or takes in others"
