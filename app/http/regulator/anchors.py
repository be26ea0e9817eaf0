"""Anchors as a regulator sees them: the statements, and whether every second place has them."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from msgspec import Meta

from app import clock, sink
from app.db import Story
from app.house import House
from app.http.paging import Limit
from app.http.public.anchors import After, AnchorKey, AnchorView, read
from app.http.wire import Wire
from app.sink import State


class SecondPlace(Wire, frozen=True):
    """A place outside that keeps the anchors: how far it is, and what keeps it from having all of them."""

    name: Annotated[str, Meta(examples=["notary"])]
    delivered: Annotated[int, Meta(ge=0, description="The last anchor it confirmed.", examples=[17])]
    behind: Annotated[int, Meta(ge=0, description="Anchors it lacks.", examples=[0])]
    behind_s: Annotated[int, Meta(ge=0, description="The age of the oldest one it lacks.", examples=[0])]
    trouble: Annotated[str | None, Meta(examples=[None])]

    @classmethod
    def of(cls, found: State) -> "SecondPlace":
        """Show how far a place is."""
        return cls(
            name=found.name,
            delivered=found.delivered,
            behind=found.behind,
            behind_s=found.behind_s,
            trouble=found.trouble,
        )


class AnchorReport(Wire, frozen=True):
    """Anchors in order of their number, the key of the signatures now, and the second places."""

    key: AnchorKey
    anchors: list[AnchorView]
    places: list[SecondPlace]


async def report(story: Story, house: House, after: int | None, limit: int) -> AnchorReport:
    """Read the anchors and how far each second place is."""
    found = await read(story, after, limit)
    states = await sink.states(await story(), clock.real())
    return AnchorReport(
        key=AnchorKey(**house.keys.audit.public_jwk),
        anchors=[AnchorView.of(each) for each in found],
        places=[SecondPlace.of(each) for each in states],
    )


@get(
    "/v1/regulator/anchors",
    operation_id="getAnchorReport",
    opt={"scope": "regulator:reports"},
    tags=["Regulator"],
    summary="Anchors and where they are kept",
)
async def get_anchor_report(
    story: NamedDependency[Story], house: NamedDependency[House], after: After = None, limit: Limit = 20
) -> AnchorReport:
    """Show the anchors, and whether each second place has confirmed them."""
    return await report(story, house, after, limit)


routes = [get_anchor_report]
