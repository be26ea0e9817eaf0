"""The programme as officers run it: how full it is, and what is done to all cards of a basis.

path   GET /v1/officer/card-programme              how many cards and holders there are, under which caps
       POST /v1/officer/card-campaigns             ->  cards/programme/campaign.py   propose()
       POST /v1/officer/card-campaigns/{id}/acts   ->  cards/programme/campaign.py   turn()
"""

from datetime import date, datetime
from typing import Annotated, Literal

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids as mint
from app.auth.principal import Principal
from app.cards import holders as card_holders
from app.db import Story
from app.http import ids
from app.http.wire import NoSuchTime, NotTogether, Wire
from app.idempotency import Once
from cards.programme import campaign, place
from cards.programme.campaign import Act, Campaign, Kind, Outcome, State
from law.regime import Phase

_TAGS = ["Cards"]
_SCOPE = {"scope": "officer:programme"}
_Basis = Annotated[str, Meta(pattern=r"^[A-Za-z0-9 ./_-]{1,80}$(?!\n)", examples=["NBK-SANDBOX-ASSUMED-1"])]
_Count = Annotated[int, Meta(ge=0, examples=[0])]


class CampaignView(Wire, frozen=True, kw_only=True):
    """A campaign, and what it did to how many cards."""

    id: Annotated[str, Meta(examples=["campaign_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    kind: Annotated[Kind, Meta(examples=["wind_down"])]
    basis: _Basis
    to_basis: Annotated[str | None, Meta(examples=[None])]
    state: Annotated[State, Meta(examples=["proposed"])]
    spends_until: Annotated[datetime | None, Meta(examples=[None])]
    consent_until: Annotated[datetime | None, Meta(examples=[None])]
    waiting: _Count
    moved: _Count
    closed: _Count
    rolled_back: _Count
    proposed_by: str
    proposed_at: datetime
    approved_by: Annotated[str | None, Meta(examples=[None])]

    @classmethod
    async def of(cls, db: AsyncConnection, found: Campaign) -> "CampaignView":
        """Show a campaign as far as it is."""
        counts = await campaign.counts(db, found.id)
        return cls(
            id=ids.show("campaign", found.id),
            kind=found.kind,
            basis=found.basis,
            to_basis=found.to_basis,
            state=found.state,
            spends_until=found.spends_until,
            consent_until=found.consent_until,
            **{outcome.value: counts.get(outcome, 0) for outcome in Outcome},
            proposed_by=found.proposed_by,
            proposed_at=found.proposed_at,
            approved_by=found.approved_by,
        )


class ProgrammeView(Wire, frozen=True, kw_only=True):
    """The programme of today. A cap that is null is none."""

    phase: Annotated[Phase, Meta(examples=["sandbox"])]
    basis: _Basis
    begins: date
    ends: Annotated[date | None, Meta(examples=[None])]
    issues_cards: Annotated[bool, Meta(examples=[True])]
    notice_version: Annotated[str, Meta(examples=["sandbox-2026-1"])]
    cards: _Count
    cards_max: Annotated[int | None, Meta(examples=[100_000])]
    holders: _Count
    holders_max: Annotated[int | None, Meta(examples=[100_000])]
    cards_per_customer_max: Annotated[int | None, Meta(examples=[5])]
    turnover_month_max_minor: Annotated[int | None, Meta(examples=[5_000_000_000_000])]
    reverify_days: Annotated[int | None, Meta(examples=[365])]
    campaigns: list[CampaignView]


class ProposeCampaign(Wire, frozen=True):
    """A wind-down: cards of `basis` spend until the day `spends_until` is over; nothing more is issued.

    A migration: cards of `basis` move to the basis of the regime of today.
    """

    kind: Annotated[Kind, Meta(examples=["wind_down"])]
    basis: _Basis
    spends_until: Annotated[datetime | None, Meta(examples=["2030-01-31T19:00:00Z"])] = None


class MoveCampaign(Wire, frozen=True):
    """What is to happen to a campaign; approving it takes another officer than who proposed it."""

    act: Annotated[Literal["approve", "drop", "pause", "resume", "roll_back"], Meta(examples=["approve"])]


@get(
    "/v1/officer/card-programme",
    operation_id="getCardProgrammeStatus",
    opt=_SCOPE,
    tags=_TAGS,
    summary="How the card programme stands",
)
async def get_status(story: NamedDependency[Story]) -> ProgrammeView:
    """Show the regime of today, how full it is, and every campaign, the newest first."""
    db = await story()
    regime = card_holders.regime(story.now)
    taken = await place.taken(db)
    turnover = regime.caps.turnover_month
    return ProgrammeView(
        phase=regime.phase,
        basis=regime.basis,
        begins=regime.begins,
        ends=regime.ends,
        issues_cards=regime.issues_cards,
        notice_version=regime.notice.version,
        cards=taken.cards,
        cards_max=regime.caps.cards,
        holders=taken.holders,
        holders_max=regime.caps.customers,
        cards_per_customer_max=regime.caps.cards_per_customer,
        turnover_month_max_minor=None if turnover is None else turnover.minor,
        reverify_days=regime.policy.reverify_days,
        campaigns=[await CampaignView.of(db, each) for each in await campaign.listed(db)],
    )


@post(
    "/v1/officer/card-campaigns",
    operation_id="proposeCardCampaign",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Propose to move or end all cards of a basis",
)
async def propose(
    data: JSONBody[ProposeCampaign], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[CampaignView]:
    """Plan a migration or a wind-down; it begins once another officer approves."""
    if (data.kind is Kind.WIND_DOWN) is not (data.spends_until is not None):
        raise NotTogether("kind", "spends_until")

    async def act(story: Story) -> CampaignView:
        db = await story()
        return await CampaignView.of(db, await campaign.propose(db, _planned(data, me.actor, story.now)))

    return await once(act)


def _planned(data: ProposeCampaign, actor: str, at: datetime) -> Campaign:
    if data.spends_until is None:
        return campaign.migration(mint.new(), data.basis, card_holders.regime(at), actor=actor, at=at)
    if data.spends_until.tzinfo is None:
        raise NoSuchTime("spends_until")
    return campaign.wind_down(mint.new(), data.basis, data.spends_until, actor=actor, at=at)


@post(
    "/v1/officer/card-campaigns/{campaign_id:str}/acts",
    operation_id="moveCardCampaign",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Approve, pause, resume or roll back",
    status_code=200,
)
async def move(
    campaign_id: FromPath[str],
    data: JSONBody[MoveCampaign],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[CampaignView]:
    """Take a campaign a step on. A rollback takes every card back to where it was; consents stay."""
    wanted = ids.parse("campaign", campaign_id)

    async def act(story: Story) -> CampaignView:
        db = await story()
        return await CampaignView.of(db, await campaign.turn(db, wanted, Act(data.act), actor=me.actor, at=story.now))

    return await once(act)


routes = [get_status, propose, move]
