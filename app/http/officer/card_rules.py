"""Rules of risk: one officer drafts and tries them, another one brings them into force.

path   POST /v1/officer/card-rules                                    ->  cards/rules/rule.py       draft()
       POST /v1/officer/card-rules/{rule_id}/versions                 ->  cards/rules/rule.py       redraft()
       POST /v1/officer/card-rule-versions/{rule_version_id}/steps    ->  cards/rules/rule.py       move()
       GET  /v1/officer/card-rule-versions/{rule_version_id}/results  ->  cards/rules/result.py     page()
"""

from datetime import datetime
from itertools import groupby
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Wire
from app.idempotency import Once
from cards.rules import result, rule
from cards.rules.condition import Because
from cards.rules.result import Result
from cards.rules.rule import RuleBody, State, Version

TAGS = ["Card rules"]
SCOPE = {"scope": "officer:card-rules"}

RuleId = Annotated[str, Meta(examples=["rule_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
VersionId = Annotated[str, Meta(examples=["rule_version_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Officer = Annotated[str, Meta(examples=["officer:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"])]
Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]{2,39}$(?!\n)",
        examples=["many_declines_abroad"],
        description="Names the rule for officers; it stays with all its versions.",
    ),
]
_BODY: dict[str, Any] = {
    "when": [
        {"any_of": [{"on": "number", "feature": "declines_15m", "is": "at_least", "to": 3}]},
        {
            "any_of": [
                {"on": "flag", "feature": "abroad"},
                {"on": "text", "feature": "category", "values": ["6051", "4829"]},
            ]
        },
    ],
    "then": {"do": "decline"},
}
_BECAUSE: list[dict[str, Any]] = [
    {"condition": {"on": "number", "feature": "declines_15m", "is": "at_least", "to": 3}, "value": 4}
]
Body = Annotated[
    RuleBody,
    Meta(
        examples=[_BODY],
        description="It applies where all of `when` hold.",
    ),
]


class DraftRule(Wire, frozen=True):
    """A rule to be tried."""

    name: Name
    body: Body


class DraftVersion(Wire, frozen=True):
    """What the next version of a rule says."""

    body: Body


class TakeStep(Wire, frozen=True):
    """Where a version is to go: it is tried in the shadow before it comes into force, and never comes back."""

    to: Annotated[Literal["shadow", "active", "retired"], Meta(examples=["shadow"])]


class StepView(Wire, frozen=True):
    """A version came into a state."""

    state: Annotated[State, Meta(examples=["shadow"])]
    by: Officer
    at: datetime


class VersionView(Wire, frozen=True, kw_only=True):
    """A version of a rule with its life."""

    id: VersionId
    rule: RuleId
    version: Annotated[int, Meta(examples=[1])]
    name: Name
    state: Annotated[State, Meta(examples=["draft"])]
    body: Body
    steps: list[StepView]

    @classmethod
    def of(cls, found: Version) -> "VersionView":
        """Show a version."""
        return cls(
            id=ids.show("rule_version", found.id),
            rule=ids.show("rule", found.rule),
            version=found.version,
            name=found.name,
            state=found.state,
            body=found.body,
            steps=[StepView(state=step.state, by=step.by, at=step.at) for step in found.steps],
        )


class RuleView(Wire, frozen=True):
    """A rule with all its versions, the first one first."""

    id: RuleId
    name: Name
    versions: list[VersionView]

    @classmethod
    def of(cls, versions: list[Version]) -> "RuleView":
        """Show a rule."""
        return cls(
            id=ids.show("rule", versions[0].rule),
            name=versions[0].name,
            versions=[VersionView.of(each) for each in versions],
        )


class RuleList(Wire, frozen=True):
    """All rules, by name."""

    rules: list[RuleView]


class ResultView(Wire, frozen=True, kw_only=True):
    """Where a version applied, and which of its conditions held with which values."""

    rule_version: VersionId
    rule: Name
    version: Annotated[int, Meta(examples=[1])]
    payment: Annotated[str, Meta(examples=["payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    element: Annotated[int, Meta(examples=[1])]
    shadow: Annotated[bool, Meta(description="It was only watching.", examples=[True])]
    action: Annotated[Literal["decline", "challenge", "alert", "buffer"], Meta(examples=["decline"])]
    approved: Annotated[bool, Meta(examples=[True])]
    amount_minor: Annotated[int, Meta(examples=[150_000])]
    because: Annotated[list[Because], Meta(examples=[_BECAUSE])]
    at: datetime

    @classmethod
    def of(cls, found: Result) -> "ResultView":
        """Show a result."""
        return cls(
            rule_version=ids.show("rule_version", found.version),
            rule=found.rule,
            version=found.rule_version,
            payment=ids.show("payment", found.payment),
            element=found.number,
            shadow=found.shadow,
            action=found.action,  # type: ignore[arg-type]  # a CHECK of the table
            approved=found.approved,
            amount_minor=found.minor,
            because=list(found.because),
            at=found.at,
        )


class ResultPage(Wire, frozen=True):
    """A page of results, the latest first; `next_cursor` is absent on the last."""

    results: list[ResultView]
    next_cursor: str | None = None


@get("/v1/officer/card-rules", operation_id="listCardRules", opt=SCOPE, tags=TAGS, summary="Rules of risk")
async def list_card_rules(story: NamedDependency[Story]) -> RuleList:
    """List every rule with every version, also those that are over."""
    found = groupby(await rule.listed(await story()), key=lambda version: version.rule)
    return RuleList(rules=[RuleView.of(list(versions)) for _, versions in found])


@get(
    "/v1/officer/card-rules/{rule_id:str}", operation_id="readCardRule", opt=SCOPE, tags=TAGS, summary="A rule of risk"
)
async def read_card_rule(rule_id: FromPath[str], story: NamedDependency[Story]) -> RuleView:
    """Show a rule with every version: what it says, who wrote it, who brought it into force."""
    return RuleView.of(await rule.of(await story(), ids.parse("rule", rule_id)))


@post("/v1/officer/card-rules", operation_id="draftCardRule", opt=SCOPE, tags=TAGS, summary="Draft a rule of risk")
async def draft_card_rule(
    data: JSONBody[DraftRule], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[VersionView]:
    """Write a rule. It does nothing yet: take it to the shadow to see where it would apply."""

    async def act(story: Story) -> VersionView:
        db = await story()
        names = {"rule": mint.new(), "version": mint.new()}
        made = await rule.draft(db, **names, name=data.name, body=data.body, actor=me.actor, at=story.now)
        return VersionView.of(made)

    return await once(act)


@post(
    "/v1/officer/card-rules/{rule_id:str}/versions",
    operation_id="draftCardRuleVersion",
    opt=SCOPE,
    tags=TAGS,
    summary="Draft another version of a rule",
)
async def draft_card_rule_version(
    rule_id: FromPath[str], data: JSONBody[DraftVersion], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[VersionView]:
    """Write what the rule is to say instead. The version in force stays in force until this one takes its place."""
    wanted = ids.parse("rule", rule_id)

    async def act(story: Story) -> VersionView:
        db = await story()
        made = await rule.redraft(db, wanted, version=mint.new(), body=data.body, actor=me.actor, at=story.now)
        return VersionView.of(made)

    return await once(act)


@post(
    "/v1/officer/card-rule-versions/{rule_version_id:str}/steps",
    operation_id="moveCardRule",
    opt=SCOPE,
    tags=TAGS,
    summary="Try a rule, bring it into force, end it",
    status_code=200,
)
async def move_card_rule(
    rule_version_id: FromPath[str],
    data: JSONBody[TakeStep],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[VersionView]:
    """Take a version to its next state. Only an officer who did not draft it brings it into force."""
    wanted = ids.parse("rule_version", rule_version_id)

    async def act(story: Story) -> VersionView:
        db = await story()
        return VersionView.of(await rule.move(db, wanted, State(data.to), actor=me.actor, at=story.now))

    return await once(act)


@get(
    "/v1/officer/card-rule-versions/{rule_version_id:str}/results",
    operation_id="listCardRuleResults",
    opt=SCOPE,
    tags=TAGS,
    summary="Where a rule applied",
)
async def list_card_rule_results(
    rule_version_id: FromPath[str],
    *,
    story: NamedDependency[Story],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> ResultPage:
    """List where a version applied, in its shadow and in force, and which conditions held."""
    db, wanted = await story(), ids.parse("rule_version", rule_version_id)
    await rule.find(db, wanted)
    pager = Pager(house.keys.cursor, f"card-rule-results/{wanted}")
    found = await result.page(db, wanted, before=_place(pager.place(cursor)), limit=limit + 1)
    shown = found[:limit]
    more = pager.cursor(_text(shown[-1])) if len(found) > limit else None
    return ResultPage(results=[ResultView.of(each) for each in shown], next_cursor=more)


def _text(last: Result) -> str:
    return f"{last.at.isoformat()}|{last.payment}|{last.number}"


def _place(text: str | None) -> tuple[datetime, UUID, int] | None:
    if text is None:
        return None
    at, payment, number = text.split("|")
    return datetime.fromisoformat(at), UUID(payment), int(number)


routes = [
    list_card_rules,
    read_card_rule,
    draft_card_rule,
    draft_card_rule_version,
    move_card_rule,
    list_card_rule_results,
]
