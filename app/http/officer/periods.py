"""Closing the books: no value date before a day any more, under four eyes.

path   POST   /v1/officer/periods                  ->  wallet/period.py   propose()
       POST   /v1/officer/periods/{id}/approval    ->  wallet/period.py   approve()
       DELETE /v1/officer/periods/{id}             ->  wallet/period.py   withdraw()
"""

from datetime import date, datetime
from typing import Annotated, Literal

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app.auth.principal import Principal
from app.db import Story
from app.http import ids
from app.http.paging import Limit
from app.http.wire import Wire
from app.idempotency import Once
from wallet import period
from wallet.period import Period

_TAGS = ["Periods"]


class ProposePeriod(Wire, frozen=True):
    """The first day that stays open: all before it are over for good."""

    closed_until: Annotated[date, Meta(examples=["2026-11-01"])]


class PeriodView(Wire, frozen=True):
    """The end of a period: proposed by one officer, closed once another one approved it."""

    id: Annotated[str, Meta(examples=["period_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    closed_until: date
    state: Annotated[Literal["proposed", "closed"], Meta(examples=["proposed"])]
    proposed_by: Annotated[str, Meta(examples=["officer:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"])]
    proposed_at: datetime
    approved_by: Annotated[str | None, Meta(examples=[None])]
    approved_at: Annotated[datetime | None, Meta(examples=[None])]

    @classmethod
    def of(cls, found: Period) -> "PeriodView":
        """Show the end of a period."""
        return cls(
            id=ids.show("period", found.id),
            closed_until=found.closed_until,
            state="proposed" if found.approved_at is None else "closed",
            proposed_by=found.proposed_by,
            proposed_at=found.proposed_at,
            approved_by=found.approved_by,
            approved_at=found.approved_at,
        )


class PeriodList(Wire, frozen=True):
    """What is proposed or closed, the latest first."""

    periods: list[PeriodView]


@get(
    "/v1/officer/periods",
    operation_id="listPeriods",
    opt={"scope": "officer:read"},
    tags=_TAGS,
    summary="Closed periods",
)
async def list_periods(story: NamedDependency[Story], limit: Limit = 20) -> PeriodList:
    """List how far the books are closed, and what is proposed."""
    return PeriodList(periods=[PeriodView.of(each) for each in await period.listed(await story(), limit=limit)])


@post(
    "/v1/officer/periods",
    operation_id="proposePeriod",
    opt={"scope": "officer:periods"},
    tags=_TAGS,
    summary="Propose to close a period",
)
async def propose_period(
    data: JSONBody[ProposePeriod], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[PeriodView]:
    """Ask that all days before one be closed; they are once another officer has approved it."""

    async def act(story: Story) -> PeriodView:
        db = await story()
        made = await period.propose(db, period=mint.new(), until=data.closed_until, actor=me.actor, at=story.now)
        return PeriodView.of(made)

    return await once(act)


@post(
    "/v1/officer/periods/{period_id:str}/approval",
    operation_id="approvePeriod",
    opt={"scope": "officer:periods"},
    tags=_TAGS,
    summary="Close a period",
    status_code=200,
)
async def approve_period(
    period_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[PeriodView]:
    """Close what another officer proposed. It is never opened again: corrections are new transfers of today."""
    wanted = ids.parse("period", period_id)

    async def act(story: Story) -> PeriodView:
        db = await story()
        return PeriodView.of(await period.approve(db, wanted, actor=me.actor, at=story.now))

    return await once(act)


@delete(
    "/v1/officer/periods/{period_id:str}",
    operation_id="withdrawPeriod",
    opt={"scope": "officer:periods"},
    tags=_TAGS,
    summary="Take a proposal back",
)
async def withdraw_period(
    period_id: FromPath[str], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> None:
    """Take one's own proposal back, or turn another officer's down."""
    db = await story()
    await period.withdraw(db, ids.parse("period", period_id), actor=me.actor, at=story.now)


routes = [list_periods, propose_period, approve_period, withdraw_period]
