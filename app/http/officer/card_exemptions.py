"""Whose cards may be valid for longer than a non-resident's: one officer proposes, another one decides.

path   POST /v1/officer/card-exemptions                  ->  cards/programme/exemption.py   propose()
       POST /v1/officer/card-exemptions/{id}/decision    ->  cards/programme/exemption.py   decide()
       POST /v1/officer/card-exemptions/{id}/end         ->  cards/programme/exemption.py   end()

It rests on a status the person holds now and on a document; when the status ends, so does what rests on it.
"""

from datetime import datetime
from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app import standing
from app.auth.principal import Principal
from app.db import Story
from app.http import ids
from app.http.officer import whom
from app.http.wire import Wire
from app.idempotency import Once
from cards.programme import exemption
from cards.programme.exemption import Exemption, Reason
from residency import status
from residency.status import State

_TAGS = ["Cards"]
_SCOPE = {"scope": "officer:programme"}
_Resident = Annotated[str, Meta(max_length=40, examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]


class ProposeExemption(Wire, frozen=True):
    """Who, why, and which document shows it."""

    resident: _Resident
    reason: Annotated[Reason, Meta(examples=["investor"])]
    evidence: Annotated[
        str,
        Meta(
            pattern=r"^[A-Z]{1,12}(-[0-9]{1,12}){1,3}$(?!\n)",
            description="Where the document is filed: a word in capitals and numbers, nothing about a person.",
            examples=["CASE-2026-0117"],
        ),
    ]


class DecideExemption(Wire, frozen=True):
    """Whether the second officer agrees."""

    agree: Annotated[bool, Meta(examples=[True])]


class ExemptionView(Wire, frozen=True, kw_only=True):
    """An exemption; `agreed` is null while it waits for the second officer."""

    id: Annotated[str, Meta(examples=["exemption_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    resident: _Resident
    reason: Annotated[Reason, Meta(examples=["investor"])]
    status: Annotated[str, Meta(description="The status of the person it rests on.")]
    evidence: Annotated[str, Meta(examples=["CASE-2026-0117"])]
    proposed_by: str
    proposed_at: datetime
    decided_by: Annotated[str | None, Meta(examples=[None])]
    agreed: Annotated[bool | None, Meta(examples=[None])]
    ended_at: Annotated[datetime | None, Meta(examples=[None])]

    @classmethod
    def of(cls, found: Exemption) -> "ExemptionView":
        """Show an exemption."""
        return cls(
            id=ids.show("exemption", found.id),
            resident=ids.show("resident", found.holder),
            reason=found.reason,
            status=ids.show("status", found.status),
            evidence=found.evidence,
            proposed_by=found.proposed_by,
            proposed_at=found.proposed_at,
            decided_by=found.decided_by,
            agreed=found.agreed,
            ended_at=found.ended_at,
        )


class Exemptions(Wire, frozen=True):
    """What is proposed or in force, the oldest first."""

    exemptions: list[ExemptionView]


@get(
    "/v1/officer/card-exemptions",
    operation_id="listCardExemptions",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Exemptions from the term of non-residents",
)
async def list_exemptions(story: NamedDependency[Story]) -> Exemptions:
    """List what is proposed or in force."""
    return Exemptions([ExemptionView.of(each) for each in await exemption.listed(await story())])


@post(
    "/v1/officer/card-exemptions",
    operation_id="proposeCardExemption",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Propose an exemption",
)
async def propose(
    data: JSONBody[ProposeExemption], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[ExemptionView]:
    """Ask that somebody's new cards may be valid for longer; they may once another officer agrees."""

    async def act(story: Story) -> ExemptionView:
        db = await story()
        holder = await whom.resident(db, data.resident)
        held = [each for each in await status.of_resident(db, holder) if each.state is State.ACTIVE]
        if not held:
            raise standing.NotEResident
        wanted = Exemption(
            id=mint.new(),
            holder=holder,
            reason=data.reason,
            status=held[-1].id,
            evidence=data.evidence,
            proposed_by=me.actor,
            proposed_at=story.now,
        )
        return ExemptionView.of(await exemption.propose(db, wanted))

    return await once(act)


@post(
    "/v1/officer/card-exemptions/{exemption_id:str}/decision",
    operation_id="decideCardExemption",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Agree to an exemption, or not",
    status_code=200,
)
async def decide(
    exemption_id: FromPath[str],
    data: JSONBody[DecideExemption],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[ExemptionView]:
    """Decide what another officer proposed."""
    wanted = ids.parse("exemption", exemption_id)

    async def act(story: Story) -> ExemptionView:
        db = await story()
        return ExemptionView.of(await exemption.decide(db, wanted, agreed=data.agree, actor=me.actor, at=story.now))

    return await once(act)


@post(
    "/v1/officer/card-exemptions/{exemption_id:str}/end",
    operation_id="endCardExemption",
    opt=_SCOPE,
    tags=_TAGS,
    summary="End an exemption",
    status_code=200,
)
async def end(
    exemption_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[ExemptionView]:
    """Take an exemption away; cards keep the term they were made with."""
    wanted = ids.parse("exemption", exemption_id)

    async def act(story: Story) -> ExemptionView:
        return ExemptionView.of(await exemption.end(await story(), wanted, actor=me.actor, at=story.now))

    return await once(act)


routes = [list_exemptions, propose, decide, end]
