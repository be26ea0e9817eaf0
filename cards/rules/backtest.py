"""A version of a rule, tried on questions of the past: what it would have done, to whom, and whether it was right.

asks     POST /v1/officer/card-rule-versions/{id}/backtests    ask()
runs     cards/rules/backtest.py                               run()      <- you are here
reads    cards.decision     every question with its features, as they were known then
reads    cards.element, cards.dispute                          what became of it, as of an instant that is over

The same version over the same days as of the same instant is the same report, to the byte: it says so by its hash. What
is read is only added to; a person who was erased meanwhile is missing, and the hash shows it.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cards import tables as card_tables
from cards.rules import rule, tables
from cards.rules.condition import compiled
from cards.rules.events import CardRuleBacktested
from cards.rules.rule import Version
from cards.spending.features import Features
from proof import canonical, journal

#: What was committed so long ago is seen by everybody: batches and stories are undone long before.
SETTLED = timedelta(minutes=1)
LONGEST = timedelta(days=92)
_PAGE = 2_000
_EXAMPLES = 20


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """How many questions, and the amounts they asked for, in minor units by currency."""

    decisions: int = 0
    amounts: dict[str, int] = {}


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the questions that the version applied to another one, then in force, applied to as well."""

    version: UUID
    name: str
    decisions: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the version would have done.

    `applied` is where it would have applied; of those `declined_anyway` were declined without it, and `newly` were
    approved. Of `newly` the merchant was paid and nobody disputed it: `honest`, the false positives as far as they are
    known; or the holder disputed it: `disputed`, what it would have prevented. The rest was never claimed. `examples`
    are the first payments of `newly`. Of `unreadable` questions too little was known then to ask the version.
    """

    decisions: int
    unreadable: int
    applied: Sum
    declined_anyway: Sum
    newly: Sum
    honest: Sum
    disputed: Sum
    overlaps: tuple[Overlap, ...]
    examples: tuple[UUID, ...]


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """A version, the questions `[since, until)`, and what was known of them at `as_of`; done once there is a report."""

    id: UUID
    version: UUID
    since: datetime
    until: datetime
    as_of: datetime
    asked_by: str
    asked_at: datetime
    done_at: datetime | None
    report: Report | None
    hash: bytes | None


class UnknownBacktest(Exception):
    """Nobody asked for this one."""


class BadPeriod(Exception):
    """The questions asked for are not over, too many days, or none at all: `latest` is how far they may go."""

    def __init__(self, latest: datetime) -> None:
        super().__init__(latest)
        self.latest = latest.isoformat(timespec="seconds")
        self.days = LONGEST.days


async def ask(
    db: AsyncConnection,
    version: UUID,
    *,
    backtest: UUID,
    since: datetime,
    until: datetime,
    as_of: datetime | None,
    actor: str,
    at: datetime,
) -> Backtest:
    """Ask for a backtest of the questions `[since, until)`; raises rule.UnknownRule, BadPeriod.

    Without `as_of` what is known now counts; with that of an earlier one its report is repeated.
    """
    await rule.find(db, version)
    latest = at - SETTLED
    known = latest if as_of is None else as_of
    if not since < until <= known <= latest or until - since > LONGEST:
        raise BadPeriod(latest)
    row = {"id": backtest, "version": version, "since": since, "until": until, "as_of": known, "asked_by": actor,
           "asked_at": at}  # fmt: skip
    await db.execute(insert(tables.backtest).values(**row, due_at=at))
    return Backtest(**row, done_at=None, report=None, hash=None)  # type: ignore[arg-type]  # the fields of Backtest


async def find(db: AsyncConnection, backtest: UUID) -> Backtest:
    """Read one; raises UnknownBacktest."""
    row = (await db.execute(select(*_COLUMNS).where(tables.backtest.c.id == backtest))).one_or_none()
    if row is None:
        raise UnknownBacktest
    return _backtest(row)


async def of(db: AsyncConnection, version: UUID, *, limit: int) -> list[Backtest]:
    """Read those of a version, the latest first."""
    query = select(*_COLUMNS).where(tables.backtest.c.version == version).order_by(tables.backtest.c.id.desc())
    return [_backtest(row) for row in await db.execute(query.limit(limit))]


async def due(db: AsyncConnection, *, at: datetime) -> Backtest | None:
    """Take one that nobody has run yet, for the time of this transaction."""
    column = tables.backtest.c
    query = select(*_COLUMNS).where(column.due_at <= at).order_by(column.due_at, column.id).limit(1)
    row = (await db.execute(query.with_for_update(skip_locked=True))).one_or_none()
    return None if row is None else _backtest(row)


async def run(db: AsyncConnection, asked: Backtest, *, at: datetime) -> Report:
    """Try the version on every question, and keep the report."""
    version = await rule.find(db, asked.version)
    report = await tried(db, asked, version)
    hashed = digest(asked, version, report)
    done = {"due_at": None, "done_at": at, "report": msgspec.to_builtins(report), "hash": hashed}
    await db.execute(update(tables.backtest).where(tables.backtest.c.id == asked.id).values(done))
    event = CardRuleBacktested(
        version_id=version.id, decisions=report.decisions, hits=report.applied.decisions, hash=hashed.hex()
    )
    await journal.append(
        db, card_tables.event, journal.Fact(aggregate=asked.id, at=at, actor=asked.asked_by, event=event)
    )
    return report


def digest(asked: Backtest, version: Version, report: Report) -> bytes:
    """Hash what was asked and what came of it, whoever asked and whenever."""
    content = {
        "body": msgspec.to_builtins(version.body),
        "since": asked.since.isoformat(),
        "until": asked.until.isoformat(),
        "as_of": asked.as_of.isoformat(),
        "report": msgspec.to_builtins(report),
    }
    return hashlib.sha256(canonical.dumps(msgspec.json.decode(msgspec.json.encode(content)))).digest()


async def tried(db: AsyncConnection, asked: Backtest, version: Version, *, size: int = _PAGE) -> Report:
    """Try `version` on the questions `[since, until)` of `asked`, `size` at a time; nothing is written."""
    holds = compiled(version.body.when)
    tally = _Tally()
    async for rows in _pages(db, asked, size):
        known = [question for row in rows if (question := _question(row)) is not None]
        tally.decisions += len(rows)
        tally.unreadable += len(rows) - len(known)
        hits = [question for question in known if holds(question.features)]
        outcomes = await _outcomes(db, hits, asked, besides=version.id)
        for question in hits:
            tally.take(question, outcomes[question.payment, question.number])
    return tally.report()


class _Question(NamedTuple):
    """A question that was answered."""

    at: datetime
    lane: int
    payment: UUID
    number: int
    declined: bool
    features: Features


class _Outcome(NamedTuple):
    """What became of a payment, and which rules in force applied to the question."""

    paid: bool
    disputed: bool
    rules: tuple[tuple[UUID, str], ...]


class _Tally:
    def __init__(self) -> None:
        self.decisions = self.unreadable = 0
        self._times: Counter[str] = Counter()
        self._amounts: Counter[tuple[str, str]] = Counter()
        self._overlaps: Counter[tuple[str, UUID]] = Counter()
        self._examples: list[UUID] = []

    def take(self, question: _Question, outcome: _Outcome) -> None:
        """Count a question that the version applied to."""
        self._count("applied", question)
        if question.declined:
            self._count("declined_anyway", question)
        else:
            self._count("newly", question)
            if len(self._examples) < _EXAMPLES and question.payment not in self._examples:
                self._examples.append(question.payment)
            if outcome.disputed:
                self._count("disputed", question)
            elif outcome.paid:
                self._count("honest", question)
        self._overlaps.update((name, version) for version, name in outcome.rules)

    def report(self) -> Report:
        """Put it together, everything in one order."""
        overlaps = [Overlap(version=id_, name=name, decisions=self._overlaps[name, id_])
                    for name, id_ in sorted(self._overlaps)]  # fmt: skip
        return Report(
            decisions=self.decisions,
            unreadable=self.unreadable,
            applied=self._sum("applied"),
            declined_anyway=self._sum("declined_anyway"),
            newly=self._sum("newly"),
            honest=self._sum("honest"),
            disputed=self._sum("disputed"),
            overlaps=tuple(overlaps),
            examples=tuple(self._examples),
        )

    def _count(self, name: str, question: _Question) -> None:
        self._times[name] += 1
        self._amounts[name, question.features.currency] += question.features.amount_minor

    def _sum(self, name: str) -> Sum:
        amounts = {currency: self._amounts[each, currency] for each, currency in sorted(self._amounts) if each == name}
        return Sum(decisions=self._times[name], amounts=amounts)


async def _pages(db: AsyncConnection, asked: Backtest, size: int) -> AsyncIterator[Sequence[Row[Any]]]:
    """Go through the questions in the order they were asked, some at a time."""
    after: dict[str, object] = {"at": asked.since, "lane": 0, "payment": UUID(int=0), "number": 0}
    while True:
        rows = (await db.execute(_QUESTIONS, {**after, "until": asked.until, "size": size})).all()
        if not rows:
            return
        last = rows[-1]
        after = {"at": last.at, "lane": last.lane, "payment": last.payment, "number": last.number}
        yield rows


def _question(row: Row[Any]) -> _Question | None:
    """Read a question; None where what was known then is not what is known of questions now."""
    try:
        known = _FEATURES.decode(row.features)
    except msgspec.ValidationError:
        return None
    return _Question(row.at, row.lane, row.payment, row.number, row.declined, known)


async def _outcomes(
    db: AsyncConnection, hits: Sequence[_Question], asked: Backtest, *, besides: UUID
) -> dict[tuple[UUID, int], _Outcome]:
    if not hits:
        return {}
    values = {
        "lanes": [hit.lane for hit in hits],
        "payments": [hit.payment for hit in hits],
        "numbers": [hit.number for hit in hits],
        "as_of": asked.as_of,
        "besides": besides,
    }
    return {
        (row.payment, row.number): _Outcome(row.paid, row.disputed, tuple(zip(row.versions, row.names, strict=True)))
        for row in await db.execute(_BECAME, values)
    }


def _backtest(row: Row[Any]) -> Backtest:
    report = None if row.report is None else msgspec.convert(row.report, Report)
    return Backtest(**{**row._mapping, "report": report})  # noqa: SLF001  SQLAlchemy's public name of a row's mapping


_FEATURES = msgspec.json.Decoder(Features)
_COLUMNS = [tables.backtest.c[name] for name in Backtest.__struct_fields__]
_QUESTIONS = text(
    """
    SELECT at, lane, payment, number, NOT approved AS declined, CAST(features AS text) AS features
    FROM cards.decision
    WHERE at < :until
      AND (at, lane, payment, number) > (CAST(:at AS timestamptz), CAST(:lane AS integer), CAST(:payment AS uuid),
                                         CAST(:number AS integer))
      AND at >= :at
    ORDER BY at, lane, payment, number LIMIT :size
    """
)
_BECAME = text(
    """
    SELECT asked.payment, asked.number,
           EXISTS (
               SELECT FROM cards.element WHERE (element.lane, element.payment) = (asked.lane, asked.payment)
               AND element.kind = 'clearing' AND element.at <= :as_of
           ) AS paid,
           EXISTS (
               SELECT FROM cards.dispute WHERE (dispute.lane, dispute.payment) = (asked.lane, asked.payment)
               AND dispute.opened_at <= :as_of
           ) AS disputed,
           rules.versions, rules.names
    FROM unnest(CAST(:lanes AS integer[]), CAST(:payments AS uuid[]), CAST(:numbers AS integer[]))
         AS asked (lane, payment, number)
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(rule_version.id ORDER BY rule_version.name, rule_version.id), '{}') AS versions,
               coalesce(array_agg(rule_version.name ORDER BY rule_version.name, rule_version.id), '{}') AS names
        FROM cards.rule_result JOIN cards.rule_version ON rule_version.id = rule_result.version
        WHERE (rule_result.lane, rule_result.payment, rule_result.number)
              = (asked.lane, asked.payment, asked.number)
          AND NOT shadow AND rule_version.id <> :besides
    ) AS rules
    """
)
