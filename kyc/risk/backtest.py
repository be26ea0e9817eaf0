"""A version of a rule, tried on facts of the past: whom it would have moved, and where to.

asks     POST /v1/officer/risk-rule-versions/{id}/backtests    ask()
runs     kyc/risk/backtest.py                                  run()      <- you are here
reads    kyc.assessment     every judgement with its facts and the versions it was made by

Each judgement is made again with the version in the place of the one of its rule, by the rules and the scale of its own
day. The same version over the same days is the same report, to the byte: it says so by its hash. A person who was
erased meanwhile is missing, and the hash shows it.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from kyc import tables as kyc_tables
from kyc.holder import Safes
from kyc.risk import assessment, condition, facts, rule, tables
from kyc.risk.band import Band, Scale
from kyc.risk.events import RiskRuleBacktested
from kyc.risk.rule import Version
from proof import journal

#: What was committed so long ago is seen by everybody.
SETTLED = timedelta(minutes=1)
LONGEST = timedelta(days=366)
_PAGE = 1_000
_EXAMPLES = 20


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """How many judgements would be of another band."""

    before: Band
    after: Band
    assessments: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the version would have done: applied to so many, moved so many to another band.

    `examples` are the first that moved. Of `unreadable` judgements the facts are not of a form that is known now.
    """

    assessments: int
    unreadable: int
    applied: int
    moved: tuple[Move, ...]
    examples: tuple[UUID, ...]


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """A version, and the judgements `[since, until)`; done once there is a report."""

    id: UUID
    version: UUID
    since: datetime
    until: datetime
    asked_by: str
    asked_at: datetime
    done_at: datetime | None = None
    report: Report | None = None
    hash: bytes | None = None


class UnknownBacktest(Exception):
    """Nobody asked for this one."""


class BadPeriod(Exception):
    """The days asked for are not over, too many, or none at all: `latest` is how far they may go."""

    def __init__(self, latest: datetime) -> None:
        super().__init__(latest)
        self.latest = latest.isoformat(timespec="seconds")
        self.days = LONGEST.days


async def ask(
    db: AsyncConnection, version: UUID, *, new: UUID, since: datetime, until: datetime, actor: str, at: datetime
) -> Backtest:
    """Ask for a backtest of the judgements `[since, until)`; raises rule.UnknownRule, BadPeriod."""
    await rule.find(db, version)
    latest = at - SETTLED
    if not since < until <= latest or until - since > LONGEST:
        raise BadPeriod(latest)
    asked = Backtest(id=new, version=version, since=since, until=until, asked_by=actor, asked_at=at)
    row = {name: getattr(asked, name) for name in ("id", "version", "since", "until", "asked_by", "asked_at")}
    await db.execute(insert(tables.risk_backtest).values(**row, due_at=at))
    return asked


async def find(db: AsyncConnection, wanted: UUID) -> Backtest:
    """Read one; raises UnknownBacktest."""
    row = (await db.execute(select(*_COLUMNS).where(tables.risk_backtest.c.id == wanted))).one_or_none()
    if row is None:
        raise UnknownBacktest
    return _backtest(row)


async def of(db: AsyncConnection, version: UUID, *, limit: int) -> list[Backtest]:
    """Read those of a version, the latest first."""
    query = select(*_COLUMNS).where(tables.risk_backtest.c.version == version)
    return [_backtest(row) for row in await db.execute(query.order_by(tables.risk_backtest.c.id.desc()).limit(limit))]


async def due(db: AsyncConnection, *, at: datetime) -> Backtest | None:
    """Take one that nobody has run yet, for the time of this transaction."""
    column = tables.risk_backtest.c
    query = select(*_COLUMNS).where(column.due_at <= at).order_by(column.due_at, column.id).limit(1)
    row = (await db.execute(query.with_for_update(skip_locked=True))).one_or_none()
    return None if row is None else _backtest(row)


async def run(db: AsyncConnection, asked: Backtest, safes: Safes, *, at: datetime) -> Report:
    """Try the version on every judgement, and keep the report."""
    version = await rule.find(db, asked.version)
    report = await tried(db, asked, version, safes)
    hashed = digest(asked, version, report)
    done = {"due_at": None, "done_at": at, "report": msgspec.to_builtins(report), "hash": hashed}
    await db.execute(update(tables.risk_backtest).where(tables.risk_backtest.c.id == asked.id).values(done))
    event = RiskRuleBacktested(
        version_id=version.id,
        assessments=report.assessments,
        moved=sum(each.assessments for each in report.moved),
        hash=hashed.hex(),
    )
    fact = journal.Fact(aggregate=asked.id, at=at, actor=asked.asked_by, event=event)
    await journal.append(db, kyc_tables.event, fact)
    return report


def digest(asked: Backtest, version: Version, report: Report) -> bytes:
    """Hash what was asked and what came of it, whoever asked and whenever."""
    content = {
        "body": version.body,
        "since": asked.since.isoformat(),
        "until": asked.until.isoformat(),
        "report": report,
    }
    return hashlib.sha256(facts.one_form(content)).digest()


async def tried(db: AsyncConnection, asked: Backtest, version: Version, safes: Safes, *, size: int = _PAGE) -> Report:
    """Try `version` on the judgements `[since, until)`, `size` at a time; nothing is written."""
    known = {each.name: each for each in await rule.listed(db)}
    moved: Counter[tuple[Band, Band]] = Counter()
    examples: list[UUID] = []
    seen = unreadable = applied = 0
    async for rows in _pages(db, asked, size):
        opened = await assessment.unsealed(db, rows, safes)
        seen, unreadable = seen + len(rows), unreadable + len(rows) - len(opened)
        for row in rows:
            if (then := opened.get(row.id)) is None:
                continue
            applied += condition.applies(version.body.when, then)
            others = [known[name] for name in row.rules if known[name].rule != version.rule]
            again = assessment.assess([*others, version], then, Scale(row.medium_from, row.high_from))
            if (before := Band(row.band)) is not again.band:
                moved[before, again.band] += 1
                examples += [row.id] if len(examples) < _EXAMPLES else []
    order = sorted(moved, key=lambda pair: (pair[0].rank, pair[1].rank))
    moves = tuple(Move(before=before, after=after, assessments=moved[before, after]) for before, after in order)
    return Report(assessments=seen, unreadable=unreadable, applied=applied, moved=moves, examples=tuple(examples))


async def _pages(db: AsyncConnection, asked: Backtest, size: int) -> AsyncIterator[Sequence[Row[Any]]]:
    """Go through the judgements in the order they were made, some at a time."""
    after: dict[str, object] = {"at": asked.since, "id": UUID(int=0)}
    while rows := (await db.execute(_MADE, {**after, "until": asked.until, "size": size})).all():
        yield rows
        after = {"at": rows[-1].at, "id": rows[-1].id}


def _backtest(row: Row[Any]) -> Backtest:
    report = None if row.report is None else msgspec.convert(row.report, Report)
    return Backtest(**{**row._mapping, "report": report})  # noqa: SLF001  SQLAlchemy's public name of a row's mapping


_COLUMNS = [tables.risk_backtest.c[name] for name in Backtest.__struct_fields__]
_MADE = text(
    """
    SELECT id, resident, at, facts, unsealed, rules, band, medium_from, high_from FROM kyc.assessment
    WHERE at < :until AND (at, id) > (CAST(:at AS timestamptz), CAST(:id AS uuid)) ORDER BY at, id LIMIT :size
    """
)
