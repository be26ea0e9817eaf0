"""Rules of risk, tried on questions of the past: the worker does it, the report is read here.

path   POST /v1/officer/card-rule-versions/{rule_version_id}/backtests  ->  cards/rules/backtest.py  ask()
       GET  /v1/officer/card-rule-versions/{rule_version_id}/backtests  ->  cards/rules/backtest.py  of()
       GET  /v1/officer/card-rule-backtests/{backtest_id}               ->  cards/rules/backtest.py  find()
"""

from datetime import datetime
from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app.auth.principal import Principal
from app.db import Story
from app.http import ids
from app.http.officer.card_rules import SCOPE, TAGS, Officer, VersionId
from app.http.paging import Limit
from app.http.wire import Wire
from app.idempotency import Once
from cards.rules import backtest, rule
from cards.rules.backtest import Backtest, Report, Sum

Instant = Annotated[datetime, Meta(tz=True, examples=["2026-11-01T00:00:00Z"])]


class AskBacktest(Wire, frozen=True):
    """The questions of `[since, until)`, at most 92 days.

    With `as_of` what was known then counts: an earlier backtest is repeated to the same hash. Without it, what is known
    now.
    """

    since: Instant
    until: Annotated[datetime, Meta(tz=True, examples=["2026-11-15T00:00:00Z"])]
    as_of: Annotated[datetime | None, Meta(examples=[None])] = None


class SumView(Wire, frozen=True):
    """How many questions, and the amounts they asked for in minor units, by currency."""

    decisions: Annotated[int, Meta(examples=[12])]
    amounts_minor: Annotated[dict[str, int], Meta(examples=[{"KZT": 4_500_000}])]

    @classmethod
    def of(cls, found: Sum) -> "SumView":
        """Show a sum."""
        return cls(decisions=found.decisions, amounts_minor=found.amounts)


class OverlapView(Wire, frozen=True):
    """How many of the questions another version, then in force, applied to as well."""

    rule_version: VersionId
    name: Annotated[str, Meta(examples=["many_declines_abroad"])]
    decisions: Annotated[int, Meta(examples=[3])]


class ReportView(Wire, frozen=True, kw_only=True):
    """What the version would have done.

    Of `applied`, `declined_anyway` were declined without it and `newly` were approved. Of `newly`, `honest` were paid
    and not disputed, the false positives as far as they are known; `disputed` it would have prevented; the rest was
    never claimed. Of `unreadable` questions too little was known then.
    """

    decisions: Annotated[int, Meta(examples=[4_000])]
    unreadable: Annotated[int, Meta(examples=[0])]
    applied: SumView
    declined_anyway: SumView
    newly: SumView
    honest: SumView
    disputed: SumView
    overlaps: list[OverlapView]
    examples: list[Annotated[str, Meta(examples=["payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]]

    @classmethod
    def of(cls, found: Report) -> "ReportView":
        """Show a report."""
        return cls(
            decisions=found.decisions,
            unreadable=found.unreadable,
            applied=SumView.of(found.applied),
            declined_anyway=SumView.of(found.declined_anyway),
            newly=SumView.of(found.newly),
            honest=SumView.of(found.honest),
            disputed=SumView.of(found.disputed),
            overlaps=[
                OverlapView(
                    rule_version=ids.show("rule_version", each.version), name=each.name, decisions=each.decisions
                )
                for each in found.overlaps
            ],
            examples=[ids.show("payment", each) for each in found.examples],
        )


class BacktestView(Wire, frozen=True, kw_only=True):
    """A backtest; `report` and `sha256` are there once it is done. Equal questions have equal hashes."""

    id: Annotated[str, Meta(examples=["backtest_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    rule_version: VersionId
    since: datetime
    until: datetime
    as_of: datetime
    asked_by: Officer
    asked_at: datetime
    done_at: Annotated[datetime | None, Meta(examples=[None])]
    report: ReportView | None
    sha256: Annotated[str | None, Meta(examples=[None])]

    @classmethod
    def of(cls, found: Backtest) -> "BacktestView":
        """Show a backtest."""
        return cls(
            id=ids.show("backtest", found.id),
            rule_version=ids.show("rule_version", found.version),
            since=found.since,
            until=found.until,
            as_of=found.as_of,
            asked_by=found.asked_by,
            asked_at=found.asked_at,
            done_at=found.done_at,
            report=ReportView.of(found.report) if found.report else None,
            sha256=found.hash.hex() if found.hash else None,
        )


class BacktestList(Wire, frozen=True):
    """Backtests of a version, the latest first."""

    backtests: list[BacktestView]


@post(
    "/v1/officer/card-rule-versions/{rule_version_id:str}/backtests",
    operation_id="backtestCardRule",
    opt=SCOPE,
    tags=TAGS,
    summary="Try a rule on the past",
    status_code=202,
)
async def backtest_card_rule(
    rule_version_id: FromPath[str],
    data: JSONBody[AskBacktest],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[BacktestView]:
    """Ask what a version, in whatever state, would have done to questions that were answered. Nothing is changed."""
    wanted = ids.parse("rule_version", rule_version_id)

    async def act(story: Story) -> BacktestView:
        db = await story()
        period = {"since": data.since, "until": data.until, "as_of": data.as_of}
        return BacktestView.of(
            await backtest.ask(db, wanted, backtest=mint.new(), **period, actor=me.actor, at=story.now)  # type: ignore[arg-type]  # since and until are there
        )

    return await once(act)


@get(
    "/v1/officer/card-rule-versions/{rule_version_id:str}/backtests",
    operation_id="listCardRuleBacktests",
    opt=SCOPE,
    tags=TAGS,
    summary="How a rule was tried",
)
async def list_card_rule_backtests(
    rule_version_id: FromPath[str], story: NamedDependency[Story], limit: Limit = 20
) -> BacktestList:
    """List the backtests of a version, done or waiting, the latest first."""
    db, wanted = await story(), ids.parse("rule_version", rule_version_id)
    await rule.find(db, wanted)
    return BacktestList(backtests=[BacktestView.of(each) for each in await backtest.of(db, wanted, limit=limit)])


@get(
    "/v1/officer/card-rule-backtests/{backtest_id:str}",
    operation_id="readCardRuleBacktest",
    opt=SCOPE,
    tags=TAGS,
    summary="The report of a backtest",
)
async def read_card_rule_backtest(backtest_id: FromPath[str], story: NamedDependency[Story]) -> BacktestView:
    """Show what a version would have done."""
    return BacktestView.of(await backtest.find(await story(), ids.parse("backtest", backtest_id)))


routes = [backtest_card_rule, list_card_rule_backtests, read_card_rule_backtest]
