"""The command `eresidency replay`: every decision about an identity again, from its records, by the rules of its day.

0: all came out the same, byte for byte. 1: some did not; each finding names the case and the decision.


decides    kyc/cases/decision.py    every version of the rules that ever decided is kept there
replays    kyc/cases/replay.py      again()
"""

import argparse
import itertools
import sys
import time
from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Any

from psycopg.rows import tuple_row

from app.verify.finding import PLACES_MAX, Connection, Finding, Kind, Verdict, snapshot
from kyc.cases import replay
from kyc.cases.decision import Record
from kyc.cases.replay import Written

_CASES = """
    SELECT held.id AS case_id, purpose, decisions, records FROM kyc.case AS held
    WHERE decisions > 0 AND state <> 'erased' ORDER BY id
"""
_WRITTEN = """
    SELECT number, records, rules, encoded, digest FROM kyc.case_decision WHERE case_id = %s ORDER BY number
"""
_RECORDS = """
    SELECT seq, name, rule, verdict, params, evidence, encode(inputs_hash, 'hex'), document
    FROM kyc.check WHERE case_id = %s ORDER BY seq
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("--database", help="a database, a replica or a restored dump; by default the installation's")


def run(given: argparse.Namespace, database: str) -> int:
    """Replay what was asked for and print the verdict."""
    verdict = replayed(given.database or database)
    sys.stdout.write(verdict.shown() + "\n")
    return verdict.exit_code


def replayed(dsn: str) -> Verdict:
    """Decide everything again that was ever decided."""
    began = time.perf_counter()
    found: list[Finding] = []
    decisions = looked = cases = 0
    with snapshot(dsn) as connection:
        for row in connection.execute(_CASES).fetchall():
            written, known = _case(connection, row["case_id"])
            cases, decisions, looked = cases + 1, decisions + len(written), looked + len(known)
            differs = itertools.chain(
                replay.again(written, known, purpose=row["purpose"]),
                _uncounted(row, len(written), len(known)),
            )
            found += (
                Finding("kyc.case_decision", f"{row['case_id']}/{each.number}", Kind.FLIPPED, each.what)
                for each in differs
            )
    return Verdict(
        {"cases": cases, "decisions": decisions, "checks": looked},
        tuple(sorted(found, key=attrgetter("row")))[:PLACES_MAX],
        time.perf_counter() - began,
    )


def _uncounted(row: Mapping[str, Any], decisions: int, looked: int) -> Iterator[replay.Differs]:
    """Say where a case has more or fewer of either than it counts."""
    if decisions != row["decisions"]:
        yield replay.Differs(decisions, f"is the last of {row['decisions']}")
    if looked != row["records"]:
        yield replay.Differs(0, f"has {looked} records of {row['records']}")


def _case(connection: Connection, case_id: Any) -> tuple[list[Written], list[Record]]:  # noqa: ANN401  as the driver reads it
    written = [Written(**row) for row in connection.execute(_WRITTEN, (case_id,)).fetchall()]
    with connection.cursor(row_factory=tuple_row) as rows:
        return written, [Record.read(row) for row in rows.execute(_RECORDS, (case_id,))]
