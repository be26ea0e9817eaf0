"""The automatic checks of a filed application: what the worker takes up, and where the findings lead.

No check ever refuses: what the applicant can mend is asked for, all else goes to the officers, in the same way whether
anything was found or not, so that nobody learns from the course of the case what a screening said.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from residency import application, events, reason, tables
from residency.application import Application
from residency.case import Act
from residency.eligibility import Finding, Verdict


async def take(db: AsyncConnection, now: datetime) -> Application | None:
    """Lock the application that has waited longest for the worker; those another worker holds are passed over."""
    query = (
        select(*application.COLUMNS)
        .where(tables.application.c.due_at <= now)
        .order_by(tables.application.c.due_at, tables.application.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = (await db.execute(query)).one_or_none()
    return msgspec.convert(row, Application, from_attributes=True) if row else None


async def begin(db: AsyncConnection, filed: Application, *, at: datetime, by: str) -> Application:
    """Say that the checks have begun; raises case.IllegalMove."""
    return await application.advance(db, filed, Act.CHECK, at=at, by=by)


async def record(db: AsyncConnection, checked: Application, findings: Iterable[Finding], *, at: datetime) -> None:
    """Store what a check found: once in each round of checks, the database refuses a second time."""
    rows = [
        {
            "application_id": checked.id,
            "version": checked.version,
            "name": finding.check,
            "verdict": finding.verdict,
            "reason": finding.reason,
            "at": at,
        }
        for finding in findings
    ]
    await db.execute(insert(tables.finding), rows)


async def found(db: AsyncConnection, application_id: UUID, version: int) -> list[Finding]:
    """List what the checks begun by the transition `version` have found so far, in the order they were made."""
    column = tables.finding.c
    query = (
        select(column.name.label("check"), column.verdict, column.reason)
        .where(column.application_id == application_id, column.version == version)
        .order_by(column.at, column.name)
    )
    return [msgspec.convert(row, Finding, from_attributes=True) for row in await db.execute(query)]


async def settle(
    db: AsyncConnection, checked: Application, findings: Iterable[Finding], *, at: datetime, by: str
) -> Application:
    """Move on by what all checks found; raises case.IllegalMove."""
    act, why = decide(findings)
    return await application.advance(db, checked, act, at=at, by=by, reason=why)


def decide(findings: Iterable[Finding]) -> tuple[Act, str | None]:
    """Ask the applicant for the first thing they can mend, else pass the case on to the officers."""
    for finding in findings:
        known = reason.CATALOGUE.get(finding.reason or "")
        if finding.verdict is Verdict.FAIL and known and reason.Use.ASK in known.uses:
            return Act.ASK, known.code
    return Act.FORWARD, None


async def notice_overdue(db: AsyncConnection, late: Application, *, at: datetime, by: str) -> None:
    """Record, once and for everybody to see, that the term ended without a decision."""
    due = application.due_on(late, await application.moves(db, late.id))
    assert due is not None, "the worker is woken for a term that runs"
    noticed = {"overdue_on": due, "due_at": None, "revision": late.revision + 1}
    await db.execute(update(tables.application).where(tables.application.c.id == late.id).values(noticed))
    event = events.Overdue(application_id=late.id, service=late.service, sort=late.version, due_on=due)
    await application.record(db, late, event, at, by)


async def postpone(db: AsyncConnection, failed: Application, until: datetime) -> None:
    """Let an application that could not be checked wait, so that it does not stand in the way of the others."""
    still = (tables.application.c.id == failed.id) & (tables.application.c.version == failed.version)
    await db.execute(update(tables.application).where(still).values(due_at=until))
