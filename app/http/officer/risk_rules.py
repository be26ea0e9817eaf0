"""Rules of risk for relations: one officer drafts and tries them, another one brings them into force.

path   POST /v1/officer/risk-rules                                             ->  kyc/risk/rule.py       draft()
       POST /v1/officer/risk-rule-versions/{risk_rule_version_id}/steps        ->  kyc/risk/rule.py       move()
       GET  /v1/officer/risk-rule-versions/{risk_rule_version_id}/results      ->  kyc/risk/assessment.py applied()
       POST /v1/officer/risk-rule-versions/{risk_rule_version_id}/backtests    ->  kyc/risk/backtest.py   ask()
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.officer import whom
from app.http.paging import Limit
from app.http.wire import Wire
from app.idempotency import Once
from kyc.risk import assessment, backtest, rule
from kyc.risk.backtest import Backtest, Report
from kyc.risk.band import Band
from kyc.risk.condition import Held
from kyc.risk.rule import RiskRuleBody, State, Version

TAGS = ["Risk rules"]
SCOPE = {"scope": "officer:risk-rules"}

VersionId = Annotated[str, Meta(examples=["risk_rule_version_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
AssessmentId = Annotated[str, Meta(examples=["assessment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
ResidentId = Annotated[str, Meta(max_length=40, examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Officer = Annotated[str, Meta(examples=["officer:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"])]
RuleId = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$(?!\n)",
        max_length=60,
        examples=["geo.lives_far_away"],
        description="Names the rule for ever; an assessment says it with the version: geo.lives_far_away@1.",
    ),
]
_BODY: dict[str, Any] = {
    "when": [{"any_of": [{"on": "text", "fact": "residence_listing", "values": ["monitored"]}]}],
    "points": 10,
    "floor": "medium",
    "words": {"kk": "Алыста тұрады", "ru": "Живёт далеко", "en": "Lives far away"},
    "source": {"act": "AIFC AML Rules", "clause": "5.1", "checked_on": "2026-11-22"},
    "since": "2026-11-22",
    "applies_to": {"residence_listing": "monitored"},
    "spares": {"residence_listing": "none"},
}
BECAUSE = [{"condition": {"on": "text", "fact": "residence_listing", "values": ["monitored"]}, "value": "monitored"}]
Body = Annotated[RiskRuleBody, Meta(examples=[_BODY], description="It applies where all of `when` hold.")]


class DraftRiskRule(Wire, frozen=True):
    """The next version of a rule, the first of one there is not yet. Its own facts try it: `applies_to`, `spares`."""

    rule: RuleId
    body: Body


class TakeRiskStep(Wire, frozen=True):
    """Where a version is to go: it is tried in the shadow before it comes into force, and never comes back."""

    to: Annotated[Literal["shadow", "active", "retired"], Meta(examples=["shadow"])]


class RiskStepView(Wire, frozen=True):
    """A version came into a state."""

    state: Annotated[State, Meta(examples=["shadow"])]
    by: Officer
    at: datetime


class RiskVersionView(Wire, frozen=True, kw_only=True):
    """A version of a rule with its life."""

    id: VersionId
    rule: RuleId
    version: Annotated[int, Meta(examples=[1])]
    state: Annotated[State, Meta(examples=["draft"])]
    body: Body
    steps: list[RiskStepView]

    @classmethod
    def of(cls, found: Version) -> "RiskVersionView":
        """Show a version."""
        return cls(
            id=ids.show("risk_rule_version", found.id),
            rule=found.rule,
            version=found.version,
            state=found.state,
            body=found.body,
            steps=[RiskStepView(state=step.state, by=step.by, at=step.at) for step in found.steps],
        )


class RiskRuleList(Wire, frozen=True):
    """All versions of all rules, by name and number, also those that are over."""

    versions: list[RiskVersionView]


class RiskResultView(Wire, frozen=True, kw_only=True):
    """Where a version applied, in its shadow or in force, and which of its conditions held with which values."""

    assessment: AssessmentId
    resident: ResidentId
    shadow: Annotated[bool, Meta(description="It was only watching.", examples=[True])]
    points: Annotated[int, Meta(examples=[10])]
    floor: Annotated[Band | None, Meta(examples=[None])]
    because: Annotated[list[Held], Meta(examples=[BECAUSE])]
    score: Annotated[int, Meta(description="Of the whole assessment, which a shadow adds nothing to.", examples=[35])]
    band: Annotated[Band, Meta(examples=["medium"])]
    at: datetime


class RiskResultList(Wire, frozen=True):
    """Where a version applied, the latest first."""

    results: list[RiskResultView]


class AskRiskBacktest(Wire, frozen=True):
    """The assessments of `[since, until)`, at most 366 days that are over."""

    since: Annotated[datetime, Meta(tz=True, examples=["2026-11-01T00:00:00Z"])]
    until: Annotated[datetime, Meta(tz=True, examples=["2026-11-15T00:00:00Z"])]


class RiskMoveView(Wire, frozen=True, kw_only=True):
    """How many assessments would be of another band."""

    before: Annotated[Band, Meta(examples=["low"])]
    after: Annotated[Band, Meta(examples=["medium"])]
    assessments: Annotated[int, Meta(examples=[12])]


class RiskReportView(Wire, frozen=True, kw_only=True):
    """What the version would have done: applied to so many, moved so many; `examples` are the first that moved."""

    assessments: Annotated[int, Meta(examples=[4_000])]
    unreadable: Annotated[int, Meta(examples=[0])]
    applied: Annotated[int, Meta(examples=[25])]
    moved: list[RiskMoveView]
    examples: list[AssessmentId]

    @classmethod
    def of(cls, found: Report) -> "RiskReportView":
        """Show a report."""
        return cls(
            assessments=found.assessments,
            unreadable=found.unreadable,
            applied=found.applied,
            moved=[msgspec.convert(each, RiskMoveView, from_attributes=True) for each in found.moved],
            examples=[ids.show("assessment", each) for each in found.examples],
        )


class RiskBacktestView(Wire, frozen=True, kw_only=True):
    """A backtest; `report` and `sha256` are there once it is done. Equal questions have equal hashes."""

    id: Annotated[str, Meta(examples=["risk_backtest_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    risk_rule_version: VersionId
    since: datetime
    until: datetime
    asked_by: Officer
    asked_at: datetime
    done_at: Annotated[datetime | None, Meta(examples=[None])]
    report: RiskReportView | None
    sha256: Annotated[str | None, Meta(examples=[None])]

    @classmethod
    def of(cls, found: Backtest) -> "RiskBacktestView":
        """Show a backtest."""
        return cls(
            id=ids.show("risk_backtest", found.id),
            risk_rule_version=ids.show("risk_rule_version", found.version),
            since=found.since,
            until=found.until,
            asked_by=found.asked_by,
            asked_at=found.asked_at,
            done_at=found.done_at,
            report=RiskReportView.of(found.report) if found.report else None,
            sha256=found.hash.hex() if found.hash else None,
        )


class RiskBacktestList(Wire, frozen=True):
    """Backtests of a version, the latest first."""

    backtests: list[RiskBacktestView]


@get("/v1/officer/risk-rules", operation_id="listRiskRules", opt=SCOPE, tags=TAGS, summary="Rules of risk of relations")
async def list_risk_rules(story: NamedDependency[Story]) -> RiskRuleList:
    """List every version of every rule, also those that are over."""
    return RiskRuleList(versions=[RiskVersionView.of(each) for each in await rule.listed(await story())])


@post("/v1/officer/risk-rules", operation_id="draftRiskRule", opt=SCOPE, tags=TAGS, summary="Draft a rule of risk")
async def draft_risk_rule(
    data: JSONBody[DraftRiskRule], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[RiskVersionView]:
    """Write the next version of a rule. It does nothing yet; the one in force stays in force."""

    async def act(story: Story) -> RiskVersionView:
        db = await story()
        made = await rule.draft(db, data.rule, version=mint.new(), body=data.body, actor=me.actor, at=story.now)
        return RiskVersionView.of(made)

    return await once(act)


@get(
    "/v1/officer/risk-rule-versions/{risk_rule_version_id:str}",
    operation_id="readRiskRuleVersion",
    opt=SCOPE,
    tags=TAGS,
    summary="A version of a rule of risk",
)
async def read_risk_rule_version(risk_rule_version_id: FromPath[str], story: NamedDependency[Story]) -> RiskVersionView:
    """Show a version: what it says, who wrote it, who brought it into force."""
    return RiskVersionView.of(await rule.find(await story(), _parsed(risk_rule_version_id)))


@post(
    "/v1/officer/risk-rule-versions/{risk_rule_version_id:str}/steps",
    operation_id="moveRiskRule",
    opt=SCOPE,
    tags=TAGS,
    summary="Try a rule of risk, bring it into force, end it",
    status_code=200,
)
async def move_risk_rule(
    risk_rule_version_id: FromPath[str],
    data: JSONBody[TakeRiskStep],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[RiskVersionView]:
    """Take a version to its next state. Only an officer who did not draft it brings it into force."""
    wanted = _parsed(risk_rule_version_id)

    async def act(story: Story) -> RiskVersionView:
        db = await story()
        return RiskVersionView.of(await rule.move(db, wanted, State(data.to), actor=me.actor, at=story.now))

    return await once(act)


@get(
    "/v1/officer/risk-rule-versions/{risk_rule_version_id:str}/results",
    operation_id="listRiskRuleResults",
    opt=SCOPE,
    tags=TAGS,
    summary="Where a rule of risk applied",
)
async def list_risk_rule_results(
    risk_rule_version_id: FromPath[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    limit: Limit = 20,
) -> RiskResultList:
    """List where a version applied, in its shadow and in force, and which conditions held of each person."""
    db = await story()
    version = await rule.find(db, _parsed(risk_rule_version_id))
    found = await assessment.applied(db, version, whom.suspected(house), limit=limit)
    shown = [
        RiskResultView(
            assessment=ids.show("assessment", row.assessment),
            resident=ids.show("resident", row.resident),
            shadow=row.shadow,
            points=row.points,
            floor=row.floor,
            because=list(row.because),
            score=row.score,
            band=row.band,
            at=row.at,
        )
        for row in found
    ]
    return RiskResultList(results=shown)


@post(
    "/v1/officer/risk-rule-versions/{risk_rule_version_id:str}/backtests",
    operation_id="backtestRiskRule",
    opt=SCOPE,
    tags=TAGS,
    summary="Try a rule of risk on the past",
    status_code=202,
)
async def backtest_risk_rule(
    risk_rule_version_id: FromPath[str],
    data: JSONBody[AskRiskBacktest],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[RiskBacktestView]:
    """Ask whom a version, in whatever state, would have moved to another band. Nothing is changed."""
    wanted = _parsed(risk_rule_version_id)

    async def act(story: Story) -> RiskBacktestView:
        db = await story()
        asked = await backtest.ask(
            db, wanted, new=mint.new(), since=data.since, until=data.until, actor=me.actor, at=story.now
        )
        return RiskBacktestView.of(asked)

    return await once(act)


@get(
    "/v1/officer/risk-rule-versions/{risk_rule_version_id:str}/backtests",
    operation_id="listRiskRuleBacktests",
    opt=SCOPE,
    tags=TAGS,
    summary="How a rule of risk was tried",
)
async def list_risk_rule_backtests(
    risk_rule_version_id: FromPath[str], story: NamedDependency[Story], limit: Limit = 20
) -> RiskBacktestList:
    """List the backtests of a version, done or waiting, the latest first."""
    db, wanted = await story(), _parsed(risk_rule_version_id)
    await rule.find(db, wanted)
    found = await backtest.of(db, wanted, limit=limit)
    return RiskBacktestList(backtests=[RiskBacktestView.of(each) for each in found])


@get(
    "/v1/officer/risk-rule-backtests/{risk_backtest_id:str}",
    operation_id="readRiskRuleBacktest",
    opt=SCOPE,
    tags=TAGS,
    summary="The report of a backtest of a rule of risk",
)
async def read_risk_rule_backtest(risk_backtest_id: FromPath[str], story: NamedDependency[Story]) -> RiskBacktestView:
    """Show whom a version would have moved."""
    return RiskBacktestView.of(await backtest.find(await story(), ids.parse("risk_backtest", risk_backtest_id)))


def _parsed(version: str) -> UUID:
    return ids.parse("risk_rule_version", version)


routes = [
    list_risk_rules,
    draft_risk_rule,
    read_risk_rule_version,
    move_risk_rule,
    list_risk_rule_results,
    backtest_risk_rule,
    list_risk_rule_backtests,
    read_risk_rule_backtest,
]
