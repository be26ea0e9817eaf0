"""Officers' duties, under four eyes: one officer of security proposes, another one approves.

path   POST /v1/officer/duties                  ->  app/auth/duty.py   propose()
       POST /v1/officer/duties/{id}/approval    ->  app/auth/duty.py   approve()
       DELETE /v1/officer/duties/{id}           ->  app/auth/duty.py   end()
"""

from datetime import datetime
from typing import Annotated, Literal

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock
from app.auth import duty
from app.auth.duty import Grant
from app.auth.principal import Principal
from app.auth.scopes import Duty
from app.db import Story
from app.http import ids
from app.http.wire import Wire
from app.idempotency import Once

_Officer = Annotated[str, Meta(examples=["officer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]


class ProposeDuty(Wire, frozen=True):
    """Who shall have which duty."""

    officer: _Officer
    duty: Annotated[Duty, Meta(examples=["case_officer"])]


class DutyView(Wire, frozen=True):
    """A duty of an officer: proposed by one, in force once another one approved it."""

    id: Annotated[str, Meta(examples=["duty_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    officer: _Officer
    duty: Annotated[Duty, Meta(examples=["case_officer"])]
    state: Annotated[Literal["proposed", "in_force"], Meta(examples=["proposed"])]
    proposed_by: Annotated[str, Meta(examples=["officer:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"])]
    proposed_at: datetime
    approved_by: Annotated[str | None, Meta(examples=[None])]
    approved_at: Annotated[datetime | None, Meta(examples=[None])]

    @classmethod
    def of(cls, found: Grant) -> "DutyView":
        """Show a duty."""
        return cls(
            id=ids.show("duty", found.id),
            officer=ids.show("officer", found.officer),
            duty=found.duty,
            state="proposed" if found.approved_at is None else "in_force",
            proposed_by=found.proposed_by,
            proposed_at=found.proposed_at,
            approved_by=found.approved_by,
            approved_at=found.approved_at,
        )


class DutyList(Wire, frozen=True):
    """What is proposed or in force, the oldest first."""

    duties: list[DutyView]


@get(
    "/v1/officer/duties",
    operation_id="listDuties",
    opt={"scope": "officer:duties:read"},
    tags=["Officers"],
    summary="Officers' duties",
)
async def list_duties(story: NamedDependency[Story]) -> DutyList:
    """List who may do what, and what is proposed."""
    return DutyList(duties=[DutyView.of(each) for each in await duty.listed(await story())])


@post(
    "/v1/officer/duties",
    operation_id="proposeDuty",
    opt={"scope": "officer:duties"},
    tags=["Officers"],
    summary="Propose a duty for an officer",
)
async def propose_duty(
    data: JSONBody[ProposeDuty], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[DutyView]:
    """Ask that an officer get a duty; it counts once another officer of security has approved it."""
    officer = ids.parse("officer", data.officer)

    async def act(story: Story) -> DutyView:
        return DutyView.of(await duty.propose(await story(), officer, data.duty, actor=me.actor, at=clock.real()))

    return await once(act)


@post(
    "/v1/officer/duties/{duty_id:str}/approval",
    operation_id="approveDuty",
    opt={"scope": "officer:duties"},
    tags=["Officers"],
    summary="Approve a duty for an officer",
    status_code=200,
)
async def approve_duty(
    duty_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[DutyView]:
    """Put a duty in force that somebody else proposed for somebody else; the officer has it at the next sign-in."""
    grant = ids.parse("duty", duty_id)

    async def act(story: Story) -> DutyView:
        return DutyView.of(await duty.approve(await story(), grant, actor=me.actor, at=clock.real()))

    return await once(act)


@delete(
    "/v1/officer/duties/{duty_id:str}",
    operation_id="endDuty",
    opt={"scope": "officer:duties"},
    tags=["Officers"],
    summary="End a duty",
)
async def end_duty(duty_id: FromPath[str], story: NamedDependency[Story], me: NamedDependency[Principal]) -> None:
    """Take a duty away, at once and by one alone, or a proposal back; the officer's sessions end."""
    await duty.end(await story(), ids.parse("duty", duty_id), actor=me.actor, at=clock.real())


routes = [list_duties, propose_duty, approve_duty, end_duty]
