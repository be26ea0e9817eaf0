"""Restrictions under four eyes: one officer of compliance proposes to impose, extend or lift, another one decides.

path   POST /v1/officer/restrictions                       ->  app/restrictions/restriction.py   impose()
       POST /v1/officer/restrictions/{id}/acts             ->  app/restrictions/restriction.py   change()
       POST /v1/officer/restriction-acts/{id}/decision     ->  app/restrictions/restriction.py   decide()
       POST /v1/officer/appeals/{id}/decision              ->  app/restrictions/appeal.py        decide()

Why really is shown here and nowhere else. The answer to a POST holds no words: it is kept for repeats of the request.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
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
from app.http.officer import whom
from app.http.wire import Wire
from app.idempotency import Once
from app.restrictions import appeal, restriction, words
from app.restrictions.appeal import Appeal, Outcome
from app.restrictions.reason import Reason
from app.restrictions.restriction import Act, Proposed, Restriction, State, UnknownRestriction

_TAGS = ["Restrictions"]
_SCOPE = {"scope": "officer:restrictions"}

RestrictionId = Annotated[str, Meta(examples=["restriction_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
ActId = Annotated[str, Meta(examples=["act_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
ResidentId = Annotated[str, Meta(max_length=40, examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Officer = Annotated[str, Meta(examples=["officer:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"])]
Note = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$(?!\n)",
        examples=["The payments of May fit no income we know of."],
        description="For colleagues; sealed, and never shown to the person.",
    ),
]
Cause = Annotated[
    str,
    Meta(
        pattern=r"^[a-z_]{1,40}$(?!\n)",
        examples=["unusual_activity"],
        description="Why really: one of the causes in app/restrictions/reason.py. The person learns only its class.",
    ),
]
Standing = Literal["proposed", "in_force", "lifted", "dropped"]


class ProposeRestriction(Wire, frozen=True):
    """Who is to be restricted, and why really."""

    resident: ResidentId
    cause: Cause
    note: Note = ""


class ProposeAct(Wire, frozen=True):
    """What is to be done to a restriction."""

    act: Annotated[Literal["extend", "lift"], Meta(examples=["lift"])]
    note: Note = ""


class DecideAct(Wire, frozen=True):
    """Whether the second officer agrees."""

    agree: Annotated[bool, Meta(examples=[True])]


class DecideAppeal(Wire, frozen=True):
    """What the other officer says to an appeal."""

    outcome: Annotated[Outcome, Meta(examples=["granted"])]
    note: Note = ""


class ActView(Wire, frozen=True, kw_only=True):
    """What one officer proposed and another one decided; `agreed` is null while it waits."""

    id: ActId
    restriction: RestrictionId
    resident: ResidentId
    act: Annotated[Act, Meta(examples=["impose"])]
    reason: Annotated[Reason, Meta(examples=["legal_review"])]
    cause: Annotated[str | None, Meta(examples=["unusual_activity"])]
    proposed_by: Officer
    proposed_at: datetime
    decided_by: Annotated[str | None, Meta(examples=[None])]
    decided_at: Annotated[datetime | None, Meta(examples=[None])]
    agreed: Annotated[bool | None, Meta(examples=[None])]
    note: Annotated[str | None, Meta(examples=[None])] = None

    @classmethod
    def of(cls, found: Proposed, note: str | None = None) -> "ActView":
        """Show an act."""
        return cls(
            id=ids.show("act", found.id),
            restriction=ids.show("restriction", found.restriction),
            resident=ids.show("resident", found.holder),
            act=found.act,
            reason=found.reason,
            cause=found.cause,
            proposed_by=found.proposed_by,
            proposed_at=found.proposed_at,
            decided_by=found.decided_by,
            decided_at=found.decided_at,
            agreed=found.agreed,
            note=note,
        )


class SaidView(Wire, frozen=True, kw_only=True):
    """What the person said; of somebody erased nothing can be read."""

    id: Annotated[str, Meta(examples=["response_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    at: datetime
    text: str | None


class AppealedView(Wire, frozen=True, kw_only=True):
    """An appeal, to be answered by `answer_due`."""

    id: Annotated[str, Meta(examples=["appeal_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    restriction: RestrictionId
    resident: ResidentId
    at: datetime
    answer_due: datetime
    outcome: Annotated[Outcome | None, Meta(examples=[None])]
    decided_at: Annotated[datetime | None, Meta(examples=[None])]
    text: str | None = None

    @classmethod
    def of(cls, found: Appeal, text: str | None = None) -> "AppealedView":
        """Show an appeal."""
        return cls(
            id=ids.show("appeal", found.id),
            restriction=ids.show("restriction", found.restriction),
            resident=ids.show("resident", found.holder),
            at=found.at,
            answer_due=found.answer_due,
            outcome=found.outcome,
            decided_at=found.decided_at,
            text=text,
        )


class StandingView(Wire, frozen=True, kw_only=True):
    """A restriction in force, in the queue of those to review."""

    id: RestrictionId
    resident: ResidentId
    reason: Annotated[Reason, Meta(examples=["legal_review"])]
    imposed_at: datetime
    review_due: datetime
    overdue: bool

    @classmethod
    def of(cls, found: Restriction) -> "StandingView":
        """Show a restriction."""
        return cls(
            id=ids.show("restriction", found.id),
            resident=ids.show("resident", found.holder),
            reason=found.reason,
            imposed_at=found.imposed_at,
            review_due=found.review_due,
            overdue=found.overdue_since is not None,
        )


class Desk(Wire, frozen=True):
    """What there is to do: acts that wait for a second officer, appeals by their day, restrictions by their review."""

    waiting: list[ActView]
    appeals: list[AppealedView]
    restrictions: list[StandingView]


class File(Wire, frozen=True, kw_only=True):
    """Everything about one restriction, the words too."""

    id: RestrictionId
    resident: ResidentId
    reason: Annotated[Reason, Meta(examples=["legal_review"])]
    state: Annotated[Standing, Meta(examples=["in_force"])]
    review_due: Annotated[datetime | None, Meta(examples=[None])]
    overdue: bool
    acts: list[ActView]
    responses: list[SaidView]
    appeals: list[AppealedView]


@get(
    "/v1/officer/restrictions",
    operation_id="listRestrictionWork",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Restrictions to decide and review",
)
async def list_restriction_work(story: NamedDependency[Story]) -> Desk:
    """List what waits for officers."""
    db = await story()
    return Desk(
        waiting=[ActView.of(each) for each in await restriction.waiting(db)],
        appeals=[AppealedView.of(each) for each in await appeal.waiting(db)],
        restrictions=[StandingView.of(each) for each in await restriction.queue(db)],
    )


@get(
    "/v1/officer/restrictions/{restriction_id:str}",
    operation_id="readRestriction",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Everything about a restriction",
)
async def read_restriction(
    restriction_id: FromPath[str], story: NamedDependency[Story], house: NamedDependency[House]
) -> File:
    """Show a restriction, proposed or in force, with what officers noted and the person said."""
    db, wanted = await story(), ids.parse("restriction", restriction_id)
    if not (acts := await restriction.acts(db, wanted)):
        raise UnknownRestriction
    responses, appeals = await appeal.responses(db, wanted), await appeal.of(db, wanted)
    sealed = {("app.restriction_act", each.id): each.note for each in acts if each.note is not None}
    sealed |= {("app.restriction_response", each.id): each.sealed for each in responses}
    sealed |= {("app.restriction_appeal", each.id): each.sealed for each in appeals}
    said = await words.read(db, house.keys.kms, acts[0].holder, sealed, about=wanted)
    standing = next((each for each in await restriction.of(db, acts[0].holder) if each.id == wanted), None)
    return _file(acts, standing, responses, appeals, said)


@post(
    "/v1/officer/restrictions",
    operation_id="proposeRestriction",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Propose to restrict somebody",
)
async def propose_restriction(
    data: JSONBody[ProposeRestriction],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[ActView]:
    """Ask that somebody's money be restricted; it is once another officer agrees, and only then."""

    async def act(story: Story) -> ActView:
        db, made = await story(), mint.new()
        holder = await whom.resident(db, data.resident)
        note = await _noted(story, house, holder, data.note, table="app.restriction_act", row=made)
        proposed = await restriction.impose(db, holder, data.cause, act=made, note=note, actor=me.actor, at=story.now)
        return ActView.of(proposed)

    return await once(act)


@post(
    "/v1/officer/restrictions/{restriction_id:str}/acts",
    operation_id="proposeRestrictionAct",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Propose to extend or lift a restriction",
)
async def propose_restriction_act(
    restriction_id: FromPath[str],
    data: JSONBody[ProposeAct],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[ActView]:
    """Say what the review has found; it is done once another officer agrees."""
    wanted = ids.parse("restriction", restriction_id)

    async def act(story: Story) -> ActView:
        db, made = await story(), mint.new()
        about = await restriction.find(db, wanted)
        note = await _noted(story, house, about.holder, data.note, table="app.restriction_act", row=made)
        return ActView.of(
            await restriction.change(db, wanted, Act(data.act), act=made, note=note, actor=me.actor, at=story.now)
        )

    return await once(act)


@post(
    "/v1/officer/restriction-acts/{act_id:str}/decision",
    operation_id="decideRestrictionAct",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Agree to what another officer proposes, or not",
    status_code=200,
)
async def decide_restriction_act(
    act_id: FromPath[str], data: JSONBody[DecideAct], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[ActView]:
    """Agree, and it holds at once in every process; or drop it, and nothing happened."""
    wanted = ids.parse("act", act_id)

    async def act(story: Story) -> ActView:
        db = await story()
        return ActView.of(await restriction.decide(db, wanted, agreed=data.agree, actor=me.actor, at=story.now))

    return await once(act)


@post(
    "/v1/officer/appeals/{appeal_id:str}/decision",
    operation_id="decideAppeal",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Answer an appeal",
    status_code=200,
)
async def decide_appeal(
    appeal_id: FromPath[str],
    data: JSONBody[DecideAppeal],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[AppealedView]:
    """Decide, as an officer who had no part in imposing; granted, the restriction is lifted at once."""
    wanted = ids.parse("appeal", appeal_id)

    async def act(story: Story) -> AppealedView:
        db = await story()
        about = await appeal.find(db, wanted)
        note = await _noted(story, house, about.holder, data.note, table="app.restriction_verdict", row=wanted)
        return AppealedView.of(await appeal.decide(db, wanted, data.outcome, note=note, actor=me.actor, at=story.now))

    return await once(act)


async def _noted(story: Story, house: House, holder: UUID, note: str, *, table: str, row: UUID) -> bytes | None:
    return await words.noted(await story(), house.keys.kms, holder, note, table=table, row=row)


def _file(
    acts: list[Proposed],
    standing: Restriction | None,
    responses: list[appeal.Response],
    appeals: list[Appeal],
    said: Mapping[UUID, str],
) -> File:
    return File(
        id=ids.show("restriction", acts[0].restriction),
        resident=ids.show("resident", acts[0].holder),
        reason=acts[0].reason,
        state=_state(acts[0], standing),
        review_due=standing.review_due if standing else None,
        overdue=standing is not None and standing.overdue_since is not None,
        acts=[ActView.of(each, said.get(each.id)) for each in acts],
        responses=[
            SaidView(id=ids.show("response", each.id), at=each.at, text=said.get(each.id)) for each in responses
        ],
        appeals=[AppealedView.of(each, said.get(each.id)) for each in appeals],
    )


def _state(imposing: Proposed, standing: Restriction | None) -> Standing:
    if standing is None:
        return "proposed" if imposing.agreed is None else "dropped"
    return "lifted" if standing.state is State.LIFTED else "in_force"


routes = [
    list_restriction_work,
    read_restriction,
    propose_restriction,
    propose_restriction_act,
    decide_restriction_act,
    decide_appeal,
]
