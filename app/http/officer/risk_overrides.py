"""Two officers' word in the place of what was computed: a band for a time, or that a match is somebody else.

path   POST /v1/officer/risk-overrides                               ->  kyc/risk/override.py   propose()
       POST /v1/officer/risk-overrides/{risk_override_id}/decision   ->  kyc/risk/override.py   decide()

The answer to a POST holds no words: it is kept for repeats of the request.
"""

from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import access, vault
from app import ids as mint
from app.access import Look, Purpose, Sees
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.officer import whom
from app.http.officer.risk_rules import Officer, ResidentId
from app.http.wire import NotTogether, Wire
from app.idempotency import Once
from kyc.risk import override
from kyc.risk.band import Band
from kyc.risk.override import LONGEST_DAYS, Override, Reason, What
from law import calendar

TAGS = ["Risk"]
SCOPE = {"scope": "officer:risk"}

OverrideId = Annotated[str, Meta(examples=["risk_override_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Note = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$(?!\n)",
        examples=["Born in another year and another country than the minister."],
        description="For colleagues; sealed, and never shown to the person.",
    ),
]
Entity = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=80,
        pattern=r"^[\x21-\x7e]+$(?!\n)",
        examples=["office-1"],
        description="The vendor's reference of the match that is somebody else.",
    ),
]


class OverrideView(Wire, frozen=True, kw_only=True):
    """Two officers' word in the place of what was computed; `agreed` is null while it waits for the second."""

    id: OverrideId
    resident: ResidentId
    what: Annotated[What, Meta(examples=["pep"])]
    band: Annotated[Band | None, Meta(examples=[None])]
    entity: Annotated[str | None, Meta(examples=["office-1"])]
    reason: Annotated[Reason, Meta(examples=["namesake"])]
    expires_on: date
    proposed_by: Officer
    proposed_at: datetime
    decided_by: Annotated[str | None, Meta(examples=[None])]
    decided_at: Annotated[datetime | None, Meta(examples=[None])]
    agreed: Annotated[bool | None, Meta(examples=[None])]
    note: Annotated[str | None, Meta(examples=[None])] = None

    @classmethod
    def of(cls, found: Override, note: str | None = None) -> "OverrideView":
        """Show an override."""
        fields = {name: getattr(found, name) for name in found.__struct_fields__ if name != "note"}
        fields |= {"id": ids.show("risk_override", found.id), "resident": ids.show("resident", found.resident)}
        return cls(**fields, note=note)


class OverrideList(Wire, frozen=True):
    """What waits for a second officer, the oldest first."""

    overrides: list[OverrideView]


class ProposeOverride(Wire, frozen=True, kw_only=True):
    """A `band` in the place of the computed one, or the `entity` of a match that is somebody else; for so many days."""

    resident: ResidentId
    what: Annotated[What, Meta(examples=["pep"])]
    band: Annotated[Band | None, Meta(examples=[None])] = None
    entity: Entity | None = None
    reason: Annotated[Reason, Meta(examples=["known_better"])]
    days: Annotated[int, Meta(ge=1, le=LONGEST_DAYS, examples=[90], description="How long it holds, from today.")]
    note: Note = ""


class DecideOverride(Wire, frozen=True):
    """Whether the second officer agrees."""

    agree: Annotated[bool, Meta(examples=[True])]


@get(
    "/v1/officer/risk-overrides",
    operation_id="listRiskOverrides",
    opt=SCOPE,
    tags=TAGS,
    summary="Overrides that wait for a second officer",
)
async def list_risk_overrides(story: NamedDependency[Story]) -> OverrideList:
    """List what was proposed and waits."""
    return OverrideList(overrides=[OverrideView.of(each) for each in await override.waiting(await story())])


@post(
    "/v1/officer/risk-overrides",
    operation_id="proposeRiskOverride",
    opt=SCOPE,
    tags=TAGS,
    summary="Propose to override a band, or a match",
)
async def propose_risk_override(
    data: JSONBody[ProposeOverride],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[OverrideView]:
    """Ask that a band hold for a time, or a match be taken for somebody else; it is once another officer agrees."""
    if (data.what is What.BAND) != (data.band is not None) or (data.what is What.BAND) != (data.entity is None):
        raise NotTogether("what", "band", "entity")

    async def act(story: Story) -> OverrideView:
        db, new = await story(), mint.new()
        resident = await whom.resident(db, data.resident)
        note = None
        if data.note:
            safe = await vault.look(db, house.keys.kms, resident, _why(new))
            note = safe.seal(data.note.encode(), table="kyc.risk_override", column="note", row=new)
        asked = Override(
            id=new,
            resident=resident,
            what=data.what,
            band=data.band,
            entity=data.entity,
            reason=data.reason,
            note=note,
            expires_on=calendar.statutory_date(story.now) + timedelta(days=data.days),
            proposed_by=me.actor,
            proposed_at=story.now,
        )
        return OverrideView.of(await override.propose(db, asked, at=story.now))

    return await once(act)


@post(
    "/v1/officer/risk-overrides/{risk_override_id:str}/decision",
    operation_id="decideRiskOverride",
    opt=SCOPE,
    tags=TAGS,
    summary="Agree to an override, or not",
    status_code=200,
)
async def decide_risk_override(
    risk_override_id: FromPath[str],
    data: JSONBody[DecideOverride],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[OverrideView]:
    """Agree as another officer, and the relation is judged again; or drop it, and nothing happened."""
    wanted = ids.parse("risk_override", risk_override_id)

    async def act(story: Story) -> OverrideView:
        db = await story()
        return OverrideView.of(await override.decide(db, wanted, agreed=data.agree, actor=me.actor, at=story.now))

    return await once(act)


def _why(about: UUID) -> Look:
    """Tell the person of the look after half a year: before, it could tell them that something is proposed."""
    return Look(sees=Sees.IDENTITY, purpose=Purpose.REQUEST, about=about, delay=access.DELAY)


async def noted(story: Story, house: House, found: list[Override]) -> list[OverrideView]:
    """Show overrides of one person with what officers noted."""
    sealed = [each for each in found if each.note is not None]
    if not sealed:
        return [OverrideView.of(each) for each in found]
    safe = await vault.look(await story(), house.keys.kms, sealed[0].resident, _why(sealed[0].id))
    notes = {
        each.id: safe.open(each.note, table="kyc.risk_override", column="note", row=each.id).decode()
        for each in sealed
        if each.note is not None
    }
    return [OverrideView.of(each, notes.get(each.id)) for each in found]


routes = [list_risk_overrides, propose_risk_override, decide_risk_override]
